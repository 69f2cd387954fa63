"""`ClientSession`: which results of a board this machine has already handed out, on the disk."""

from __future__ import annotations

import fcntl
import hashlib
import re
import secrets
import time
from pathlib import Path
from typing import IO, Any

from edgenas.device_profiles.connection import Connection
from edgenas.errors import EdgenasError, UsageError
from edgenas.storage import read_json, write_json

__all__ = ["ClientSession"]

# Twice as long as the board's journal answers (`agent.journal.REUSABLE_SECONDS`): a forgotten count does no harm then.
_REMEMBERED_SECONDS = 24 * 3600
_MOST_AT_ONCE = 64


class ClientSession:
    """A name in the board's journal, and how many measurements of each kind were handed out under it.

    A job's key on the board holds that number. It is raised on the disk before a measurement is handed out, so a
    measurement never counts twice: what was handed out is measured anew when it is asked for again (the next round of a
    profile), and what was not (the client was killed, or did not want the rest) is fetched from the board. Should the
    client be killed in between the two, that one measurement is made again.

    Args:
        connection: the board.
        folder: where the files are kept.

    Raises:
        EdgenasError: the folder cannot be written.
    """

    def __init__(self, connection: Connection, folder: Path) -> None:
        text = f"{connection.target} {connection.folder}"
        slug = re.sub(r"[^a-zA-Z0-9_.-]+", "-", connection.target)
        stem = f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        self._path, self._lock = _free_place(folder, stem)
        self._data = self._read()
        self._waiting: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Name of the client in the board's journal."""
        return str(self._data["session"])

    def number(self, kind: str) -> int:
        """The number of the next measurement of a kind; one that is asked for twice before `hand_out` is two."""
        waiting = self._waiting.get(kind, 0)
        self._waiting[kind] = waiting + 1
        return int(self._data["handed_out"].get(kind, [0])[0]) + waiting

    def forget_waiting(self) -> None:
        """Numbers that were given and not handed out will be given again."""
        self._waiting.clear()

    def hand_out(self, kind: str) -> None:
        """Counts a measurement; on the disk when this returns."""
        handed = self._data["handed_out"]
        handed[kind] = [handed.get(kind, [0])[0] + 1, time.time()]
        if self._waiting.get(kind):
            self._waiting[kind] -= 1
        write_json(self._path, self._data)

    def close(self) -> None:
        """Lets another process have the name."""
        self._lock.close()

    def _read(self) -> dict[str, Any]:
        try:
            found = read_json(self._path, "list of fetched measurements")
            oldest = time.time() - _REMEMBERED_SECONDS
            handed = {k: [int(n), float(t)] for k, (n, t) in found["handed_out"].items() if float(t) > oldest}
            return {"session": str(found["session"]), "handed_out": handed}
        except (UsageError, KeyError, TypeError, ValueError, AttributeError):
            # A new name: under the old one the board might answer with what was handed out before.
            data = {"session": secrets.token_hex(8), "handed_out": {}}
            write_json(self._path, data)
            return data


def _free_place(folder: Path, stem: str) -> tuple[Path, IO[bytes]]:
    """The first file that no other process uses, locked for as long as this one lives."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(_MOST_AT_ONCE):
            lock = (folder / f"{stem}-{number}.lock").open("wb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return folder / f"{stem}-{number}.json", lock
            except BlockingIOError:
                lock.close()
    except OSError as error:
        raise EdgenasError(f"{folder} cannot be written: {error.strerror or error}.") from error
    raise EdgenasError(f"{_MOST_AT_ONCE} other processes measure on the same board; wait until one is done.")
