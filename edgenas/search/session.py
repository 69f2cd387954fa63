"""`Session`: one process's share of a search. It alone writes the study; executors only evaluate."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgenas.errors import EdgenasError
from edgenas.search.algorithms import has_two_objectives, make_sampler
from edgenas.search.baseline import MAX_LOSSES, Baseline, obtain_baseline
from edgenas.search.config import SearchConfig, resume_command
from edgenas.search.eta import RemainingTime
from edgenas.search.evaluation import Evaluation, describe
from edgenas.search.events import EventHandler, SearchStarted, TrialDone, TrialStarted, WorkerLost
from edgenas.search.executors import Done, Executor, Job
from edgenas.search.hypervolume import Hypervolume, reference_of
from edgenas.search.ledger import Ledger
from edgenas.search.objective import NO_LATENCY, Latency, Objective
from edgenas.search.patience import Patience
from edgenas.search.pruning import Ladder
from edgenas.search.record import TrialRecord
from edgenas.search.requirement import Requirement
from edgenas.search.result import SearchResult, summarise, write_best
from edgenas.search.study import OpenTrial, StudyUnavailable, TrialStore
from edgenas.space.architecture import Architecture
from edgenas.space.space import Decisions, SearchSpace

__all__ = ["MAX_FAILURES_IN_A_ROW", "Session"]

MAX_FAILURES_IN_A_ROW = 10

# A trial may take so many times as long as the baseline, and at least so long, before it counts as hung.
_HUNG_IN_BASELINES = 20.0
_HUNG_SECONDS = 600.0


@dataclass(frozen=True)
class _Candidate:
    """A trial under way.

    Attributes:
        trial: its place in the study.
        architecture: the network.
        latency: its predicted latency.
        begun: `time.monotonic()` when it began.
    """

    trial: OpenTrial
    architecture: Architecture
    latency: Latency
    begun: float


class Session:
    """Runs trials until they are used up; see `edgenas.search.run.run_search`.

    Several trials may be under way. A network that is being evaluated already is not given out a second time: its
    trial waits for the outcome.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: SearchSpace,
        executor: Executor,
        objective: Objective,
        run_dir: Path,
        emit: EventHandler,
        requirements: Sequence[Requirement],
        patience_seconds: float,
    ) -> None:
        self._config = config
        self._space = space
        self._executor = executor
        self._objective = objective
        self._run_dir = run_dir
        self._emit = emit
        self._requirements = requirements
        self._patiently = Patience(emit, limit_seconds=patience_seconds)
        self._ledger = Ledger(None)
        self._running: dict[int, _Candidate] = {}
        self._waiting: dict[str, list[_Candidate]] = {}
        self._losses: dict[int, int] = {}
        self._ladder = None if config.halving is None else Ladder(config.halving)
        self._left = 0
        self._remaining = RemainingTime()

    def run(self) -> SearchResult:
        """Runs to the end; see `run_search`."""
        config = self._config
        baseline = obtain_baseline(
            self._architecture(self._space.default()),
            self._executor,
            self._objective,
            self._run_dir,
            seed=config.seed,
            limit_seconds=config.trial_seconds,
            on_event=self._emit,
        )
        self._ledger = Ledger(reference_of(baseline.latency.predicted_ms))
        self._ledger.add_baseline(baseline.architecture.hash, baseline.evaluation)
        store = TrialStore(
            self._run_dir,
            make_sampler(config, self._space),
            two_objectives=has_two_objectives(config.algorithm),
            identity=config.identity(self._space),
            pruner=None if config.halving is None else config.halving.pruner(),
        )
        try:
            for record in store.records():
                self._ledger.add(record)
            self._emit(
                SearchStarted(
                    total=config.trials,
                    capacity=self._executor.capacity,
                    target_ms=config.target_ms,
                    reference_ms=self._ledger.tally.volume.reference_ms,
                    records=tuple(self._ledger.records),
                )
            )
            self._run_trials(store, baseline)
        except StudyUnavailable:
            # As after Ctrl-C: what is known can be trained while the study is away. A full disk may forbid it.
            with contextlib.suppress(EdgenasError, OSError):
                self._store_best()
            raise
        finally:
            store.close()
        result = self._store_best()
        if result.finished and result.failed + result.rejected + result.pruned == result.finished:
            self._nothing_completed(result)
        return result

    def after_interrupt(self) -> str:
        """Writes the best so far and says how to go on."""
        if self._ledger.records:
            self._store_best()
        return (
            f"Interrupted after {len(self._ledger.records)} of {self._config.trials} trials; they are stored in "
            f"{self._run_dir}. Go on with: {resume_command(self._run_dir)}"
        )

    def _run_trials(self, store: TrialStore, baseline: Baseline) -> None:
        if self._ledger.failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            self._ledger.forgive()
        repeated = deque(t for t in store.unfinished(self._space) if t.number < self._config.trials)
        fresh = max(0, self._config.trials - store.count())
        self._left = len(repeated) + fresh
        while repeated or fresh or self._running:
            while (repeated or fresh) and len(self._running) < self._executor.capacity:
                if repeated:
                    trial = repeated.popleft()
                else:
                    fresh -= 1
                    trial = self._patiently(lambda: store.begin(self._space))
                self._start(trial, store, baseline)
                self._check_failures()
            if self._running:
                for done in self._executor.wait():
                    self._take(done, store, baseline)
                self._check_failures()  # after all that came at once: none of it is lost

    def _start(self, trial: OpenTrial, store: TrialStore, baseline: Baseline) -> None:
        """Ends a trial that needs no evaluation, has it wait for an equal one, or gives it out."""
        architecture = self._architecture(trial.decisions)
        latency, problem = self._latency(architecture)
        candidate = _Candidate(trial, architecture, latency, time.monotonic())
        self._emit(
            TrialStarted(
                trial.number,
                self._config.trials,
                architecture.hash,
                latency.predicted_ms,
                repeated=not trial.new,
            )
        )
        refused = self._refused(architecture)
        known = self._ledger.evaluation_of(architecture.hash)
        if refused is not None:
            self._finish(candidate, refused, store, baseline)
        elif problem:
            self._finish(candidate, _without_training("failed", problem), store, baseline)
        elif known is not None:
            self._finish(candidate, known[1], store, baseline, origin=known[0])
        elif architecture.hash in self._waiting:
            self._waiting[architecture.hash].append(candidate)
        else:
            self._give_out(candidate, baseline)

    def _give_out(self, candidate: _Candidate, baseline: Baseline) -> None:
        self._running[candidate.trial.number] = candidate
        self._waiting.setdefault(candidate.architecture.hash, [])
        limit_seconds = self._config.trial_seconds
        if limit_seconds is None:
            usual = float(baseline.evaluation.seconds.get("total", 0.0))
            limit_seconds = max(_HUNG_SECONDS, _HUNG_IN_BASELINES * usual)
        self._remaining.started(candidate.trial.number)
        self._executor.submit(
            Job(
                candidate.trial.number,
                candidate.architecture,
                self._config.seed,
                limit_seconds,
                None if self._ladder is None else self._ladder.first_part(),
            )
        )

    def _take(self, done: Done, store: TrialStore, baseline: Baseline) -> None:
        number = done.job.number
        evaluation = done.evaluation
        if evaluation is None:
            self._losses[number] = self._losses.get(number, 0) + 1
            again = self._losses[number] < MAX_LOSSES
            self._emit(WorkerLost(number, done.lost, again))
            if again:
                self._remaining.started(number)
                self._executor.submit(done.job)
                return
            evaluation = _without_training("failed", f"{done.lost}, {MAX_LOSSES} times")
        candidate = self._running[number]
        if self._ladder is not None:
            outcome = self._ladder.climb(
                done.job,
                evaluation,
                lambda partial: self._score(partial, candidate, baseline)[1],
                lambda step, reward: store.prune(candidate.trial, step, reward),
            )
            if isinstance(outcome, Job):
                self._executor.submit(outcome)
                return
            evaluation = outcome
        del self._running[number]
        self._finish(candidate, evaluation, store, baseline)
        # Those that drew the same network while it was evaluated take the outcome over, or try again.
        for follower in self._waiting.pop(candidate.architecture.hash):
            known = self._ledger.evaluation_of(follower.architecture.hash)
            if known is not None:
                self._finish(follower, known[1], store, baseline, origin=known[0])
            elif follower.architecture.hash in self._waiting:
                self._waiting[follower.architecture.hash].append(follower)
            else:
                self._give_out(follower, baseline)

    def _finish(
        self,
        candidate: _Candidate,
        evaluation: Evaluation,
        store: TrialStore,
        baseline: Baseline,
        *,
        origin: int | str | None = None,
    ) -> None:
        """Scores a trial, stores it and tells of it."""
        if origin is not None:
            evaluation = replace(evaluation, seconds={"total": 0.0})
        quality = reward = None
        if evaluation.completed:
            quality, reward = self._score(evaluation, candidate, baseline)
        record = TrialRecord(
            number=candidate.trial.number,
            architecture=candidate.architecture,
            latency=candidate.latency,
            feasible=self._objective.feasible(candidate.latency),
            evaluation=evaluation,
            quality=quality,
            reward=reward,
            duplicate_of=origin,
        )
        self._patiently(lambda: store.finish(candidate.trial, record))
        self._ledger.add(record)
        self._left -= 1
        self._remaining.ended(record.number)
        self._emit(
            TrialDone.of(
                record,
                self._ledger.tally,
                total=self._config.trials,
                seconds=time.monotonic() - candidate.begun,
                eta_seconds=self._remaining.seconds(self._left, self._executor.capacity),
            )
        )

    def _score(
        self, evaluation: Evaluation, candidate: _Candidate, baseline: Baseline
    ) -> tuple[float, float]:
        # At a rung too the baseline is that of the whole schedule: one scale for all that is stored of a trial.
        return self._objective.score(evaluation.metrics, baseline.evaluation.metrics, candidate.latency)

    def _latency(self, architecture: Architecture) -> tuple[Latency, str]:
        """The predicted latency, or why there is none: one odd network does not end a week of search."""
        try:
            return self._objective.latency(architecture), ""
        except Exception as error:
            return NO_LATENCY, f"no latency estimate: {describe(error)}"

    def _refused(self, architecture: Architecture) -> Evaluation | None:
        """The outcome of a network that does not meet what is required, or of which that cannot be told."""
        for requirement in self._requirements:
            try:
                unmet = requirement.problem(architecture)
            except EdgenasError:
                raise
            except Exception as error:
                return _without_training("failed", f"{requirement.name} cannot be checked: {describe(error)}")
            if unmet:
                return _without_training("rejected", unmet)
        return None

    def _architecture(self, decisions: Decisions) -> Architecture:
        return self._space.architecture(
            decisions, input_shape=self._config.input_shape, head_channels=self._config.head_channels
        )

    def _check_failures(self) -> None:
        if self._ledger.failures_in_a_row < MAX_FAILURES_IN_A_ROW:
            return
        self._store_best()
        first = self._ledger.first_failure
        cause = "" if first is None else f"trial {first.number}, {first.evaluation.status}"
        reason = "" if first is None else first.evaluation.reason
        raise EdgenasError(
            f"{self._ledger.failures_in_a_row} trials in a row failed, so the search stops. "
            f"First cause ({cause}): {reason}. Every trial is stored; when the cause is gone, go on with: "
            f"{resume_command(self._run_dir)}"
        )

    def _nothing_completed(self, result: SearchResult) -> None:
        first = min(self._ledger.records, key=lambda record: (record.pruned, record.number))
        resume = f"{resume_command(self._run_dir)} --trials {2 * result.finished}"
        more = (
            f"Rejected networks cost no training: go on with more of them by {resume}, or start a new search that "
            "requires less."
            if result.rejected
            else f"When the cause is gone, go on with: {resume}"
        )
        raise EdgenasError(
            f"None of the {result.finished} trials completed. First cause (trial {first.number}): "
            f"{first.evaluation.reason}. {more}"
        )

    def _store_best(self) -> SearchResult:
        # By number: parallel trials end in any order, and what is written must not depend on it.
        records = sorted(self._ledger.records, key=lambda record: record.number)
        volume = Hypervolume(self._ledger.tally.volume.reference_ms)
        for record in records:
            volume.add(record)
        result = summarise(records, self._run_dir, self._config, volume)
        write_best(result)
        return result


def _without_training(status: str, reason: str) -> Evaluation:
    return Evaluation(seconds={"total": 0.0}, status=status, reason=reason)
