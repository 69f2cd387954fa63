"""A real Ray cluster of three nodes and a head on this machine; its processes are killed, and those of its driver."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_ray import NotLoadable, Toy, WithArrays
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    TOY_ITERATIONS,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_part_evaluator,
    toy_space,
)

from edgenas.datasets import load_dataset
from edgenas.errors import EdgenasError
from edgenas.search import Event, Halving, TrialDone, WorkerLost, read_trials, run_search
from edgenas.search.executors import Done, Job
from edgenas.search.executors.ray_connection import connect, import_ray
from edgenas.search.executors.ray_executor import RayExecutor
from edgenas.space import Architecture, load_space
from edgenas.training.config import default_loss_weights, load_training_preset
from edgenas.training.loss_weights import load_loss_weights
from edgenas.workflow.proxy_training import ProxyTraining

pytest.importorskip("ray")

SCRIPT = Path(__file__).parent / "toy_ray.py"
SMALL_STORE_BYTES = 100 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs and three nodes of two; a dead node is noticed within seconds."""
    import_ray()
    from ray.cluster_utils import Cluster

    # What a driver has on its path no node knows of.
    folders = os.pathsep.join(map(str, (SCRIPT.parent, SCRIPT.parents[1])))
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = folders
    config = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    found = Cluster()
    found.add_node(
        num_cpus=0,
        object_store_memory=SMALL_STORE_BYTES,
        include_dashboard=False,
        _system_config=config,
    )
    for _ in range(3):
        add_node(found)
    yield found
    found.shutdown()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def address(cluster: Any) -> Iterator[str]:
    """One driver for the tests of this module, as the worker processes of a new one start slowly."""
    connection = connect(cluster.address)
    yield cluster.address
    connection.close()


def add_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=2, object_store_memory=SMALL_STORE_BYTES)


def search(address: str, folder: Path, evaluator: Any, on_event: Any = None, **options: Any) -> list[Event]:
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    run_search(
        toy_config(**options),
        toy_space(),
        evaluator,
        toy_estimator,
        folder / "run",
        on_event=hear,
        executor=lambda e: RayExecutor(e, address=address),
    )
    return events


def default_network() -> Architecture:
    return toy_space().architecture(
        toy_space().default(), input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS
    )


def gone(processes: set[int], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.1)
    return False


def children(node: Any) -> set[int]:
    """Worker processes that a node has started."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = set()
    for file in Path(f"/proc/{raylet}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it may have ended by now
            found |= {int(word) for word in file.read_text().split()}
    return found


def trial_processes(nodes: list[Any]) -> set[int]:
    """Those that evaluate trials at the moment."""
    found = set()
    for child in set[int]().union(*map(children, nodes)):
        with contextlib.suppress(OSError):
            if b"run_trial" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


def kill_node(node: Any) -> None:
    """As if its plug was pulled: kill -9 of the raylet and of every worker process that it started."""
    workers = children(node)
    assert workers
    node.all_processes["raylet"][0].process.kill()
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def test_parts_of_a_pruned_search_go_on_wherever_a_worker_is_free(address: str, tmp_path: Path) -> None:
    halving = Halving.of_schedule(TOY_ITERATIONS, first_step=10)
    search(address, tmp_path, toy_part_evaluator, trials=16, algorithm="random", halving=halving)
    records = read_trials(tmp_path / "run")
    assert {r.evaluation.status for r in records} == {"completed", "pruned"}
    whole = [r for r in records if r.completed and r.duplicate_of is None]
    # The toy evaluator fails where it is given another state than that of the part before.
    assert whole and all(r.evaluation.seconds["steps"] == TOY_ITERATIONS for r in whole)
    assert [r.evaluation.metrics for r in whole] == [
        toy_part_evaluator(r.architecture, 0).metrics for r in whole
    ]


def test_a_killed_node_loses_no_trial(
    cluster: Any, address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    done: list[int] = []
    killed: list[Any] = []

    def on_event(event: Event) -> None:
        if not isinstance(event, TrialDone):
            return
        done.append(event.record.number)
        if len(done) >= 8 and not killed:
            busy = [node for node in cluster.worker_nodes if trial_processes([node])]
            if busy:
                killed.append(busy[0])
                kill_node(busy[0])

    capfd.readouterr()
    events = search(address, tmp_path, Toy(calls, seconds=0.5), on_event, trials=40)
    output = capfd.readouterr()
    cluster.worker_nodes.discard(killed[0])
    assert sorted(done) == list(range(40)) == [r.number for r in read_trials(tmp_path / "run")]
    assert all(r.completed for r in read_trials(tmp_path / "run"))
    lost = [event for event in events if isinstance(event, WorkerLost)]
    assert 1 <= len(lost) <= 6 and all(event.again and "lost" in event.reason for event in lost)
    repeated = [n for n, times in Counter(f.name.split("-")[0] for f in calls.iterdir()).items() if times > 1]
    assert len(repeated) <= len(lost)
    processes = {file.name.rsplit("-")[-1] for file in calls.iterdir()}
    assert len(processes) >= 3 and str(os.getpid()) not in processes
    assert output.out == "" and output.err == ""


def test_a_node_that_joins_is_used(cluster: Any, address: str, tmp_path: Path) -> None:
    executor = RayExecutor(Toy(tmp_path, seconds=0.1), address=address)
    before = executor.capacity
    new = add_node(cluster)
    end = time.monotonic() + 60
    number, running = 0, 0
    while not children(new) & {int(file.name.rsplit("-")[-1]) for file in tmp_path.iterdir()}:
        assert time.monotonic() < end, f"capacity is {executor.capacity}"
        while running < executor.capacity:
            executor.submit(Job(number, default_network(), 0))
            number, running = number + 1, running + 1
        running -= len(executor.wait())
    assert executor.capacity == before + 2
    executor.close()


def test_the_evaluator_travels_once_and_its_arrays_are_read_in_place(address: str, tmp_path: Path) -> None:
    array = np.arange(2_000_000, dtype=np.float64)
    np.save(tmp_path / "array.npy", array)
    executor = RayExecutor(WithArrays(tmp_path / "array.npy"), address=address, cpus_per_trial=2)
    try:
        assert executor.capacity == 3
        (tmp_path / "array.npy").unlink()
        facts: list[Any] = []
        for first in range(0, 12, 3):
            for number in range(first, first + 3):
                executor.submit(Job(number, default_network(), 0))
            while len(facts) < first + 3:
                facts += [d.evaluation.metrics["facts"] for d in executor.wait() if d.evaluation is not None]
    finally:
        executor.close()
    assert {f["sum"] for f in facts} == {array.sum()}
    assert {(f["own"], f["writeable"], f["has_path"]) for f in facts} == {(0.0, 0.0, 0.0)}
    assert {(f["unpickled"], f["threads"]) for f in facts} == {(1.0, 2.0)}
    assert max(f["called"] for f in facts) >= 2, "no worker process was used twice"


def test_a_hung_trial_is_ended_by_its_time_limit(address: str, tmp_path: Path) -> None:
    events = search(address, tmp_path, Toy(tmp_path, "hang"), trials=9, trial_seconds=1.0)
    records = read_trials(tmp_path / "run")
    odd = [r for r in records if int(r.architecture.hash, 16) % 3 == 1]
    assert odd and all(r.evaluation.status == "failed" for r in odd)
    assert all("longer than its time limit of 1 s" in r.evaluation.reason for r in odd)
    assert [r.number for r in records] == list(range(9))
    assert not any(isinstance(event, WorkerLost) for event in events)
    hung = {int(f.name.rsplit("-")[-1]) for f in tmp_path.glob("*-*-*") if int(f.name[:16], 16) % 3 == 1}
    assert hung and gone(hung)


def test_what_ended_in_time_counts_however_late_it_is_asked_for(address: str, tmp_path: Path) -> None:
    executor = RayExecutor(Toy(tmp_path, seconds=0.5), address=address, cpus_per_trial=2, workers=3)
    try:
        for number in range(3):
            executor.submit(Job(number, default_network(), 0, limit_seconds=2.0))
        found = executor.wait()
        time.sleep(2.5)  # As a full disk pauses the driver.
        while len(found) < 3:
            found += executor.wait()
    finally:
        executor.close()
    assert all(done.evaluation is not None and done.evaluation.completed for done in found), found


def test_a_trial_whose_worker_is_killed_is_evaluated_again(address: str, tmp_path: Path) -> None:
    events = search(address, tmp_path, Toy(tmp_path, "die once"), trials=9)
    lost = [event for event in events if isinstance(event, WorkerLost)]
    odd = {r.number for r in read_trials(tmp_path / "run") if int(r.architecture.hash, 16) % 3 == 1}
    assert lost and {event.number for event in lost} <= odd
    assert all("its worker process on node" in event.reason and event.again for event in lost)
    assert all(r.completed for r in read_trials(tmp_path / "run"))


def test_a_trial_that_always_takes_its_worker_along_has_failed(address: str, tmp_path: Path) -> None:
    search(address, tmp_path, Toy(tmp_path, "die"), trials=5)
    odd = [r for r in read_trials(tmp_path / "run") if int(r.architecture.hash, 16) % 3 == 1]
    assert odd and all(r.evaluation.status == "failed" for r in odd)
    assert all(r.evaluation.reason.endswith("3 times") for r in odd)


def test_an_error_for_the_user_ends_the_search(address: str, tmp_path: Path) -> None:
    with pytest.raises(EdgenasError, match="The data are gone"):
        search(address, tmp_path, Toy(tmp_path, "stop"))


def test_an_evaluator_that_no_node_can_load_ends_the_search(address: str, tmp_path: Path) -> None:
    with pytest.raises(EdgenasError, match=r"cannot be loaded on a node.*only_on_my_laptop"):
        search(address, tmp_path, NotLoadable())


def test_more_than_any_node_has_is_said_at_once(address: str) -> None:
    with pytest.raises(EdgenasError, match=r"can run a trial, which takes 3 CPU\. Nodes: .*2 CPU"):
        RayExecutor(toy_evaluator, address=address, cpus_per_trial=3)
    with pytest.raises(EdgenasError, match=r"takes 1 CPU, 0\.5 GPU"):
        RayExecutor(toy_evaluator, address=address, gpus_per_trial=0.5)


def start(folder: Path, mode: str, address: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), "30", mode, address]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_a_real_trial_trains_on_frames_that_only_the_driver_has(
    cluster: Any, address: str, tmp_path: Path, tiny_archive: Path
) -> None:
    pytest.importorskip("tensorflow")
    archive = tmp_path / "tiny.npz"
    archive.write_bytes(tiny_archive.read_bytes())
    train, validation = (load_dataset(str(archive), split) for split in ("train", "validation"))
    proxy = load_training_preset(
        "proxy",
        iterations=2,
        batch_size=2,
        loss_weights=load_loss_weights(default_loss_weights(train.info.tasks, train.info.depth_unit)),
    )
    evaluator = ProxyTraining(train, validation, proxy.to_dict())
    space = load_space("demo", train.info.tasks)
    network = space.architecture(
        space.default(), input_shape=(32, 64), head_channels=train.info.head_channels
    )
    executor = RayExecutor(evaluator, address=address)
    archive.unlink()
    executor.submit(Job(0, network, 0, limit_seconds=300.0))
    done: list[Done] = []
    while not done:
        done = executor.wait()
    executor.close()
    assert done[0].evaluation is not None and done[0].evaluation.completed, done
    assert set(done[0].evaluation.metrics) == {"depth", "normals", "segmentation"}


def some_trial_processes(cluster: Any) -> set[int]:
    end = time.monotonic() + 30.0
    while not (found := trial_processes(cluster.list_all_nodes())) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def test_kill_9_of_the_driver_loses_nothing_that_was_finished(cluster: Any, tmp_path: Path) -> None:
    moments = random.Random(1)
    told: Counter[int] = Counter()
    folder = tmp_path / "run"
    for session in range(4):
        mode = "resume" if (folder / "config.json").exists() else "fresh"
        process = start(folder, mode, cluster.address)
        if process.stdout is None:
            raise RuntimeError("the search was started without a pipe")
        done = moments.randint(2, 8) if session < 3 else 10_000
        for line in process.stdout:
            name, _, number = line.strip().partition(" ")
            told[int(number or 0)] += name == "TrialDone"
            done -= name == "TrialDone"
            if not done:
                break
        if session < 3:
            assert done == 0, process.communicate()[1]
            running = some_trial_processes(cluster)
            process.kill()
            assert running and gone(running)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and errors == ""
    assert [r.number for r in read_trials(folder)] == list(range(30))
    # Told of means stored: it does not run again. What was killed between the two was not told of.
    assert max(told.values()) == 1
