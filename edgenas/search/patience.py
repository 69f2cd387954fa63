"""`Patience`: a full disk or a database that is away pauses a search instead of ending it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from edgenas.search.events import EventHandler, SearchPaused
from edgenas.search.study import StudyUnavailable

__all__ = ["Patience"]

Result = TypeVar("Result")


class Patience:
    """Repeats what the study could not take, until it can.

    Evaluations under way go on meanwhile, so what they found is not lost with the driver's patience.

    Args:
        emit: is told once when a pause begins.
        limit_seconds: how long one pause may last.
        every_seconds: time between two attempts.
        sleep: waits; another one for tests.
    """

    def __init__(
        self,
        emit: EventHandler,
        *,
        limit_seconds: float = 3600.0,
        every_seconds: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._emit = emit
        self._attempts = int(limit_seconds / every_seconds)
        self._every_seconds = every_seconds
        self._limit_seconds = limit_seconds
        self._sleep = sleep

    def __call__(self, action: Callable[[], Result]) -> Result:
        """Does `action`, again and again while the study is unavailable.

        Raises:
            StudyUnavailable: it still is after `limit_seconds`.
        """
        for attempt in range(self._attempts):
            try:
                return action()
            except StudyUnavailable as error:
                if attempt == 0:
                    self._emit(SearchPaused(str(error), self._limit_seconds))
                self._sleep(self._every_seconds)
        return action()
