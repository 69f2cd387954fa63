"""The store of trials: an Optuna study, held in memory for the samplers and written through to where it is kept.

Kept is it in `study.db` of the run folder, or where `--storage` says, see `edgenas.search.storages.location`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.search._optuna import optuna
from edgenas.search.algorithms import SeededSampler
from edgenas.search.config import differences, study_location
from edgenas.search.record import TrialRecord
from edgenas.search.storages.errors import ForeignWriterError, StudyUnavailable, study_errors
from edgenas.search.storages.location import STUDY_NAME, StudyLocation
from edgenas.search.storages.mirror import Mirror
from edgenas.search.storages.opening import IDENTITY, create_study, no_such_study, open_backend, study_exists
from edgenas.space.space import Decisions, SearchSpace

__all__ = [
    "STUDY_NAME",
    "ForeignWriterError",
    "OpenTrial",
    "StudyUnavailable",
    "TrialStore",
    "frozen_trials_at",
    "read_frozen_trials",
    "read_trials",
]

# A power cut may take back what was finished since the last wait for the disk. Where trials take longer than this,
# every one waits; where they are quicker, a wait would take longer than they do.
_DURABLE_EVERY_SECONDS = 1.0

# A run that has this file had trials; `edgenas.search.result` writes it.
_RESULT_FILE = "best.json"

_METRICS = ("reward",)
_TWO_METRICS = ("quality", "latency")


@dataclass(frozen=True)
class OpenTrial:
    """A trial that has a number and decisions and waits for its outcome.

    Attributes:
        number: trial number, from 0.
        handle: Optuna's trial.
        decisions: active decisions.
        new: whether it was begun in this session; otherwise a killed one left it.
    """

    number: int
    handle: Any
    decisions: Decisions
    new: bool = False


@dataclass(frozen=True)
class _Write:
    """Something that memory holds and the backend does not."""

    verb: str
    trial: Any
    study_attrs: Mapping[str, Any]


class TrialStore:
    """The study of one run; its only writer. Several trials may be open, and finished in any order.

    A trial is RUNNING from the moment its number is given until it is told. One that a killed search left
    RUNNING keeps its number and its decisions: `unfinished` hands it out again. What is stored is at any moment a
    prefix of what happened in memory, so after `StudyUnavailable` the same call can be repeated, or the search ended.

    Args:
        run_dir: the run folder; the study is made when there is none.
        sampler: an Optuna sampler.
        two_objectives: trials are told (quality, latency bound) and not their reward.
        identity: what makes the search what it is, see `SearchConfig.identity`; None to trust that it is the same.
        pruner: an Optuna pruner, which `prune` asks; None for none.

    Raises:
        UsageError: the study was made with another identity, or `config.json` names an impossible storage.
        StudyUnavailable: the place that keeps the study cannot be reached, read or written now.
        EdgenasError: the study is damaged, or is none.
    """

    def __init__(
        self,
        run_dir: Path,
        sampler: Any,
        *,
        two_objectives: bool = False,
        identity: Mapping[str, Any] | None = None,
        pruner: Any = None,
    ) -> None:
        self._location = study_location(run_dir)
        self._two_objectives = two_objectives
        self._ask_for_all = isinstance(sampler, SeededSampler) and sampler.asks_for_all_decisions
        metrics = _TWO_METRICS if two_objectives else _METRICS
        if not study_exists(self._location):
            if self._location.shared and (run_dir / _RESULT_FILE).exists():
                raise no_such_study(self._location)
            create_study(self._location, ("maximize", "minimize")[: len(metrics)], metrics, identity)
        self._backend = open_backend(self._location, writable=True)
        try:
            with study_errors(self._location.shown, "read"):
                content = self._backend.load()
                _refuse_waiting(content.trials)
            _compare(self._location, content.user_attrs.get(IDENTITY), identity)
        except BaseException:
            self._backend.close()
            raise
        self._mirror = Mirror(
            self._location.name, content.directions, content.user_attrs, content.system_attrs, content.trials
        )
        self._study = optuna.load_study(
            study_name=self._location.name,
            storage=self._mirror,
            sampler=sampler,
            pruner=pruner or optuna.pruners.NopPruner(),
        )
        self._queue: deque[_Write] = deque()
        self._begun: OpenTrial | None = None
        self._told: set[int] = set()
        self._durable_at = -_DURABLE_EVERY_SECONDS

    def close(self) -> None:
        """Lets go of the study."""
        self._backend.close()

    def records(self) -> list[TrialRecord]:
        """Every finished trial, by rising number."""
        with study_errors(self._location.shown, "read"):
            return [_record(t) for t in self._study.get_trials(deepcopy=False) if t.state.is_finished()]

    def count(self) -> int:
        """Number of trials that were ever given a number."""
        return self._mirror.numbers()

    def unfinished(self, space: SearchSpace) -> list[OpenTrial]:
        """Trials that were begun and not told, by rising number, ready to be evaluated again."""
        running = (optuna.trial.TrialState.RUNNING,)
        with study_errors(self._location.shown, "read"):
            return [
                OpenTrial(t.number, optuna.trial.Trial(self._study, t._trial_id), _active(space, t.params))
                for t in self._study.get_trials(deepcopy=False, states=running)
            ]

    def begin(self, space: SearchSpace) -> OpenTrial:
        """A new trial with the next number, whose decisions the sampler chose; stored as a whole or not at all.

        Raises:
            StudyUnavailable: it is not stored; called again, this gives the same trial.
            ForeignWriterError: somebody else writes to the study.
        """
        if self._begun is None:
            self._begun = self._ask(space)
            self._put("begin", self._begun.number)
        self._flush()
        trial, self._begun = self._begun, None
        return trial

    def prune(self, trial: OpenTrial, step: int, reward: float) -> bool:
        """Tells the pruner of the reward of a running trial after some steps; whether the trial ends there.

        It is stored when the trial is finished. Stored before, a trial that is begun again after a kill would compete
        with itself.
        """
        with study_errors(self._location.shown, "read"):
            trial.handle.report(reward, step)
            return bool(trial.handle.should_prune())

    def finish(self, trial: OpenTrial, record: TrialRecord) -> None:
        """Stores the outcome as a whole or not at all; with it the trial is finished.

        Raises:
            StudyUnavailable: it is not stored; to be called again with the same arguments.
            ForeignWriterError: somebody else writes to the study.
        """
        if trial.number not in self._told:
            self._tell(trial, record)
            self._told.add(trial.number)
            self._put("finish", trial.number)
        self._flush()
        self._told.discard(trial.number)

    def _ask(self, space: SearchSpace) -> OpenTrial:
        number = self._mirror.numbers()
        try:
            with study_errors(self._location.shown, "read"):
                trial = self._study.ask()
                if self._ask_for_all:
                    every = {d.name: trial.suggest_categorical(d.name, d.choices) for d in space.decisions()}
                    decisions = _active(space, every)
                else:
                    decisions = space.suggest(lambda name, choices: trial.suggest_categorical(name, choices))
                return OpenTrial(number, trial, decisions, new=True)
        except BaseException:
            # Nobody will ever finish it, and its number must not be skipped.
            if self._mirror.numbers() > number:
                self._mirror.withdraw(number)
            self._mirror.take_study_attrs()
            raise

    def _tell(self, trial: OpenTrial, record: TrialRecord) -> None:
        with study_errors(self._location.shown, "written"):
            for name, value in record.to_attrs().items():
                trial.handle.set_user_attr(name, value)
            if record.completed:
                both = [record.quality, record.latency.minimised]
                self._study.tell(trial.handle, both if self._two_objectives else record.reward)
            else:
                states = optuna.trial.TrialState
                self._study.tell(trial.handle, state=states.PRUNED if record.pruned else states.FAIL)

    def _put(self, verb: str, number: int) -> None:
        self._queue.append(_Write(verb, self._mirror.trial(number), self._mirror.take_study_attrs()))

    def _flush(self) -> None:
        """Writes what memory is ahead, in the order in which it happened."""
        while self._queue:
            write = self._queue[0]
            now = time.monotonic()
            durable = now - self._durable_at >= _DURABLE_EVERY_SECONDS
            with study_errors(self._location.shown, "written"):
                if write.verb == "begin":
                    self._backend.begin(write.trial, write.study_attrs)
                else:
                    self._backend.finish(write.trial, write.study_attrs, durable=durable)
                    self._durable_at = now if durable else self._durable_at
            self._queue.popleft()


def read_trials(run_dir: Path) -> list[TrialRecord]:
    """Reads the finished trials of a run, by rising number; also while it is searched.

    Raises:
        UsageError: the folder holds no study.
        StudyUnavailable: the place that keeps the study cannot be reached or read now.
        EdgenasError: the study is damaged.
    """
    location = study_location(run_dir)
    with study_errors(location.shown, "read"):
        return [_record(trial) for trial in read_frozen_trials(run_dir) if trial.state.is_finished()]


def read_frozen_trials(run_dir: Path) -> list[Any]:
    """Reads every trial of a run as Optuna has it, by rising number; also while it is searched.

    Raises:
        As `read_trials`.
    """
    return frozen_trials_at(study_location(run_dir))


def frozen_trials_at(location: StudyLocation) -> list[Any]:
    """As `read_frozen_trials`, for a place that is known; what reads a run's other files leniently needs no more.

    Raises:
        As `read_trials`.
    """
    if location.file is not None and not location.file.is_file():
        raise UsageError(
            f"No study at {location.file}: the file does not exist. Start one with `edgenas search`."
        )
    backend = open_backend(location, writable=False)
    try:
        with study_errors(location.shown, "read"):
            return list(backend.load().trials)
    finally:
        backend.close()


def _active(space: SearchSpace, decisions: Mapping[str, Any]) -> Decisions:
    """The active ones among stored decisions."""
    return space.suggest(lambda name, _: decisions[name])


def _record(trial: Any) -> TrialRecord:
    try:
        ended = trial.datetime_complete
        record = TrialRecord.from_attrs(trial.number, trial.user_attrs)
        return replace(record, ended_at=None if ended is None else ended.timestamp())
    except UsageError as error:
        raise ValueError(str(error)) from error


def _refuse_waiting(trials: Any) -> None:
    waiting = [trial.number for trial in trials if trial.state == optuna.trial.TrialState.WAITING]
    if waiting:
        raise UsageError(
            f"Trial {waiting[0]} of the study was enqueued by other means than edgenas, which numbers its trials "
            "itself. Start a new run without it."
        )


def _compare(
    location: StudyLocation, stored: Mapping[str, Any] | None, now: Mapping[str, Any] | None
) -> None:
    """Refuses a study of another search. What one side does not know, as another version wrote it, is not compared."""
    if not isinstance(stored, Mapping) or now is None:
        return
    found = differences(
        {name: value for name, value in stored.items() if name in now},
        {name: value for name, value in now.items() if name in stored},
    )
    if found:
        raise UsageError(
            f"The study {location.shown} was made with another configuration:\n"
            + "\n".join(f"  {line}" for line in found)
            + "\nResume with the stored values, or start a new run in another folder."
        )
