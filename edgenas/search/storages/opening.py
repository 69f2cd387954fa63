"""Opens the backend of a run, and makes its study where there is none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from edgenas.errors import UsageError
from edgenas.search._optuna import optuna
from edgenas.search.storages.backend import Backend
from edgenas.search.storages.errors import study_errors
from edgenas.search.storages.journal import JournalBackend, create_journal_study
from edgenas.search.storages.location import StudyLocation
from edgenas.search.storages.postgresql import create_postgresql_study, open_postgresql
from edgenas.search.storages.sqlite import create_sqlite_study, open_sqlite

__all__ = ["IDENTITY", "create_study", "no_such_study", "open_backend", "study_exists"]

IDENTITY = "configuration"
"""User attribute of the study: what decides what a trial number means, see `SearchConfig.identity`."""


def open_backend(where: StudyLocation, *, writable: bool) -> Backend:
    """Opens a study that exists.

    Raises:
        UsageError: the file of a journal is not there.
        StudyUnavailable, EdgenasError: it cannot be read.
    """
    with study_errors(where.shown, "read"):
        try:
            return _open(where, writable=writable)
        except LookupError as error:
            if where.file is not None and not where.journal:
                raise
            raise no_such_study(where) from error


def _open(where: StudyLocation, *, writable: bool) -> Backend:
    if where.url is not None:
        return open_postgresql(where.url, where.name, where.shown)
    if where.file is None:
        raise ValueError("A location has a file or a URL.")
    if not where.journal:
        return open_sqlite(where.file, where.name, writable=writable)
    if not where.file.is_file():
        raise UsageError(f"No study at {where.file}: the file does not exist.")
    return JournalBackend(where.file, where.name)


def no_such_study(where: StudyLocation) -> UsageError:
    """The error for a shared place that does not hold the study of a run."""
    return UsageError(
        f"No study {where.name!r} in {where.file or where.url}, where config.json says that it is. Was it deleted, or "
        "is this another server? Put it back, or start a new run in another folder."
    )


def study_exists(where: StudyLocation) -> bool:
    """Whether there is a study, or a file that should hold one.

    Raises:
        StudyUnavailable, EdgenasError: the place cannot be reached or read.
    """
    if where.file is not None and not where.file.exists():
        return False
    if where.file is not None and not where.journal:
        return True
    with study_errors(where.shown, "read"):
        try:
            _open(where, writable=False).close()
        except LookupError:
            return False
    return True


def create_study(
    where: StudyLocation,
    directions: Sequence[str],
    metrics: Sequence[str],
    identity: Mapping[str, Any] | None,
) -> None:
    """Makes the study.

    Args:
        where: where it does not exist.
        directions: "maximize" or "minimize" for each objective.
        metrics: names of the objectives, for the pictures of optuna-dashboard.
        identity: see `IDENTITY`.

    Raises:
        StudyUnavailable, EdgenasError: the place cannot be written.
    """

    def create(storage: Any) -> None:
        study = optuna.create_study(storage=storage, study_name=where.name, directions=list(directions))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # since Optuna 3.2
            study.set_metric_names(list(metrics))
        if identity is not None:
            study.set_user_attr(IDENTITY, dict(identity))

    with study_errors(where.shown, "written"):
        if where.url is not None:
            create_postgresql_study(where.url, create)
        elif where.file is not None and where.journal:
            create_journal_study(where.file, create)
        elif where.file is not None:
            create_sqlite_study(where.file, create)
