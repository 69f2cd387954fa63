from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import wait as waited
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_evaluators import Misbehaving, needing_tensorflow
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    TOY_ITERATIONS,
    fragile_evaluator,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_part_evaluator,
    toy_space,
)

from edgenas.errors import EdgenasError, MissingDependencyError
from edgenas.search import Event, Halving, TrialDone, WorkerLost, read_trials, run_search
from edgenas.search.executors import Job
from edgenas.search.executors.local import LocalWorkers
from edgenas.search.record import TrialRecord
from edgenas.space import Architecture

SCRIPT = Path(__file__).parent / "toy_evaluators.py"


def search(folder: Path, evaluator: Any, *, workers: int = 2, **options: Any) -> list[Event]:
    events: list[Event] = []
    run_search(
        toy_config(**options),
        toy_space(),
        evaluator,
        toy_estimator,
        folder / "run",
        on_event=events.append,
        executor=lambda e: LocalWorkers(e, workers=workers),
    )
    return events


def odd_ones(folder: Path) -> list[TrialRecord]:
    found = [r for r in read_trials(folder / "run") if int(r.architecture.hash, 16) % 3 == 1]
    assert found, "the toy problem should have some"
    return found


def without_seconds(folder: Path) -> list[dict[str, Any]]:
    rows = [{"number": r.number, **r.to_attrs()} for r in read_trials(folder)]
    for row in rows:
        row.pop("seconds")
    return rows


def test_one_worker_finds_what_the_search_itself_finds(tmp_path: Path) -> None:
    search(tmp_path, fragile_evaluator, workers=1)
    run_search(toy_config(), toy_space(), fragile_evaluator, toy_estimator, tmp_path / "here")
    assert without_seconds(tmp_path / "run") == without_seconds(tmp_path / "here")
    best = [(tmp_path / name / "best.json").read_text() for name in ("run", "here")]
    assert best[0] == best[1]


def test_pruning_with_one_worker_finds_what_the_search_itself_finds(tmp_path: Path) -> None:
    halving = Halving.of_schedule(TOY_ITERATIONS, first_step=10)
    search(tmp_path, toy_part_evaluator, workers=1, halving=halving)
    config = toy_config(halving=halving)
    run_search(config, toy_space(), toy_part_evaluator, toy_estimator, tmp_path / "here")
    assert without_seconds(tmp_path / "run") == without_seconds(tmp_path / "here")
    assert {r.evaluation.status for r in read_trials(tmp_path / "run")} == {"completed", "pruned"}


def test_several_workers_share_the_trials_and_train_no_network_twice(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    events = search(tmp_path, Misbehaving(calls, seconds=0.1), workers=3, trials=24)
    done = [e.record.number for e in events if isinstance(e, TrialDone)]
    assert sorted(done) == list(range(24)) == [r.number for r in read_trials(tmp_path / "run")]
    processes = {file.name.rsplit("-")[-1] for file in calls.iterdir()}
    assert len(processes) == 3 and str(os.getpid()) not in processes
    networks = Counter(file.name.split("-")[0] for file in calls.iterdir())
    assert set(networks.values()) == {1}


def test_a_hung_trial_is_ended_by_its_time_limit(tmp_path: Path) -> None:
    events = search(tmp_path, Misbehaving(tmp_path, "hang"), trials=9, trial_seconds=1.5)
    for record in odd_ones(tmp_path):
        assert record.evaluation.status == "failed"
        assert record.evaluation.reason == "it took longer than its time limit of 1.5 s and was ended"
    assert sum(isinstance(e, TrialDone) for e in events) == 9
    assert not any(isinstance(e, WorkerLost) for e in events)


def test_a_trial_whose_worker_is_killed_is_evaluated_again(tmp_path: Path) -> None:
    events = search(tmp_path, Misbehaving(tmp_path, "die once"), trials=9)
    lost = [e for e in events if isinstance(e, WorkerLost)]
    assert {e.number for e in lost} == {r.number for r in odd_ones(tmp_path) if r.duplicate_of is None}
    assert all("SIGKILL" in e.reason and e.again for e in lost)
    assert all(r.completed for r in read_trials(tmp_path / "run"))


def test_a_trial_that_always_takes_its_worker_along_has_failed(tmp_path: Path) -> None:
    search(tmp_path, Misbehaving(tmp_path, "die"), trials=6)
    for record in odd_ones(tmp_path):
        assert record.evaluation.status == "failed"
        assert record.evaluation.reason.endswith("SIGKILL, as the system does when memory runs out, 3 times")
    assert sum(r.completed for r in read_trials(tmp_path / "run")) >= 2


def test_an_error_for_the_user_ends_the_search_and_its_workers(tmp_path: Path) -> None:
    with pytest.raises(EdgenasError, match="The data are gone"):
        search(tmp_path, Misbehaving(tmp_path, "stop"))
    workers = {int(file.name.rsplit("-")[-1]) for file in tmp_path.glob("*-*-*")}
    assert workers and gone(workers)


def test_what_ended_with_an_error_for_the_user_is_not_lost(tmp_path: Path) -> None:
    workers = LocalWorkers(Misbehaving(tmp_path, "stop"), workers=2)
    networks = some_networks()
    try:
        for number, architecture in enumerate(networks):
            workers.submit(Job(number, architecture, 0))
        waited(list(workers._running))
        assert [done.job.number for done in workers.wait()] == [1]
        with pytest.raises(EdgenasError, match="The data are gone"):
            workers.wait()
    finally:
        workers.close()


def test_a_missing_package_in_a_worker_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"pip install 'edgenas\[train\]'"):
        search(tmp_path, needing_tensorflow)


def some_networks() -> list[Architecture]:
    """One for which `Misbehaving` does its deed and one for which it does not."""
    rng, found = np.random.default_rng(0), {}
    while len(found) < 2:
        network = toy_space().architecture(
            toy_space().sample(rng), input_shape=(64, 64), head_channels=HEAD_CHANNELS
        )
        found[int(network.hash, 16) % 3 != 1] = network
    return [found[False], found[True]]


def test_a_worker_that_dies_between_two_jobs_is_replaced(tmp_path: Path) -> None:
    workers = LocalWorkers(Misbehaving(tmp_path), workers=1)
    architecture = toy_space().architecture(
        toy_space().default(), input_shape=(64, 64), head_channels={"depth": 1, "segmentation": 13}
    )
    try:
        for number in range(3):
            workers.submit(Job(number, architecture, 0))
            (done,) = workers.wait()
            while done.evaluation is None:  # the killed one had taken the job already
                workers.submit(done.job)
                (done,) = workers.wait()
            assert done.evaluation.metrics == toy_evaluator(architecture, 0).metrics
            newest = max(tmp_path.iterdir(), key=lambda file: file.stat().st_mtime_ns)
            os.kill(int(newest.name.rsplit("-")[-1]), signal.SIGKILL)
            time.sleep(0.3 * number)
    finally:
        workers.close()


def gone(processes: set[int], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.05)
    return False


def start(folder: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), "30", mode, "3"]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_kill_9_of_a_parallel_search_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    moments = random.Random(1)
    told: Counter[int] = Counter()
    folder = tmp_path / "run"
    for session in range(3):
        process = start(folder, "resume" if (folder / "config.json").exists() else "fresh")
        if process.stdout is None:
            raise RuntimeError("the search was started without a pipe")
        lines = moments.randint(8, 20) if session < 2 else 10_000
        for line in process.stdout:
            name, _, number = line.strip().partition(" ")
            if name == "TrialDone":
                told[int(number)] += 1
            lines -= 1
            if not lines:
                break
        if session < 2:
            children = child_processes(process.pid)
            process.kill()
            assert len(children) >= 3 and gone(children)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    records = read_trials(folder)
    assert [r.number for r in records] == list(range(30))
    # Told of means stored: it does not run again. What was killed between the two was not told of.
    assert max(told.values()) == 1


def child_processes(parent: int) -> set[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return {int(word) for file in tasks for word in file.read_text().split()}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads signal masks from /proc")
def test_a_worker_that_still_starts_does_not_hear_ctrl_c() -> None:
    """It goes to the whole process group, and an interpreter at its imports answers it with a traceback."""
    space = toy_space()
    architecture = space.architecture(space.default(), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
    workers = LocalWorkers(toy_evaluator, workers=2)
    try:
        for number in range(2):
            workers.submit(Job(number, architecture, 0))
        began, seen = time.monotonic(), set()
        while len(seen) < 2 and time.monotonic() - began < 30:
            for child in multiprocessing.active_children():
                status = Path(f"/proc/{child.pid}/status").read_text()
                (blocked,) = [line for line in status.splitlines() if line.startswith("SigBlk:")]
                assert int(blocked.split()[1], 16) & 1 << (signal.SIGINT - 1)
                seen.add(child.pid)
        assert len(seen) == 2
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        found: list[Any] = []
        while len(found) < 2:
            found += workers.wait()
        assert all(done.evaluation is not None and done.evaluation.completed for done in found)
    finally:
        workers.close()
