"""`run_search`: ask, estimate, train, tell until the trials are used up; a kill does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.algorithms import has_two_objectives, make_sampler
from edgenas.search.baseline import Baseline, obtain_baseline
from edgenas.search.config import SearchConfig, prepare_run, read_config, refuse_second_run, resume_command
from edgenas.search.evaluation import Estimator, Evaluation, Evaluator, describe, evaluate
from edgenas.search.events import Event, EventHandler, TrialDone, TrialStarted
from edgenas.search.hypervolume import Hypervolume, reference_of
from edgenas.search.lock import run_lock
from edgenas.search.objective import NO_LATENCY, Latency, Objective
from edgenas.search.reachable import check_reachable
from edgenas.search.record import BASELINE, TrialRecord
from edgenas.search.requirement import Bound, Requirement
from edgenas.search.result import SearchResult, best_of, summarise, write_best
from edgenas.search.study import OpenTrial, TrialStore
from edgenas.space.architecture import Architecture
from edgenas.space.space import SearchSpace

__all__ = ["MAX_FAILURES_IN_A_ROW", "SearchInterrupted", "run_search"]

MAX_FAILURES_IN_A_ROW = 10


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
) -> SearchResult:
    """Searches `space` by the configured algorithm and leaves a run folder.

    A new search whose target or limits no network seems to meet ends before anything is written or trained, see
    `check_reachable`. The baseline is evaluated first, then `config.trials` trials. A trial whose network was
    evaluated before takes that evaluation over (unless it failed for a reason that may pass). A resumed search
    repeats the trial that was running, under its own number, and ends as an uninterrupted one would if the
    evaluator is deterministic.

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

    Raises:
        Unreachable: no network of the space seems to meet the target and the limits.
        UsageError: the folder holds a run already, holds none to resume, or holds one made otherwise.
        SearchInterrupted: Ctrl-C; `best.json` holds the best so far and the text says how to go on.
        EdgenasError: the folder cannot be written, the study is damaged, the baseline or
            `MAX_FAILURES_IN_A_ROW` trials in a row failed, or nothing completed.
    """
    objective = Objective(estimator, config.target_ms, config.risk, config.reward, config.metric_weights)
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
        if before_begin is not None:
            before_begin()
    with run_lock(run_dir):
        prepare_run(config, space, run_dir, resume=resume)
        emit = on_event or (lambda _: None)
        search = _Search(config, space, evaluator, objective, run_dir, emit, requirements)
        try:
            return search.run()
        except KeyboardInterrupt as error:
            raise SearchInterrupted(search.after_interrupt()) from error


def _bounds(objective: Objective, requirements: Sequence[Requirement]) -> list[Bound]:
    """The latency target and the limits, as amounts to lower."""
    found = [] if (target := objective.bound()) is None else [target]
    return [*found, *(r.bound for r in requirements if r.bound is not None)]


class _Search:
    """One session of a search."""

    def __init__(
        self,
        config: SearchConfig,
        space: SearchSpace,
        evaluator: Evaluator,
        objective: Objective,
        run_dir: Path,
        emit: EventHandler,
        requirements: Sequence[Requirement],
    ) -> None:
        self._config = config
        self._space = space
        self._evaluator = evaluator
        self._objective = objective
        self._run_dir = run_dir
        self._emit = emit
        self._requirements = requirements
        self._records: list[TrialRecord] = []
        self._evaluated: dict[str, tuple[int | str, Evaluation]] = {}
        self._volume = Hypervolume(None)

    def run(self) -> SearchResult:
        """Runs to the end; see `run_search`."""
        config = self._config
        baseline = obtain_baseline(
            self._architecture(self._space.default()),
            self._evaluator,
            self._objective,
            self._run_dir,
            seed=config.seed,
            on_event=self._emit,
        )
        self._evaluated[baseline.architecture.hash] = (BASELINE, baseline.evaluation)
        self._volume = Hypervolume(reference_of(baseline.latency.predicted_ms))
        store = TrialStore(
            self._run_dir,
            make_sampler(config, self._space),
            two_objectives=has_two_objectives(config.algorithm),
        )
        try:
            for record in store.records():
                self._remember(record)
            self._run_trials(store, baseline)
        finally:
            store.close()
        result = self._store_best()
        if result.finished and result.failed + result.rejected == result.finished:
            first = self._records[0]
            more = (
                f" Rejected networks cost no training: go on with more --trials by {resume_command(self._run_dir)}, "
                "or start a new search that requires less."
            )
            raise EdgenasError(
                f"None of the {result.finished} trials completed. First cause (trial {first.number}): "
                f"{first.evaluation.reason}.{more if result.rejected else ''}"
            )
        return result

    def after_interrupt(self) -> str:
        """Writes the best so far and says how to go on."""
        if self._records:
            self._store_best()
        return (
            f"Interrupted after {len(self._records)} of {self._config.trials} trials; they are stored in "
            f"{self._run_dir}. Go on with: {resume_command(self._run_dir)}"
        )

    def _run_trials(self, store: TrialStore, baseline: Baseline) -> None:
        # A search that was stopped by failures may be resumed, so only failures since then count.
        failures = self._failures_at_the_end() % MAX_FAILURES_IN_A_ROW
        started, before = time.monotonic(), len(self._records)
        repeated = [trial for trial in store.unfinished(self._space) if trial.number < self._config.trials]
        fresh = max(0, self._config.trials - store.count())
        for step in range(len(repeated) + fresh):
            begun = time.monotonic()
            trial = repeated[step] if step < len(repeated) else store.begin(self._space)
            record = self._evaluate(trial, baseline)
            store.finish(trial, record)
            self._remember(record)
            now = time.monotonic()
            mean_seconds = (now - started) / (len(self._records) - before)
            self._emit(self._done(record, now - begun, mean_seconds * (len(repeated) + fresh - step - 1)))
            if record.completed:
                failures = 0
            elif not record.rejected:
                failures += 1
            if failures >= MAX_FAILURES_IN_A_ROW:
                self._stop_for_failures()

    def _evaluate(self, trial: OpenTrial, baseline: Baseline) -> TrialRecord:
        architecture = self._architecture(trial.decisions)
        latency, problem = self._latency(architecture)
        predicted_ms, total = latency.predicted_ms, self._config.trials
        self._emit(TrialStarted(trial.number, total, architecture.hash, predicted_ms, repeated=not trial.new))
        origin, evaluation = self._evaluated.get(architecture.hash, (None, None))
        unmet = next((why for r in self._requirements if (why := r.problem(architecture))), "")
        if unmet:
            origin, evaluation = None, Evaluation(seconds={"total": 0.0}, status="rejected", reason=unmet)
        elif problem:
            origin, evaluation = None, Evaluation(seconds={"total": 0.0}, status="failed", reason=problem)
        elif evaluation is not None:
            evaluation = Evaluation(evaluation.metrics, {"total": 0.0}, evaluation.status, evaluation.reason)
        else:
            evaluation = evaluate(self._evaluator, architecture, self._config.seed)
        quality = reward = None
        if evaluation.completed:
            quality, reward = self._objective.score(evaluation.metrics, baseline.evaluation.metrics, latency)
        return TrialRecord(
            number=trial.number,
            architecture=architecture,
            latency=latency,
            feasible=self._objective.feasible(latency),
            evaluation=evaluation,
            quality=quality,
            reward=reward,
            duplicate_of=origin,
        )

    def _latency(self, architecture: Architecture) -> tuple[Latency, str]:
        """The predicted latency, or why there is none: one odd network does not end a week of search."""
        try:
            return self._objective.latency(architecture), ""
        except Exception as error:
            return NO_LATENCY, f"no latency estimate: {describe(error)}"

    def _architecture(self, decisions: dict[str, str | int | float]) -> Architecture:
        return self._space.architecture(
            decisions, input_shape=self._config.input_shape, head_channels=self._config.head_channels
        )

    def _remember(self, record: TrialRecord) -> None:
        self._records.append(record)
        self._volume.add(record)
        known = self._evaluated.get(record.architecture.hash)
        # A failure may pass (memory, a full disk), so an equal network is tried again; a divergence does not.
        if record.evaluation.status not in ("failed", "rejected") and (known is None or known[0] == BASELINE):
            self._evaluated[record.architecture.hash] = (record.number, record.evaluation)

    def _failures_at_the_end(self) -> int:
        count = 0
        for record in reversed(self._records):
            if record.completed:
                break
            count += not record.rejected
        return count

    def _stop_for_failures(self) -> None:
        self._store_best()
        first = self._records[-MAX_FAILURES_IN_A_ROW]
        raise EdgenasError(
            f"{MAX_FAILURES_IN_A_ROW} trials in a row failed, so the search stops. First cause (trial "
            f"{first.number}, {first.evaluation.status}): {first.evaluation.reason}. Every trial is stored; "
            f"when the cause is gone, go on with: {resume_command(self._run_dir)}"
        )

    def _store_best(self) -> SearchResult:
        result = summarise(self._records, self._run_dir, self._config, self._volume)
        write_best(result)
        return result

    def _done(self, record: TrialRecord, seconds: float, eta_seconds: float) -> Event:
        best = best_of(self._records)
        completed = [r for r in self._records if r.completed]
        return TrialDone(
            number=record.number,
            total=self._config.trials,
            done=len(self._records),
            status=record.evaluation.status,
            reason=record.evaluation.reason,
            reward=record.reward,
            quality=record.quality,
            predicted_ms=record.latency.predicted_ms,
            feasible=record.feasible,
            duplicate=record.duplicate_of is not None,
            best_number=None if best is None else best.number,
            best_reward=None if best is None else best.reward,
            best_quality=None if best is None else best.quality,
            best_predicted_ms=None if best is None else best.latency.predicted_ms,
            hypervolume=self._volume.value,
            feasible_share=sum(r.feasible for r in completed) / len(completed) if completed else 0.0,
            seconds=seconds,
            eta_seconds=eta_seconds,
        )
