"""Successive halving: what is trained, what is kept, and that none of it depends on interruptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
import pytest
from toy_search import TOY_ITERATIONS, toy_config, toy_estimator, toy_evaluator, toy_part_evaluator, toy_space

from edgenas.errors import UsageError
from edgenas.search import Evaluation, Halving, Part, SearchResult, TrialRecord, read_trials, run_search
from edgenas.search.executors import Done, InProcess, Job
from edgenas.space import Architecture

HALVING = Halving.of_schedule(TOY_ITERATIONS, first_step=20, factor=2)  # rungs after 20 and 40 of 80 steps


def run(
    folder: Path, evaluator: Any = toy_part_evaluator, *, resume: bool = False, **options: Any
) -> SearchResult:
    executor = options.pop("executor", InProcess)
    config = toy_config(**{"trials": 24, "halving": HALVING, **options})
    return run_search(config, toy_space(), evaluator, toy_estimator, folder, resume=resume, executor=executor)


def stored(folder: Path) -> list[dict[str, Any]]:
    """Everything in the study but times."""
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{folder / 'study.db'}")
    return [
        {
            "state": trial.state.name,
            "values": trial.values,
            "rungs": trial.intermediate_values,
            "params": trial.params,
            "attrs": {k: v for k, v in trial.user_attrs.items() if k != "seconds"},
        }
        for trial in study.trials
    ]


def trained(records: list[TrialRecord]) -> float:
    """Steps that were spent, as the toy evaluator counts them."""
    return sum(record.evaluation.seconds["total"] for record in records)


def test_rungs() -> None:
    assert HALVING.steps == (20, 40)
    assert Halving.of_schedule(240).steps == (120,)
    assert Halving.of_schedule(5000, first_step=100, factor=3).steps == (100, 300, 900, 2700)
    assert Halving.of_schedule(2).steps == (1,)
    assert Halving.from_dict(HALVING.to_dict()) == HALVING


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1}, "`factor`. Expected at least 2. Received 1"),
        ({"first_step": 80}, "Expected a first rung of 1 to 79 steps"),
        ({"first_step": 0}, "first after 0 of 80"),
    ],
)
def test_impossible_rungs_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Halving.of_schedule(TOY_ITERATIONS, **options)  # type: ignore[arg-type]


def test_two_objectives_cannot_be_pruned() -> None:
    with pytest.raises(UsageError, match="'nsga2' has two objectives"):
        toy_config(algorithm="nsga2", halving=HALVING)


def test_what_is_behind_is_pruned_and_the_rest_trained_to_the_end(tmp_path: Path) -> None:
    result = run(tmp_path)
    records = read_trials(tmp_path)
    states = Counter(record.evaluation.status for record in records)
    assert states["completed"] > 0 and states["pruned"] > 0 and sum(states.values()) == 24
    assert (result.pruned, result.failed, result.rejected) == (states["pruned"], 0, 0)
    assert result.to_dict()["trials"]["pruned"] == states["pruned"]
    assert result.best is not None and result.best.evaluation.completed
    # Every decision is that of the rule, over what had come before.
    rungs: dict[int, list[float]] = {20: [], 40: []}
    for record, trial in zip(records, stored(tmp_path), strict=True):
        assert trial["state"] == {"completed": "COMPLETE", "pruned": "PRUNED"}[record.evaluation.status]
        if record.duplicate_of is not None:
            assert trial["rungs"] == {} and record.evaluation.seconds == {"total": 0.0}
            continue
        last = None
        for step, value in trial["rungs"].items():
            rungs[step].append(value)
            better = sorted(rungs[step], reverse=True)[: max(1, len(rungs[step]) // 2)]
            last = step if value < better[-1] else None
        assert (last is not None) == record.pruned
        steps = TOY_ITERATIONS if last is None else last
        assert record.evaluation.seconds == {"total": steps, "steps": steps}
        if last is not None:
            assert record.reward is None and record.quality is None
            assert f"after {last} of 80 steps" in record.evaluation.reason
            assert trial["values"] == [trial["rungs"][last]]


def test_pruning_spends_less_and_the_survivors_are_worth_what_they_were(tmp_path: Path) -> None:
    run(tmp_path / "pruned", algorithm="random")
    run(tmp_path / "whole", toy_part_evaluator, algorithm="random", halving=None)
    pruned, whole = read_trials(tmp_path / "pruned"), read_trials(tmp_path / "whole")
    assert [r.architecture for r in pruned] == [
        r.architecture for r in whole
    ]  # Random search looks at no reward.
    kept = [(a, b) for a, b in zip(pruned, whole, strict=True) if a.completed]
    assert kept and all(
        a.reward == b.reward and a.evaluation.metrics == b.evaluation.metrics for a, b in kept
    )
    assert trained(pruned) < 0.7 * trained(whole)
    assert max(a.reward or 0.0 for a, _ in kept) > sorted(r.reward or 0.0 for r in whole)[-4]


def test_the_network_of_a_pruned_trial_is_not_trained_again(tmp_path: Path) -> None:
    first_parts: list[str] = []

    def evaluator(architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        if part is not None and part.state is None:
            first_parts.append(architecture.hash)
        return toy_part_evaluator(architecture, seed, part)

    run(tmp_path, evaluator, trials=60, population=4, tournament=4)
    records = read_trials(tmp_path)
    again = [r for r in records if r.pruned and r.duplicate_of is not None]
    assert again, "the search met no pruned network twice, so this test shows nothing"
    assert len(first_parts) == len(set(first_parts))
    by_number = {record.number: record for record in records}
    for record in again:
        origin = by_number[int(record.duplicate_of or 0)]
        assert origin.pruned and origin.architecture == record.architecture
        assert record.evaluation.metrics == origin.evaluation.metrics


class Stop(BaseException):
    """Ends the search as a kill does: nothing catches it."""


def stopping(after_calls: int) -> Callable[..., Evaluation]:
    calls = 0

    def evaluator(architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        nonlocal calls
        calls += 1
        if calls > after_calls:
            raise Stop
        return toy_part_evaluator(architecture, seed, part)

    return evaluator


@pytest.mark.parametrize("algorithm", ["evolution", "tpe"])
def test_stopped_at_any_part_and_resumed_equals_uninterrupted(tmp_path: Path, algorithm: str) -> None:
    options = {"trials": 8, "algorithm": algorithm, "population": 4}
    run(tmp_path / "whole", **options)
    expected = stored(tmp_path / "whole")
    for after in (2, 3, 8):
        folder = tmp_path / f"stopped-{after}"
        with pytest.raises(Stop):
            run(folder, stopping(after), **options)
        with pytest.raises(Stop):
            run(folder, stopping(1), resume=True, **options)
        run(folder, resume=True, **options)
        assert stored(folder) == expected


def test_a_lost_worker_costs_one_part(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    asked: list[tuple[int, int | None]] = []

    class Unreliable(InProcess):
        """Loses every fifth job."""

        def wait(self) -> list[Done]:
            job = self._queue[0]
            asked.append((job.number, None if job.part is None else job.part.until_step))
            if len(asked) % 5 == 4:
                self._queue.pop(0)
                return [Done(job, None, "the node is gone")]
            return super().wait()

    run(tmp_path / "lossy", executor=Unreliable)
    assert stored(tmp_path / "lossy") == stored(tmp_path / "whole")
    repeated = [a for a, b in pairwise(asked) if a == b]
    assert any(step == 40 for _, step in repeated)  # not only first parts


def test_several_at_once(tmp_path: Path) -> None:
    class Pool(InProcess):
        """Four jobs in flight; the last one submitted ends first."""

        capacity = 4

        def wait(self) -> list[Done]:
            self._queue.reverse()
            done = super().wait()
            self._queue.reverse()
            return done

        def submit(self, job: Job) -> None:
            assert len(self._queue) < self.capacity
            super().submit(job)

    run(tmp_path, executor=Pool)
    records = read_trials(tmp_path)
    assert [r.number for r in records] == list(range(24))
    assert {r.evaluation.status for r in records} == {"completed", "pruned"}


def test_a_part_that_fails_fails_its_trial(tmp_path: Path) -> None:
    def evaluator(architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        if part is not None and part.until_step == 40:
            raise MemoryError("no memory left")
        if part is not None and part.until_step is None:
            return Evaluation(status="diverged", reason="loss nan", seconds={"total": 1.0})
        return toy_part_evaluator(architecture, seed, part)

    # Whoever gets past the first rung fails there; the others are pruned, so the search ends with no network.
    with pytest.raises(Exception, match=r"None of the 24 trials completed.*MemoryError: no memory left"):
        run(tmp_path, evaluator, algorithm="random")
    records = read_trials(tmp_path)
    failed = [r for r in records if r.evaluation.status == "failed"]
    assert failed and all(r.evaluation.seconds["total"] >= 20.0 for r in failed)
    assert {r.evaluation.status for r in records} == {"failed", "pruned"}


def test_an_evaluator_that_knows_no_parts_fails_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"10 trials in a row failed.*positional arguments"):
        run(tmp_path, toy_evaluator)


def test_a_resumed_run_must_prune_as_before(tmp_path: Path) -> None:
    run(tmp_path, trials=5)
    with pytest.raises(UsageError, match=r"halving\.first_step: stored 20, now nothing"):
        run(tmp_path, resume=True, halving=None)
