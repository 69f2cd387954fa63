"""A study in a journal file of Optuna, for run folders on a shared disk such as NFS.

A journal is only ever appended to, so it asks less of a file system than SQLite does. Writers take turns by a symbolic
link beside the file, which every version of NFS makes in one step; one that a dead process left is removed after
`_GRACE_SECONDS`. What a kill or a full disk cut short is cut off before the next line is written.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgenas.search._optuna import optuna
from edgenas.search.storages.backend import StudyContent
from edgenas.search.storages.errors import ForeignWriterError
from edgenas.search.storages.mirror import FIRST_TRIAL_ID

__all__ = ["JournalBackend", "create_journal_study"]

_GRACE_SECONDS = 10


class _JournalFile(optuna.storages.journal.JournalFileBackend):  # type: ignore[misc]
    """Optuna's journal file that can append the lines of several operations at once, all or none."""

    def __init__(self, path: Path) -> None:
        # Absolute, as Optuna makes the link point to this name from the folder of the link.
        self._path = path.resolve()
        self._own_lock = optuna.storages.journal.JournalFileSymlinkLock(str(self._path), _GRACE_SECONDS)
        self._batch: list[dict[str, Any]] | None = None
        self._durable = True
        super().__init__(str(self._path), self._own_lock)

    @contextlib.contextmanager
    def together(self, *, durable: bool) -> Iterator[None]:
        """Holds back what is appended inside and writes it at the end."""
        self._batch = []
        try:
            yield
            lines = self._batch
        finally:
            self._batch = None
        if lines:
            self._append(lines, durable=durable)

    @contextlib.contextmanager
    def quickly(self) -> Iterator[None]:
        """Does not wait for the disk inside."""
        self._durable = False
        try:
            yield
        finally:
            self._durable = True

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """The lines from a number on; none while lines are held back."""
        return iter(()) if self._batch is not None else super().read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends lines now, or at the end of `together`."""
        if self._batch is not None:
            self._batch.extend(logs)
        else:
            self._append(logs, durable=self._durable)

    def _append(self, logs: list[dict[str, Any]], *, durable: bool) -> None:
        data = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        self._own_lock.acquire()
        try:
            with self._path.open("rb+", buffering=0) as file:
                whole, size = _whole_lines(file), file.seek(0, os.SEEK_END)
                if whole < size:
                    file.truncate(whole)
            with self._path.open("ab", buffering=0) as file:
                try:
                    written = 0
                    while written < len(data):
                        written += file.write(data[written:])
                    if durable:
                        os.fsync(file.fileno())
                except BaseException:
                    with contextlib.suppress(OSError):  # What stays is cut off by the next writer.
                        file.truncate(whole)
                    raise
        finally:
            with contextlib.suppress(RuntimeError):  # Somebody thought that this process was dead.
                self._own_lock.release()


class JournalBackend:
    """A study in a journal file.

    Args:
        path: the file, which exists.
        name: name of the study.

    Raises:
        LookupError: the file holds no such study.
        ValueError: it is no journal.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._where = str(path)
        self._file = _JournalFile(path)
        self._storage = optuna.storages.JournalStorage(self._file)
        self._study_id: int = self._storage.get_study_id_from_name(name)

    @property
    def storage(self) -> Any:
        """Optuna's storage."""
        return self._storage

    def close(self) -> None:
        """Nothing is held between two calls."""

    def load(self) -> StudyContent:
        """Reads everything."""
        storage, study = self._storage, self._study_id
        trials = []
        for stored in storage.get_all_trials(study, deepcopy=False):
            trial = copy.copy(stored)
            trial._trial_id = trial.number + FIRST_TRIAL_ID
            trials.append(trial)
        return StudyContent(
            directions=storage.get_study_directions(study),
            user_attrs=storage.get_study_user_attrs(study),
            system_attrs=storage.get_study_system_attrs(study),
            trials=trials,
        )

    def begin(self, trial: Any, study_attrs: Mapping[str, Any]) -> None:
        """See `Backend.begin`.

        Raises:
            ForeignWriterError: the study has trials that this process does not know.
        """
        known = len(self._storage.get_all_trials(self._study_id, deepcopy=False))
        if known == trial.number:
            with self._file.together(durable=False):
                self._set_study_attrs(study_attrs)
            with self._file.quickly():  # One line, the whole trial.
                self._storage.create_new_trial(self._study_id, template_trial=trial)
        if not self._holds(trial):
            raise ForeignWriterError(
                f"The study in {self._where} has trials that this search does not know: somebody else writes to it. "
                "End the other search, then go on with --resume."
            )

    def report(self, trial: Any) -> None:
        """See `Backend.report`."""
        with self._file.together(durable=False):
            self._set_steps(trial)

    def finish(self, trial: Any, study_attrs: Mapping[str, Any], *, durable: bool) -> None:
        """See `Backend.finish`.

        Raises:
            ForeignWriterError: the trial was finished with another outcome.
        """
        trial_id = self._trial_id(trial)
        stored = self._storage.get_trial(trial_id)
        if stored.state.is_finished():
            if stored.state == trial.state and stored.values == trial.values:
                return
            raise ForeignWriterError(
                f"Trial {trial.number} of the study in {self._where} was finished by somebody else. End the other "
                "search, then go on with --resume."
            )
        with self._file.together(durable=durable):
            self._set_study_attrs(study_attrs)
            self._set_steps(trial)
            for key, value in trial.user_attrs.items():
                self._storage.set_trial_user_attr(trial_id, key, value)
            for key, value in trial.system_attrs.items():
                self._storage.set_trial_system_attr(trial_id, key, value)
            # Last: a reader of a file that is cut short sees a running trial.
            self._storage.set_trial_state_values(trial_id, trial.state, trial.values)
        self._storage.get_trial(trial_id)  # Reads the lines back, so that a clash shows itself here.

    def _trial_id(self, trial: Any) -> int:
        return int(self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number))

    def _holds(self, trial: Any) -> bool:
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        if len(trials) != trial.number + 1:
            return False
        stored = trials[trial.number]
        same = stored.params == trial.params and stored.datetime_start == trial.datetime_start
        return bool(same and stored.state == trial.state)

    def _set_study_attrs(self, attrs: Mapping[str, Any]) -> None:
        for key, value in attrs.items():
            self._storage.set_study_system_attr(self._study_id, key, value)

    def _set_steps(self, trial: Any) -> None:
        trial_id = self._trial_id(trial)
        for step, value in trial.intermediate_values.items():
            self._storage.set_trial_intermediate_value(trial_id, step, value)


def create_journal_study(path: Path, create: Callable[[Any], None]) -> None:
    """Makes a study in a journal file, and the file where there is none.

    Args:
        path: the file.
        create: makes the study in the storage it is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    create(optuna.storages.JournalStorage(_JournalFile(path)))


def _whole_lines(file: Any) -> int:
    """Where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    position = end
    while position > 0:
        start = max(0, position - 65536)
        file.seek(start)
        chunk = file.read(position - start)
        if (at := chunk.rfind(b"\n")) >= 0:
            return int(start + at + 1)
        position = start
    return 0
