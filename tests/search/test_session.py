"""Several trials that end at once: whatever becomes of one of them, the others are stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_search import TASKS, toy_config, toy_estimator, toy_evaluator, toy_space

import edgenas.space
from edgenas.errors import EdgenasError
from edgenas.search import Evaluation, Event, Requirement, TrialDone, WorkerLost, read_trials, run_search
from edgenas.search.baseline import MAX_LOSSES
from edgenas.search.evaluation import Evaluator, evaluate
from edgenas.search.executors import BASELINE_NUMBER, Done, Job
from edgenas.search.record import TrialRecord
from edgenas.search.session import MAX_FAILURES_IN_A_ROW
from edgenas.space import Architecture, SearchSpace, load_space


class Batches:
    """All jobs in flight end at once.

    Args:
        evaluator: evaluates, when the batch ends.
        capacity: jobs in flight.
        loses: whether the worker of a job is lost.
    """

    def __init__(
        self, evaluator: Evaluator, capacity: int, loses: Callable[[Job], bool] = lambda _: False
    ) -> None:
        self.capacity = capacity
        self._evaluator = evaluator
        self._loses = loses
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def wait(self) -> list[Done]:
        jobs, self._jobs = self._jobs, []
        return [
            Done(job, None, "gone")
            if self._loses(job)
            else Done(job, evaluate(self._evaluator, job.architecture, job.seed, job.part))
            for job in jobs
        ]

    def close(self) -> None:
        self._jobs.clear()


def diverging(architecture: Architecture, seed: int) -> Evaluation:
    if architecture.fusion_repeats == 1:  # The baseline.
        return toy_evaluator(architecture, seed)
    return Evaluation(status="diverged", reason="too steep")


def test_what_ends_with_the_tenth_failure_is_stored_too(tmp_path: Path) -> None:
    batch = MAX_FAILURES_IN_A_ROW + 3
    calls: list[str] = []

    def failing(architecture: Architecture, seed: int) -> Evaluation:
        calls.append(architecture.hash)
        if len(calls) > 1:  # The first is the baseline.
            raise MemoryError("no memory left")
        return toy_evaluator(architecture, seed)

    with pytest.raises(
        EdgenasError, match=rf"{batch} trials in a row failed.*go on with: edgenas search --resume"
    ):
        run_search(
            toy_config(trials=40, population=20),
            toy_space(),
            failing,
            toy_estimator,
            tmp_path / "run",
            executor=lambda e: Batches(e, batch),
        )
    records = read_trials(tmp_path / "run")
    assert [r.number for r in records] == list(range(batch))
    assert all(r.evaluation.status == "failed" for r in records)


@pytest.fixture
def two_networks(tmp_path: Path) -> SearchSpace:
    """One decision of two choices: nearly every trial draws what another is training."""
    text = (Path(edgenas.space.__file__).parent / "presets" / "demo.toml").read_text()
    text = re.sub(r"choices = \[.*?\], default = (\S+) }", r"choices = [\1], default = \1 }", text)
    text = text.replace("repeats = { choices = [1]", "repeats = { choices = [1, 2]")
    (tmp_path / "two.toml").write_text(text)
    return load_space(str(tmp_path / "two.toml"), TASKS)


def of_two(
    folder: Path, space: SearchSpace, evaluator: Evaluator, loses: Any = lambda _: False
) -> list[Event]:
    """A random search of nine trials for the network that is not the baseline, four at once."""
    events: list[Event] = []
    run_search(
        toy_config(trials=9, algorithm="random", target_ms=100.0),
        space,
        evaluator,
        toy_estimator,
        folder / "run",
        on_event=events.append,
        executor=lambda e: Batches(e, 4, loses),
    )
    return events


def others(folder: Path, events: list[Event]) -> list[TrialRecord]:
    """The records of the network that is not the baseline; every trial is told of once."""
    records = read_trials(folder / "run")
    assert sorted(e.record.number for e in events if isinstance(e, TrialDone)) == list(range(9))
    assert [r.number for r in records] == list(range(9))
    found = [r for r in records if r.architecture.fusion_repeats == 2]
    assert len(found) >= 4
    return found


def test_who_waits_for_a_network_takes_its_outcome_over(tmp_path: Path, two_networks: SearchSpace) -> None:
    for name, evaluator in (("completed", toy_evaluator), ("diverged", diverging)):
        first, *followers = others(tmp_path / name, of_two(tmp_path / name, two_networks, evaluator))
        assert first.duplicate_of is None and {r.duplicate_of for r in followers} == {first.number}
        assert {r.evaluation.status for r in (first, *followers)} == {name}


def test_who_waits_for_a_network_that_failed_tries_it_again(
    tmp_path: Path, two_networks: SearchSpace
) -> None:
    calls: list[str] = []

    def fails_twice(architecture: Architecture, seed: int) -> Evaluation:
        calls.append(architecture.hash)
        if len(calls) in (2, 3):  # The first is the baseline.
            raise MemoryError("no memory left")
        return toy_evaluator(architecture, seed)

    found = others(tmp_path, of_two(tmp_path, two_networks, fails_twice))
    assert [r.evaluation.status for r in found] == ["failed", "failed", *["completed"] * (len(found) - 2)]
    assert {r.duplicate_of for r in found[3:]} == {found[2].number}
    assert len(calls) == 4


def test_who_waits_for_a_network_whose_worker_is_always_lost_tries_it_again(
    tmp_path: Path, two_networks: SearchSpace
) -> None:
    lost: list[int] = []

    def loses(job: Job) -> bool:
        unlucky = job.number != BASELINE_NUMBER and (not lost or job.number == lost[0])
        lost.extend([job.number] * unlucky)
        return unlucky

    events = of_two(tmp_path, two_networks, toy_evaluator, loses)
    first, *followers = others(tmp_path, events)
    assert lost == [first.number] * MAX_LOSSES
    assert [e.again for e in events if isinstance(e, WorkerLost)] == [True] * (MAX_LOSSES - 1) + [False]
    assert first.evaluation.status == "failed" and all(r.completed for r in followers)
    assert [r.duplicate_of for r in followers[:2]] == [None, followers[0].number]


def test_a_requirement_that_breaks_fails_that_trial_alone(tmp_path: Path) -> None:
    def problem(architecture: Architecture) -> str:
        if int(architecture.hash, 16) % 3 == 1:
            raise ZeroDivisionError("odd network")
        return ""

    run_search(
        toy_config(trials=12, max_parameters=10**9),
        toy_space(),
        toy_evaluator,
        toy_estimator,
        tmp_path / "run",
        requirements=[Requirement("max_parameters", problem)],
    )
    odd = [r for r in read_trials(tmp_path / "run") if int(r.architecture.hash, 16) % 3 == 1]
    assert odd
    for record in odd:
        assert record.evaluation.status == "failed"
        assert record.evaluation.reason == "max_parameters cannot be checked: ZeroDivisionError: odd network"
