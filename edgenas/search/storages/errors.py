"""`StudyUnavailable`, and how the errors of Optuna, SQLAlchemy, sqlite3, psycopg and files become one for the user."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from edgenas.errors import EdgenasError
from edgenas.search._optuna import optuna, sqlalchemy

__all__ = ["ForeignWriterError", "StudyUnavailable", "study_errors"]

# Names of SQLite's result codes, extended ones by their beginning.
_SQLITE_PASSES = (
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_PERM",
)

# Classes of SQLSTATE: connection, resources (disk full among them), operator (shutdown), system, and single codes:
# read-only transaction, deadlock, serialisation, lock not available.
_POSTGRES_PASSES = ("08", "53", "57", "58", "25006", "40P01", "40001", "55P03")

_KINDS = (
    optuna.exceptions.OptunaError,
    sqlalchemy.exc.SQLAlchemyError,
    sqlite3.Error,
    OSError,
    RuntimeError,  # a schema of another Optuna
    LookupError,  # no study of that name, or attributes missing
    TypeError,
    ValueError,
)


class StudyUnavailable(EdgenasError):  # noqa: N818
    """The study cannot be written or read now: disk full, read-only, locked, connection lost.

    What was stored before is whole. The call that raised it may be repeated later with the same arguments.
    """


class ForeignWriterError(EdgenasError):
    """Somebody else wrote to the study: two drivers would give out the same trial numbers."""


@contextlib.contextmanager
def study_errors(where: str, verb: str) -> Iterator[None]:
    """Turns whatever goes wrong with a study into one error.

    Args:
        where: the file, or name and server.
        verb: "read" or "written".

    Raises:
        StudyUnavailable: the reason may pass.
        EdgenasError: it will not.
    """
    try:
        yield
    except _KINDS as error:
        cause = _innermost(error)
        text = (str(cause).strip() or type(cause).__name__).splitlines()[0].rstrip(".")
        said = f"The study {where} cannot be {verb}: {text}."
        if _may_pass(error, cause):
            raise StudyUnavailable(
                f"{said} What was stored before is unchanged. {_advice(cause)}, then go on with --resume."
            ) from error
        raise EdgenasError(
            f"{said} The file is damaged or was not written by `edgenas search`; the other files of the run are "
            "untouched. Put a copy of it back, or start a new run in another folder."
        ) from error


def _innermost(error: BaseException) -> BaseException:
    cause = error
    while True:
        inner = getattr(cause, "orig", None) or cause.__cause__
        if inner is None or inner is cause:
            return cause
        cause = inner


def _may_pass(error: BaseException, cause: BaseException) -> bool:
    if isinstance(cause, sqlite3.Error):
        return str(getattr(cause, "sqlite_errorname", "")).startswith(_SQLITE_PASSES)
    if isinstance(cause, OSError):
        return True
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        state = getattr(cause, "sqlstate", None)
        # Without a state the connection itself failed.
        lost = state is None and isinstance(
            error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError
        )
        return error.connection_invalidated or lost or str(state).startswith(_POSTGRES_PASSES)
    return False


def _advice(cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error | OSError):
        return "Free some space, allow writing or close other users of the file"
    if "password" in str(cause):
        return "Set the password in PGPASSWORD or ~/.pgpass"
    return "Start the server again, free some space on it or mend the connection"
