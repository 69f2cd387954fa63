"""Curves of a search for TensorBoard, by trial number, in `RUN/tensorboard`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from edgenas.scalars import ScalarFile, open_scalars
from edgenas.search.events import Event, EventHandler, SearchStarted, TrialDone
from edgenas.search.record import TrialRecord
from edgenas.search.tally import Tally

__all__ = ["TENSORBOARD_FOLDER", "SearchScalars", "with_scalars"]

TENSORBOARD_FOLDER = "tensorboard"


@contextlib.contextmanager
def with_scalars(run_dir: Path, on_event: EventHandler | None) -> Iterator[EventHandler]:
    """Yields a handler of events that tells `on_event` and draws the curves, where TensorBoard is installed."""
    tell: EventHandler = on_event or (lambda _: None)
    file = open_scalars(run_dir / TENSORBOARD_FOLDER)
    if file is None:
        yield tell
        return
    scalars = SearchScalars(file)

    def both(event: Event) -> None:
        scalars(event)
        tell(event)

    try:
        yield both
    finally:
        scalars.close()


class SearchScalars:
    """Draws trials in the order of their numbers, from events.

    Parallel trials end in any order. One that ends before an earlier trial waits for it here, so the curves do not
    depend on that order, and a file that is rebuilt from the study has the same points.

    Args:
        file: where to draw; closed with this.
    """

    def __init__(self, file: ScalarFile) -> None:
        self._file = file
        self._tally = Tally(None)
        self._next = 0
        self._waiting: dict[int, TrialRecord] = {}
        self._ended_at: dict[int, float] = {}
        self._begun = False

    def __call__(self, event: Event) -> None:
        """Takes up what the event tells."""
        if isinstance(event, SearchStarted):
            self._tally = Tally(event.reference_ms)
            self._waiting = {record.number: record for record in event.records}
            self._begun = True
        elif isinstance(event, TrialDone):
            self._waiting[event.record.number] = event.record
            self._ended_at[event.record.number] = time.time()
        else:
            return
        while self._next in self._waiting:
            self._draw(self._next)
            self._next += 1
        self._file.flush()

    def close(self) -> None:
        """Draws those that still wait for a trial that will not end in this session."""
        if not self._begun:  # Nothing replaces the curves of earlier sessions.
            return
        for number in sorted(self._waiting):
            self._draw(number)
        self._file.close()

    def _draw(self, number: int) -> None:
        record = self._waiting.pop(number)
        self._tally.add(record)
        self._file.put(
            number, _values(record, self._tally), wall_time=self._ended_at.pop(number, record.ended_at)
        )


def _values(record: TrialRecord, tally: Tally) -> dict[str, float | None]:
    """The points of one trial; what it does not have is None."""
    best = tally.best
    seconds = record.evaluation.seconds.get("total", 0.0)
    values: dict[str, float | None] = {
        "trial/reward": record.reward,
        "trial/quality": record.quality,
        "trial/predicted_ms": record.latency.predicted_ms,
        # Duplicates and rejected networks take no time; points at 0 would hide how long training takes.
        "trial/seconds": seconds if seconds > 0.0 else None,
        "search/best_reward": None if best is None else best.reward,
        "search/best_quality": None if best is None else best.quality,
        "search/best_predicted_ms": None if best is None else best.latency.predicted_ms,
        "search/hypervolume": tally.volume.value,
        "search/feasible_share": tally.feasible_share if tally.completed else None,
        "search/failed": tally.failed,
        "search/rejected": tally.rejected,
        "search/pruned": tally.pruned,
        "search/duplicates": tally.duplicates,
    }
    for label, other in record.latency.others.items():
        values[f"trial/predicted_ms on {label}"] = other.predicted_ms
    # What a pruned trial has is of a shorter schedule: on these curves it would look like a bad network.
    reached = {} if record.pruned else record.evaluation.metrics
    for task, metrics in reached.items():
        values.update({f"{task}/{metric}": value for metric, value in metrics.items()})
    return values
