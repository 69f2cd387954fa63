"""The page about a run that changes: rendered anew when the run folder has, one part at a time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from edgenas.errors import EdgenasError
from edgenas.report.page import Part, page, parts_of, title_of
from edgenas.report.run_data import RunData, read_run

__all__ = ["LiveReport"]

_WATCHED = ("*.json", "study.*", "predictor*/*.json", "train/*.json", "export/*", "images/*")
_SERVER_SECONDS = 5.0  # how often a study is read whose changes show in no file
_REST = 2.0  # after rendering, rest for so many times what it took

_Signature = tuple[tuple[str, int, int], ...]


class LiveReport:
    """What a server of one run has to say; safe to ask from several threads.

    Args:
        folder: the run folder.
        clock: seconds of a clock that never goes back.

    Raises:
        UsageError: the folder is no readable run.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()
        self._trouble = ""
        self._read_at = self._cost = 0.0
        self._read()

    def page(self) -> str:
        """The whole page, which asks for changes by itself."""
        with self._lock:
            self._refresh()
            return page(title_of(self._run), self._parts, live=True)

    def sections(self, known: Collection[str] = ()) -> tuple[str, str]:
        """The parts as they are now.

        Args:
            known: stamps of parts that the asker has; these come without their content.

        Returns:
            A tag that changes whenever the answer does, and the answer: JSON with "title", "state" and "parts", each
            with "id", "stamp" and "html", which is null for a part that is known.
        """
        with self._lock:
            self._refresh()
            state = self._trouble or _state(self._run)
            stamps = [part.stamp for part in self._parts]
            parts = [
                {"id": part.id, "stamp": part.stamp, "html": None if part.stamp in known else part.html}
                for part in self._parts
            ]
            answer = {"title": title_of(self._run), "state": state, "parts": parts}
            return f"{abs(hash((state, *stamps))):x}", json.dumps(answer)

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._read_at < _REST * self._cost:
            return
        signature = self._signature()
        if signature == self._signed and (self._in_file or now - self._read_at < _SERVER_SECONDS):
            return
        try:
            self._read(signature)
            self._trouble = ""
        except EdgenasError as error:
            # The last page stays: the folder may be whole again at the next look.
            self._read_at = now
            self._trouble = f"The run cannot be read now: {str(error).splitlines()[0]}"

    def _read(self, signature: _Signature | None = None) -> None:
        began = self._clock()
        # Taken before reading: what changes meanwhile is then read again.
        signed = signature if signature is not None else self._signature()
        run = read_run(self._folder)
        parts: list[Part] = parts_of(run)
        self._run, self._parts, self._signed = run, parts, signed
        self._in_file = run.config.settings.get("storage") is None
        self._read_at = self._clock()
        self._cost = self._read_at - began

    def _signature(self) -> _Signature:
        """Name, time and size of every file that the page may show."""
        found = []
        for pattern in _WATCHED:
            for path in self._folder.glob(pattern):
                try:
                    stat = path.stat()
                except OSError:  # renamed or removed since
                    continue
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
        return tuple(sorted(found))


def _state(run: RunData) -> str:
    """One sentence about how far the search is."""
    ended = sum(t.status not in ("running", "waiting") for t in run.trials)
    running = sum(t.status == "running" for t in run.trials)
    wanted = run.config.settings.get("trials")
    of = f" of {wanted}" if isinstance(wanted, int) and not isinstance(wanted, bool) else ""
    if run.best is not None:
        return f"The search has ended: {ended} trials. New files of the run appear here by themselves."
    return f"Following the search: {ended}{of} trials ended, {running} running."
