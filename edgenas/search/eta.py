"""How long the rest of a search takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RemainingTime"]

# Evolution moves to larger or smaller networks, so the estimate follows the trials of late.
_WINDOW = 100


class RemainingTime:
    """Expected time for the rest, of a search with several workers in which some trials take no time at all.

    The work that is left is the mean duration of the latest trials times the trials that are left, less what the
    running ones have behind them; the workers share it. Duplicates and rejected networks are never started, so they
    count as trials of no duration: where a third of the trials costs nothing, a third of those to come is expected
    to as well. What the trials of other sessions took does not count: the machine may be another one.

    Args:
        now: a clock in seconds; another one for tests.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._running: dict[int, float] = {}
        self._durations: deque[float] = deque(maxlen=_WINDOW)

    def started(self, number: int) -> None:
        """A worker begins with this trial, perhaps once more because the first one was lost."""
        self._running[number] = self._now()

    def ended(self, number: int) -> None:
        """A trial is finished; one that was never started took no time."""
        begun = self._running.pop(number, None)
        self._durations.append(0.0 if begun is None else self._now() - begun)

    def seconds(self, left: int, capacity: int) -> float | None:
        """Expected seconds until `left` more trials, the running ones among them, are finished.

        Args:
            left: trials of the search that are not finished.
            capacity: trials that may run at once.

        Returns:
            0 where nothing is left, None while no trial of this session has taken any time.
        """
        if left <= 0:
            return 0.0
        trained = [duration for duration in self._durations if duration > 0.0]
        if not trained:
            return None
        # What runs is known to be trained: it takes what such trials take, not the mean with the instant ones.
        usual, now = sum(trained) / len(trained), self._now()
        rests = [max(0.0, usual - (now - begun)) for begun in self._running.values()]
        # Instant trials are finished before those that began with them, so these count already.
        mean = (sum(trained) + usual * len(rests)) / (len(self._durations) + len(rests))
        work = mean * max(0, left - len(rests)) + sum(rests)
        # The last trials do not fill the workers: the longest of them ends the search.
        return max(work / max(1, capacity), *rests, 0.0)
