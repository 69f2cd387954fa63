"""A study in a file of SQLite in the run folder.

While a search runs, the file is in SQLite's WAL mode: a commit then waits for the disk once or not at all, where the
rollback journal waits four times, 28 ms instead of 5 on the disk of the development machine. Closed, it is one plain
file again, which can be copied and read from read-only media.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgenas.search._optuna import optuna
from edgenas.search.storages.database import DatabaseBackend
from edgenas.storage import atomic_path

__all__ = ["create_sqlite_study", "open_sqlite"]

# How long a write waits for another user of the file, such as optuna-dashboard.
_LOCK_SECONDS = 60.0


class SqliteBackend(DatabaseBackend):
    """A study in a file.

    Args:
        path: the file, which exists.
        name: name of the study.
        writable: whether trials will be written.
    """

    def __init__(self, path: Path, name: str, *, writable: bool) -> None:
        _check_integrity(path)
        self._writable = writable
        prepare = _synchronise if writable else None
        super().__init__(_storage(path), name, str(path), snapshot="BEGIN", prepare=prepare)
        if writable:
            self._run("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Makes one plain file of it again, unless somebody else still reads it or the disk is full."""
        if self._writable:
            with contextlib.suppress(Exception):
                self._run("PRAGMA busy_timeout=2000", "PRAGMA journal_mode=DELETE")
        super().close()

    def _run(self, *statements: str) -> None:
        with self._engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def open_sqlite(path: Path, name: str, *, writable: bool) -> SqliteBackend:
    """Opens the study of a file that exists.

    Raises:
        sqlite3.Error, LookupError: the file is damaged or holds no such study.
    """
    return SqliteBackend(path, name, writable=writable)


def create_sqlite_study(path: Path, create: Callable[[Any], None]) -> None:
    """Makes the study under another name first: the file is either absent or whole.

    Args:
        path: the file to make.
        create: makes the study in the storage it is given.
    """
    for leftover in path.parent.glob(f".{path.stem}.*"):  # of a kill during an earlier attempt
        leftover.unlink(missing_ok=True)
    with atomic_path(path) as temporary:
        storage = _storage(temporary)
        create(storage)
        storage.engine.dispose()


def _synchronise(connection: Any, durable: bool) -> None:
    connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")


def _check_integrity(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(_uri(path), uri=True, timeout=_LOCK_SECONDS)) as connection:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict is None or verdict[0] != "ok":
        raise sqlite3.DatabaseError(str(verdict[0] if verdict else "no answer to quick_check"))


def _uri(path: Path) -> str:
    # mode=rw never makes a file, and still rolls back what a killed search left half written.
    return f"file:{quote(str(path.resolve()))}?mode=rw"


def _storage(path: Path) -> Any:
    """Optuna's storage on a connection of ours: SQLAlchemy would decode the quoted path once more."""
    connect = partial(sqlite3.connect, _uri(path), uri=True, timeout=_LOCK_SECONDS, check_same_thread=False)
    return optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})
