"""`Journal`: what a board has measured for a client, on its disk before it is sent; and tidying the board's folder."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

__all__ = ["Journal", "clean_up"]

REUSABLE_SECONDS = 12 * 3600
"""Results that nobody fetched for longer are measured again: clocks, heat and software may be others by then."""

_KEPT_SECONDS, _KEPT_BYTES, _IN_USE_SECONDS = 7 * 24 * 3600, 512 * 2**20, 3600
_LONG_BYTES = 4 * 2**20


class Journal:
    """One client's results by key, appended line by line.

    Args:
        path: the file; a last line that a power cut left incomplete is not counted.

    Raises:
        OSError: it cannot be read or written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}
        with open(path, "a+b") as file:
            file.seek(0)
            for line in file:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    self._entries[entry["key"]] = {
                        "time": float(entry["time"]),
                        "result": dict(entry["result"]),
                    }
            long = file.tell() > _LONG_BYTES
        self._entries = {key: entry for key, entry in self._entries.items() if _fresh(entry)}
        if long:
            self._shorten()

    def find(self, key: str) -> dict[str, Any] | None:
        """The entry of a key, None for none that can still be used."""
        entry = self._entries.get(key)
        return entry if entry is not None and _fresh(entry) else None

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Appends a result; on the disk when this returns."""
        entry = {"time": time.time(), "result": result}
        line = _line(key, entry)
        with open(self._path, "a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._entries[key] = entry

    def _shorten(self) -> None:
        with open(self._path + ".new", "wb") as file:
            file.writelines(_line(key, entry) for key, entry in self._entries.items())
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._path + ".new", self._path)


def _line(key: str, entry: dict[str, Any]) -> bytes:
    return json.dumps(dict(entry, key=key)).encode() + b"\n"


def _fresh(entry: dict[str, Any]) -> bool:
    # A board without a battery-backed clock may tell 1970 after a restart: such an age says nothing.
    age: float = time.time() - entry["time"]
    return 0 <= age <= REUSABLE_SECONDS


def clean_up(folder: str, agent: str) -> None:
    """Deletes what old sessions left in `folder`, and the models used longest ago where all take too much."""
    now, models = time.time(), []
    for place in (folder, os.path.join(folder, "models")):
        with contextlib.suppress(OSError):
            for name in os.listdir(place):
                path = os.path.join(place, name)
                if not name.startswith(("journal-", "agent-", ".incoming-", "tmp")) and place == folder:
                    continue
                with contextlib.suppress(OSError):  # Another client's agent may tidy at the same time.
                    about = os.stat(path)
                    if now - about.st_mtime > _KEPT_SECONDS and path != agent:
                        os.unlink(path)
                    elif place != folder:
                        models.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in models)
    for modified, size, path in sorted(models):
        if total > _KEPT_BYTES and now - modified > _IN_USE_SECONDS:
            with contextlib.suppress(OSError):
                os.unlink(path)
                total -= size
