"""A study on a PostgreSQL server, reached by psycopg 3."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from edgenas.errors import MissingDependencyError
from edgenas.search._optuna import optuna, sqlalchemy
from edgenas.search.storages.database import DatabaseBackend

__all__ = ["create_postgresql_study", "open_postgresql"]

# libpq's options: a server that vanished from the network is noticed within about a minute, not after two hours.
_CONNECT = {
    "connect_timeout": 15,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "edgenas",
}


def open_postgresql(url: str, name: str, where: str) -> DatabaseBackend:
    """Opens a study that exists.

    Args:
        url: URL with the driver psycopg, without a password.
        name: name of the study.
        where: how messages call it.

    Raises:
        MissingDependencyError: psycopg is not installed.
        sqlalchemy.exc.SQLAlchemyError, LookupError: no connection, or no such study.
    """
    # Every commit waits for the server's disk: a server that crashed must not forget what this process remembers.
    snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    return DatabaseBackend(_storage(url), name, where, snapshot=snapshot)


def create_postgresql_study(url: str, create: Callable[[Any], None]) -> None:
    """Makes a study in the database, and Optuna's tables where they are missing."""
    storage = _storage(url)
    try:
        create(storage)
    finally:
        storage.engine.dispose()


def _storage(url: str) -> Any:
    if importlib.util.find_spec("psycopg") is None:
        raise MissingDependencyError("psycopg", "postgresql", "A study on a PostgreSQL server")
    # A connection that died since the last trial is replaced before it is used.
    own = sqlalchemy.engine.make_url(url).query
    options = {
        "pool_pre_ping": True,
        "pool_size": 1,
        "connect_args": {name: value for name, value in _CONNECT.items() if name not in own},
    }
    return optuna.storages.RDBStorage(url, engine_kwargs=options)
