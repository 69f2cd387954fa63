"""`run_search`: ask, estimate, train, tell until the trials are used up; a kill does no harm."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.algorithms import has_two_objectives
from edgenas.search.config import SearchConfig, prepare_run, read_config, refuse_second_run
from edgenas.search.evaluation import Estimator, Evaluator
from edgenas.search.events import EventHandler, Remark
from edgenas.search.executors import ExecutorFactory, InProcess
from edgenas.search.lock import run_lock
from edgenas.search.objective import Objective, objective_of
from edgenas.search.reachable import check_reachable, rarely_met
from edgenas.search.requirement import Bound, Requirement
from edgenas.search.result import SearchResult
from edgenas.search.session import Session
from edgenas.search.storages.check import check_storage
from edgenas.space.space import SearchSpace

__all__ = ["SearchInterrupted", "run_search"]


class SearchInterrupted(EdgenasError):  # noqa: N818
    """The user pressed Ctrl-C; everything finished is stored and the search can be resumed."""

    exit_code = 130


def run_search(
    config: SearchConfig,
    space: SearchSpace,
    evaluator: Evaluator,
    estimator: Estimator | None,
    run_dir: Path,
    *,
    resume: bool = False,
    on_event: EventHandler | None = None,
    requirements: Sequence[Requirement] = (),
    before_begin: Callable[[], None] | None = None,
    executor: ExecutorFactory = InProcess,
    patience_seconds: float = 3600.0,
    other_estimators: Sequence[Estimator] = (),
) -> SearchResult:
    """Searches `space` by the configured algorithm and leaves a run folder.

    A new search whose target or limits no network seems to meet ends before anything is written or trained, see
    `check_reachable`. The baseline is evaluated first, then `config.trials` trials. A trial whose network was
    evaluated before, or is being evaluated, takes that evaluation over (unless it failed for a reason that may
    pass). A resumed search repeats the trials that were running, under their own numbers. With one worker it ends
    as an uninterrupted one would if the evaluator is deterministic.

    Args:
        config: what to search for.
        space: where to search.
        evaluator: trains one candidate; called with the architecture and `config.seed`.
        estimator: predicts the latency of a candidate, None without a device.
        run_dir: folder of the run.
        resume: go on with the run in `run_dir`, possibly with more trials.
        on_event: is told about progress.
        requirements: what `config.required` stands for: a candidate that does not meet one is not trained.
        before_begin: is called once when a new search is about to begin, before its `config.json` is written.
        executor: makes what evaluates; one that has several workers changes which trials there are, as a trial is
            then chosen while others are under way.
        patience_seconds: how long the search waits for a full disk or a database that is away, before it ends.
        other_estimators: predict the latency on the further ones of `config.devices`, in their order.

    Raises:
        Unreachable: no network of the space seems to meet the target and the limits.
        UsageError: the folder holds a run already, holds none to resume, or holds one made otherwise.
        SearchInterrupted: Ctrl-C; `best.json` holds the best so far and the text says how to go on.
        EdgenasError: the folder cannot be written, the study is damaged, the baseline or
            `session.MAX_FAILURES_IN_A_ROW` trials in a row failed, or nothing completed.
    """
    objective = objective_of(config, estimator, other_estimators)
    if estimator is None and (config.target_ms is not None or config.risk is not None):
        raise UsageError(
            "A latency target or a risk needs a device whose latency can be predicted. Add --device."
        )
    if estimator is None and has_two_objectives(config.algorithm):
        raise UsageError(
            f"Algorithm {config.algorithm!r} searches for quality and latency, so it needs a device whose latency can "
            "be predicted. Add --device, or take another --algorithm."
        )
    if sorted(config.required) != sorted(r.name for r in requirements):
        raise ValueError(
            f"The configuration requires {config.required}. Received {[r.name for r in requirements]}."
        )
    if resume:
        read_config(run_dir)  # without making the folder when there is nothing to resume
    else:
        refuse_second_run(run_dir)
        check_reachable(config, space, _bounds(objective, requirements))
        if on_event is not None and (rare := rarely_met(config, space, requirements)):
            on_event(Remark(rare))
    emit = on_event or (lambda _: None)
    # Before anything is written: where no worker or no storage can be had, the same command works once it can.
    with contextlib.closing(executor(evaluator)) as workers:
        if not resume:
            check_storage(config.storage, run_dir)
            if before_begin is not None:
                before_begin()
        with run_lock(run_dir):
            prepare_run(config, space, run_dir, resume=resume)
            session = Session(
                config, space, workers, objective, run_dir, emit, requirements, patience_seconds
            )
            try:
                return session.run()
            except KeyboardInterrupt as error:
                raise SearchInterrupted(session.after_interrupt()) from error


def _bounds(objective: Objective, requirements: Sequence[Requirement]) -> list[Bound]:
    """The latency target and the limits, as amounts to lower."""
    return [*objective.bounds(), *(r.bound for r in requirements if r.bound is not None)]
