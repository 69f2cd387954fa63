"""history.csv: the rows of a training, written while it goes on."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgenas.storage import write_text_atomic

__all__ = ["HistoryFile"]

_SECONDS = 5.0


class HistoryFile:
    """The whole history as a table, at most every five seconds: a training that goes on has the rows of before.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = 0
        self._written = time.monotonic()

    def write(self, history: Sequence[Mapping[str, float]], *, at_once: bool = False) -> None:
        """Writes the rows so far where there are new ones and it is time, or `at_once`."""
        due = len(history) != self._rows and time.monotonic() - self._written >= _SECONDS
        if not (due or at_once):
            return
        out = io.StringIO()
        if history:
            writer = csv.DictWriter(out, fieldnames=list(history[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(history)
        write_text_atomic(self._path, out.getvalue())
        self._rows, self._written = len(history), time.monotonic()
