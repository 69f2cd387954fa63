"""Hypervolume of (quality, predicted latency): how much of the plane the networks found so far dominate.

The reference point is quality 0 at twice the predicted latency of the MT edge baseline. It does not depend on the
target, so runs of one space, data and device can be compared. Latencies are divided by the reference, which makes the
unit "quality": the baseline alone would have 0.5, a network as good in no time at all 1. What is slower than the
reference, or has no quality above 0, adds nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from edgenas.search.record import TrialRecord

__all__ = ["Hypervolume", "reference_of"]

_REFERENCE_IN_BASELINES = 2.0


def reference_of(baseline_ms: float | None) -> float | None:
    """Latency of the reference point in milliseconds, from the predicted latency of the baseline."""
    return None if baseline_ms is None else _REFERENCE_IN_BASELINES * baseline_ms


@dataclass(frozen=True)
class _Point:
    latency: float
    quality: float


class Hypervolume:
    """The hypervolume of a growing set of trials, and how it grew. A trial costs O(size of the front).

    Args:
        reference_ms: latency of the reference point; None without a device, and then there is no hypervolume.
    """

    def __init__(self, reference_ms: float | None) -> None:
        self._reference_ms = reference_ms
        self._front: list[_Point] = []  # by rising latency and rising quality
        self._value = 0.0
        self._growth: list[tuple[int, float]] = []

    @property
    def reference_ms(self) -> float | None:
        """Latency of the reference point."""
        return self._reference_ms

    @property
    def value(self) -> float | None:
        """The hypervolume so far, None without a device."""
        return None if self._reference_ms is None else self._value

    @property
    def growth(self) -> tuple[tuple[int, float], ...]:
        """(trial number, hypervolume after it) of every trial that raised it."""
        return tuple(self._growth)

    def add(self, record: TrialRecord) -> None:
        """Counts a finished trial; those without a quality or a latency change nothing."""
        if record.quality is not None and record.latency.predicted_ms is not None:
            self.add_point(record.number, record.quality, record.latency.predicted_ms)

    def add_point(self, number: int, quality: float, predicted_ms: float) -> None:
        """Counts a network by its two numbers."""
        if self._reference_ms is None or quality <= 0.0:
            return
        point = _Point(predicted_ms / self._reference_ms, quality)
        at = bisect_left(self._front, (point.latency, -quality), key=lambda p: (p.latency, -p.quality))
        below = self._front[at - 1].quality if at else 0.0
        if point.latency >= 1.0 or below >= quality:
            return
        if at < len(self._front) and self._front[at] == point:
            return
        last = at
        while last < len(self._front) and self._front[last].quality <= quality:
            last += 1
        self._front[at:last] = [point]
        self._value = _area(self._front)
        self._growth.append((number, self._value))


def _area(front: list[_Point]) -> float:
    """Sum of the strips between one point's latency and the next one's, as high as the first one's quality."""
    ends = [*(point.latency for point in front[1:]), 1.0]
    return sum(point.quality * (end - point.latency) for point, end in zip(front, ends, strict=True))
