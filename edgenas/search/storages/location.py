"""`--storage`: what it may say, what of it `config.json` keeps, and where the study of a run is therefore found.

| `--storage` | where | for |
|---|---|---|
| none | `study.db` in the run folder, SQLite | one machine |
| journal | `study.journal` in the run folder, Optuna's journal file | a run folder on a shared disk such as NFS |
| journal:PATH | that journal file, which may hold the studies of many runs | the same |
| postgresql://USER@HOST/DATABASE | a PostgreSQL server | runs that many watch |

Passwords are never stored: a URL that holds one is refused. libpq finds them in PGPASSWORD, ~/.pgpass or the file that
`?passfile=FILE` names, when a run is started and whenever it is resumed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, unknown_name

__all__ = ["JOURNAL_FILE", "STUDY_FILE", "STUDY_NAME", "StudyLocation", "new_study_name", "normal_storage"]

STUDY_FILE = "study.db"
JOURNAL_FILE = "study.journal"
STUDY_NAME = "edgenas"
"""Name of the study where the run folder holds it; in a shared place every run has a name of its own."""

_KINDS = ("journal", "journal:PATH", "postgresql://USER@HOST/DATABASE")
_DRIVER = "postgresql+psycopg"
_SCHEMES = ("postgresql", "postgres", _DRIVER)
_SECRET_PARTS = ("password", "sslpassword")


@dataclass(frozen=True)
class StudyLocation:
    """Where the study of a run is.

    Attributes:
        name: name of the study.
        file: file of SQLite or of the journal, None for a server.
        url: URL of the server for SQLAlchemy, without a password; None for a file.
    """

    name: str
    file: Path | None = None
    url: str | None = None

    @property
    def journal(self) -> bool:
        """Whether it is a journal file."""
        return self.file is not None and self.file.name != STUDY_FILE

    @property
    def shared(self) -> bool:
        """Whether other runs may keep their studies there too."""
        return self.name != STUDY_NAME

    @property
    def shown(self) -> str:
        """How messages call it."""
        return str(self.file) if self.file is not None else f"{self.name!r} at {self.url}"

    @classmethod
    def of(cls, run_dir: Path, config: Mapping[str, Any]) -> StudyLocation:
        """Where `config.json` says that the study is; runs of earlier versions say nothing.

        Raises:
            UsageError: it says something that `normal_storage` refuses.
        """
        name = str(config.get("study_name") or STUDY_NAME)
        storage = normal_storage(config.get("storage"))
        if storage is None:
            return cls(STUDY_NAME, file=run_dir / STUDY_FILE)
        if storage == "journal":
            return cls(name, file=run_dir / JOURNAL_FILE)
        if storage.startswith("journal:"):
            return cls(name, file=Path(storage.removeprefix("journal:")))
        return cls(name, url=storage)


def new_study_name(run_dir: Path, storage: str | None) -> str:
    """A name for the study of a new run, which no other run has where it is kept."""
    if storage is None or storage == "journal":
        return STUDY_NAME
    return f"{STUDY_NAME}-{run_dir.resolve().name[:80]}-{uuid.uuid4().hex[:8]}"


def normal_storage(storage: str | None) -> str | None:
    """What `config.json` keeps of `--storage`: paths absolute, the driver of PostgreSQL written out.

    Raises:
        UsageError: there is no such storage, or it holds a password.
    """
    if storage is None or storage == "journal":
        return storage
    kind, _, rest = storage.partition(":")
    if kind == "journal":
        if not rest or Path(rest).name == STUDY_FILE:
            raise UsageError(
                f"Invalid argument `storage`. Expected journal:PATH with a file that is not {STUDY_FILE}. "
                f"Received {storage!r}."
            )
        return f"journal:{Path(rest).expanduser().resolve()}"
    if kind in _SCHEMES:
        return _server(storage)
    if kind.partition("+")[0] in ("postgresql", "postgres"):
        raise UsageError(
            f"Driver {kind!r} is not used by edgenas. Expected postgresql://, which takes psycopg 3."
        )
    # Only the scheme: what follows may hold a password.
    raise unknown_name("storage", kind, _KINDS, "edgenas search --help")


def _server(storage: str) -> str:
    from edgenas.search._optuna import sqlalchemy

    try:
        url = sqlalchemy.engine.make_url(storage)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # The text of that error may hold a password.
        raise UsageError(
            "The URL of the storage cannot be read. Expected postgresql://USER@HOST:PORT/DATABASE, "
            "with special characters as %40."
        ) from None
    if url.password is not None or any(part in url.query for part in _SECRET_PARTS):
        raise UsageError(
            f"The URL of the storage at {url.host or 'the server'} holds a password, which would end up in "
            "config.json and in lists of processes. Leave it out and set it in the variable PGPASSWORD, in "
            "~/.pgpass, or in a file named by ?passfile=FILE."
        )
    if not url.database and "dbname" not in url.query and "service" not in url.query:
        raise UsageError(
            "The URL of the storage names no database. Expected postgresql://USER@HOST:PORT/DATABASE."
        )
    return str(url.set(drivername=_DRIVER).render_as_string(hide_password=True))
