"""The store of trials: an Optuna study named "edgenas" in the SQLite file `study.db` of the run folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgenas.errors import EdgenasError, UsageError
from edgenas.search._optuna import optuna, sqlalchemy
from edgenas.search.algorithms import SeededSampler
from edgenas.search.config import STUDY_FILE
from edgenas.search.record import TrialRecord
from edgenas.space.space import Decisions, SearchSpace
from edgenas.storage import atomic_path

__all__ = ["STUDY_NAME", "OpenTrial", "TrialStore", "read_trials"]

STUDY_NAME = "edgenas"

# How long a write waits for another reader of the file, such as optuna-dashboard.
_LOCK_SECONDS = 60.0
_FULL = (
    "disk is full",
    "disk i/o error",
    "readonly database",
    "unable to open database",
    "database is locked",
)


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


class TrialStore:
    """The study of one run; the only writer of `study.db`.

    A trial is RUNNING from the moment its number is given until it is told. One that a killed search left
    RUNNING keeps its number and its decisions: `unfinished` hands it out again.

    Args:
        run_dir: the run folder; the study is made when there is none.
        sampler: an Optuna sampler.
        two_objectives: trials are told (quality, latency bound) and not their reward.

    Raises:
        EdgenasError: the file is damaged, is no study, or cannot be written.
    """

    def __init__(self, run_dir: Path, sampler: Any, *, two_objectives: bool = False) -> None:
        self._path = run_dir / STUDY_FILE
        self._two_objectives = two_objectives
        self._ask_for_all = isinstance(sampler, SeededSampler) and sampler.asks_for_all_decisions
        if not self._path.exists():
            _create(self._path, ("maximize", "minimize") if two_objectives else ("maximize",))
        with _study_errors(self._path, "read"):
            _check_integrity(self._path)
            self._storage = _storage(self._path)
            self._study = optuna.load_study(study_name=STUDY_NAME, storage=self._storage, sampler=sampler)

    def close(self) -> None:
        """Lets go of the file."""
        self._storage.engine.dispose()

    def records(self) -> list[TrialRecord]:
        """Every finished trial, by rising number."""
        with _study_errors(self._path, "read"):
            return [_record(t) for t in self._study.get_trials(deepcopy=False) if t.state.is_finished()]

    def count(self) -> int:
        """Number of trials that were ever given a number."""
        with _study_errors(self._path, "read"):
            return len(self._study.get_trials(deepcopy=False))

    def unfinished(self, space: SearchSpace) -> list[OpenTrial]:
        """Trials that were begun and not told, by rising number, ready to be evaluated again."""
        running = optuna.trial.TrialState.RUNNING
        with _study_errors(self._path, "read"):
            frozen = self._study.get_trials(deepcopy=False, states=(running,))
            return [
                OpenTrial(t.number, optuna.trial.Trial(self._study, t._trial_id), _active(space, t.params))
                for t in frozen
            ]

    def begin(self, space: SearchSpace) -> OpenTrial:
        """A new trial with the next number, whose decisions the sampler chose; stored as a whole or not at all."""
        with _study_errors(self._path, "written"), self._transaction():
            trial = self._study.ask()
            if self._ask_for_all:
                every = {d.name: trial.suggest_categorical(d.name, d.choices) for d in space.decisions()}
                decisions = _active(space, every)
            else:
                decisions = space.suggest(lambda name, choices: trial.suggest_categorical(name, choices))
            return OpenTrial(trial.number, trial, decisions, new=True)

    def finish(self, trial: OpenTrial, record: TrialRecord) -> None:
        """Stores the outcome as a whole or not at all; with it the trial is finished."""
        with _study_errors(self._path, "written"), self._transaction():
            for name, value in record.to_attrs().items():
                trial.handle.set_user_attr(name, value)
            if record.completed:
                both = [record.quality, record.latency.minimised]
                self._study.tell(trial.handle, both if self._two_objectives else record.reward)
            else:
                self._study.tell(trial.handle, state=optuna.trial.TrialState.FAIL)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Joins everything that Optuna writes inside into one transaction.

        Optuna commits each parameter and attribute by itself: some fifty waits for the disk a trial, a second
        on a busy one. With its sessions bound to a connection that is in a transaction already, only the end
        of this block commits.
        """
        sessions, engine = self._storage.scoped_session, self._storage.engine
        with engine.begin() as connection:
            sessions.remove()
            sessions.configure(bind=connection, join_transaction_mode="rollback_only")
            try:
                yield
            finally:
                sessions.remove()
                sessions.configure(bind=engine, join_transaction_mode="conditional_savepoint")


def read_trials(run_dir: Path) -> list[TrialRecord]:
    """Reads the finished trials of a run, by rising number.

    Raises:
        UsageError: the folder holds no study.
        EdgenasError: the study is damaged.
    """
    path = run_dir / STUDY_FILE
    if not path.is_file():
        raise UsageError(f"No study at {path}: the file does not exist. Start one with `edgenas search`.")
    store = TrialStore(run_dir, optuna.samplers.RandomSampler(seed=0))
    try:
        return store.records()
    finally:
        store.close()


def _active(space: SearchSpace, decisions: Mapping[str, Any]) -> Decisions:
    """The active ones among stored decisions."""
    return space.suggest(lambda name, _: decisions[name])


def _create(path: Path, directions: tuple[str, ...]) -> None:
    """Makes the study under another name first: `study.db` is either absent or whole."""
    for leftover in path.parent.glob(f".{path.stem}.*"):  # of a kill during an earlier attempt
        leftover.unlink(missing_ok=True)
    with atomic_path(path) as temporary, _study_errors(path, "written"):
        storage = _storage(temporary)
        optuna.create_study(storage=storage, study_name=STUDY_NAME, directions=directions)
        storage.engine.dispose()


def _check_integrity(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(_uri(path), uri=True, timeout=_LOCK_SECONDS)) as connection:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict is None or verdict[0] != "ok":
        raise sqlite3.DatabaseError(str(verdict[0] if verdict else "no answer to quick_check"))


def _record(trial: Any) -> TrialRecord:
    try:
        ended = trial.datetime_complete
        record = TrialRecord.from_attrs(trial.number, trial.user_attrs)
        return replace(record, ended_at=None if ended is None else ended.timestamp())
    except UsageError as error:
        raise ValueError(str(error)) from error


def _uri(path: Path) -> str:
    # mode=rw never makes a file, and still rolls back what a killed search left half written.
    return f"file:{quote(str(path.resolve()))}?mode=rw"


def _storage(path: Path) -> Any:
    """Optuna's storage on a connection of ours: SQLAlchemy would decode the quoted path once more."""
    connect = partial(sqlite3.connect, _uri(path), uri=True, timeout=_LOCK_SECONDS, check_same_thread=False)
    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})


@contextlib.contextmanager
def _study_errors(path: Path, verb: str) -> Iterator[None]:
    """Turns what Optuna, SQLAlchemy and sqlite3 raise into one error for the user."""
    kinds = (
        optuna.exceptions.OptunaError,
        sqlalchemy.exc.SQLAlchemyError,
        sqlite3.Error,
        OSError,
        RuntimeError,  # a schema of another Optuna
        LookupError,  # no study of that name, or attributes missing
        TypeError,
        ValueError,
    )
    try:
        yield
    except kinds as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        text = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        if any(mark in text.lower() for mark in _FULL):
            advice = (
                "What was stored before is unchanged. Free some space, allow writing or close other users of "
                "the file, then go on with --resume."
            )
        else:
            advice = (
                "The file is damaged or was not written by `edgenas search`; the other files of the run are "
                "untouched. Put a copy of it back, or start a new run in another folder."
            )
        raise EdgenasError(f"The study {path} cannot be {verb}: {text}. {advice}") from error
