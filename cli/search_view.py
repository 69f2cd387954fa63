"""How `edgenas search` shows what it does: a live view on a terminal, plain lines elsewhere; both on stderr."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from edgenas.cli.output import format_ms, format_seconds, live_console, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from edgenas.search import Event, SearchPaused, SearchStarted, StageProgress, TrialDone, TrialRecord

__all__ = ["PlainLines", "SearchView", "search_view"]

# Duplicates and rejected networks take no time: a line for each would bury the others.
_SECONDS_PER_LINE = 1.0
_LAST_TRIALS = 6
_BASELINE_NUMBER = -1


@contextlib.contextmanager
def search_view() -> Iterator[Callable[[Event], None]]:
    """Yields what a search tells its events to. A live view leaves nothing behind, however the search ends."""
    console = live_console()
    if console is None:
        yield PlainLines()
        return
    from rich.live import Live

    view = SearchView()
    # stdout is data and stays as it is; what is said meanwhile appears above the view.
    with Live(view, console=console, refresh_per_second=4, transient=True, redirect_stdout=False):
        yield view


class PlainLines:
    """A line per trial and at most one a second, so that a log of 2,000 trials can still be read.

    Args:
        now: a clock in seconds; another one for tests.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._last: float | None = None
        self._unsaid = ""
        self._stage_said: tuple[str, int] | None = None

    def __call__(self, event: Event) -> None:
        """Says what the event tells, or nothing where a line was said a moment ago."""
        from edgenas.search import (
            BaselineDone,
            BaselineStarted,
            Remark,
            SearchPaused,
            SearchStarted,
            StageProgress,
            TrialDone,
            WorkerLost,
        )

        if isinstance(event, SearchPaused):
            _say_paused(event)
        elif isinstance(event, BaselineStarted):
            say(f"Training the MT edge baseline (predicted {format_ms(event.predicted_ms)}).")
        elif isinstance(event, BaselineDone) and not event.reused:
            say(f"Baseline done in {format_seconds(event.seconds)}.")
        elif isinstance(event, SearchStarted) and event.records:
            say(f"{len(event.records)} of {event.total} trials are finished already.")
        elif isinstance(event, Remark):
            say(event.text)
        elif isinstance(event, WorkerLost):
            self._unsaid = f"worker of {_name(event.number)} lost: {event.reason}"
        elif isinstance(event, TrialDone):
            self._trial(event)
        elif isinstance(event, StageProgress):
            self._stage(event)

    def _stage(self, event: StageProgress) -> None:
        """Every tenth of a stage."""
        tenth = 10 * event.done // event.total
        if (event.stage, tenth) != self._stage_said:
            self._stage_said = (event.stage, tenth)
            say(_stage(event))

    def _trial(self, event: TrialDone) -> None:
        record = event.record
        outcome = f"trial {record.number} {_outcome(record)}"
        now = self._now()
        if event.done < event.total and self._last is not None and now - self._last < _SECONDS_PER_LINE:
            # What went wrong is worth telling with the next line; that a trial completed is not.
            if not record.completed and not record.rejected and not record.pruned:
                self._unsaid = outcome
            return
        self._last = now
        left = "" if event.eta_seconds is None else f", {format_seconds(event.eta_seconds)} left"
        unsaid = f"; before: {self._unsaid}" if self._unsaid else ""
        self._unsaid = ""
        counts = "".join(f", {words}" for words in _counts(event))
        say(
            f"search: {event.done}/{event.total}, {outcome}; {_best(event.best)}{counts}{left}{unsaid}",
        )


class SearchView:
    """The state of a search as a few lines that fit a terminal of 80 columns.

    Args:
        now: a clock in seconds; another one for tests.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._begun = now()
        self._lock = threading.Lock()  # The view is drawn in a thread of its own.
        self._phase = "starting"
        self._start: SearchStarted | None = None
        self._done: tuple[TrialDone, float] | None = None
        self._running: dict[int, tuple[str, float]] = {}
        self._last: deque[tuple[str, str, str, str]] = deque(maxlen=_LAST_TRIALS)

    def __call__(self, event: Event) -> None:
        """Takes up what the event tells."""
        from edgenas.search import Remark

        if isinstance(event, Remark):
            say(event.text)  # Above the view, and without the lock, which drawing needs too.
            return
        with self._lock:
            self._take(event)

    def __rich__(self) -> RenderableType:
        """The view as it is now."""
        from rich.padding import Padding

        with self._lock:
            # The terminal itself writes ^C behind the last line: at the right edge that would begin another one.
            return Padding(self._draw(), (0, 3, 0, 0))

    def _take(self, event: Event) -> None:
        from edgenas.search import (
            BaselineDone,
            BaselineStarted,
            SearchPaused,
            SearchStarted,
            StageProgress,
            TrialDone,
            TrialStarted,
            WorkerLost,
        )

        now = self._now()
        if isinstance(event, SearchPaused):
            _say_paused(event)
        elif isinstance(event, BaselineStarted):
            self._phase = f"training the MT edge baseline (predicted {format_ms(event.predicted_ms)})"
        elif isinstance(event, BaselineDone):
            self._phase = "choosing the first networks"
        elif isinstance(event, StageProgress):
            self._phase, self._start = _stage(event), None
        elif isinstance(event, SearchStarted):
            self._start = event
        elif isinstance(event, TrialStarted):
            # A trial that draws a network under training waits for its outcome; it occupies no worker.
            if all(network != event.architecture_hash for network, _ in self._running.values()):
                self._running[event.number] = (event.architecture_hash, now)
        elif isinstance(event, WorkerLost):
            self._last.appendleft((_name(event.number), f"lost: {event.reason}", "", ""))
            if event.number in self._running:
                self._running[event.number] = (self._running[event.number][0], now)
        elif isinstance(event, TrialDone):
            self._running.pop(event.record.number, None)
            self._done = (event, now)
            self._last.appendleft(_row(event.record, event.seconds))

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        now = self._now()
        facts = Table.grid(padding=(0, 2))
        facts.add_column(style="dim", no_wrap=True, min_width=7)
        facts.add_column(no_wrap=True, overflow="ellipsis")
        if self._start is None:
            facts.add_row("search", Text(f"{self._phase}, {format_seconds(now - self._begun)}"))
            return facts
        done = self._done[0] if self._done else None
        count = done.done if done else len(self._start.records)
        facts.add_row("search", self._bar(count, self._start.total, now))
        target = "" if self._start.target_ms is None else f", target {format_ms(self._start.target_ms)}"
        facts.add_row("best", Text(f"{_best(done.best if done else None, label='')}{target}"))
        if done is not None:
            facts.add_row("so far", Text(", ".join(_counts(done))))
            if done.hypervolume is not None:
                facts.add_row("front", Text(f"hypervolume {done.hypervolume:.4f}"))
        facts.add_row("running", Text(self._trials_under_way(now)))
        last = Table.grid(padding=(0, 2), expand=True)
        last.add_column(justify="right", style="dim", no_wrap=True)
        last.add_column(no_wrap=True, overflow="ellipsis", ratio=1)  # What is long gives way, not the rest.
        last.add_column(justify="right", no_wrap=True)
        last.add_column(justify="right", style="dim", no_wrap=True)
        for row in self._last:
            last.add_row(*map(Text, row))  # Text: a reason may look like markup
        return Group(facts, last) if self._last else facts

    def _bar(self, count: int, total: int, now: float) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        text = f"{count}/{total} after {format_seconds(now - self._begun)}"
        if self._done is not None and self._done[0].eta_seconds is not None and count < total:
            left = max(0.0, self._done[0].eta_seconds - (now - self._done[1]))
            text += f", about {format_seconds(left)} left"
        line = Table.grid(padding=(0, 2))
        line.add_row(ProgressBar(total=total, completed=count, width=24), text)
        return line

    def _trials_under_way(self, now: float) -> str:
        """The oldest first: one that hangs is seen."""
        if not self._running:
            return "-"
        names = [f"{number} ({format_seconds(now - begun)})" for number, (_, begun) in self._running.items()]
        shown = names if len(names) <= 4 else [*names[:4], f"{len(names) - 4} more"]
        return f"{len(names)}: " + ", ".join(shown)


def _stage(event: StageProgress) -> str:
    left = "" if event.eta_seconds is None else f", {format_seconds(event.eta_seconds)} left"
    return f"{event.stage}: {event.done}/{event.total}, {event.remark}{left}"


def _name(number: int) -> str:
    return "baseline" if number == _BASELINE_NUMBER else f"trial {number}"


def _best(best: TrialRecord | None, label: str = "best ") -> str:
    if best is None:
        return "nothing feasible yet"
    at = "" if best.latency.predicted_ms is None else f", {format_ms(best.latency.predicted_ms)} predicted"
    return f"{label}quality {best.quality:.4f}{at} (trial {best.number})"


def _counts(event: TrialDone) -> list[str]:
    completed = event.done - event.failed - event.rejected - event.pruned
    words = [f"{event.feasible_share:.0%} feasible"] if completed else []
    for count, what in (
        (event.failed, "failed"),
        (event.rejected, "rejected"),
        (event.pruned, "pruned"),
        (event.duplicates, "duplicate"),
    ):
        if count:
            words.append(f"{count} {what}" + ("s" if what == "duplicate" and count > 1 else ""))
    return words


def _outcome(record: TrialRecord) -> str:
    """What became of a trial, as a part of a sentence."""
    if not record.completed:
        return f"{record.evaluation.status}: {record.evaluation.reason}"
    latency = record.latency.predicted_ms
    at = "" if latency is None else f", {format_ms(latency)} predicted"
    over = "" if record.feasible else ", over the target"
    return f"quality {record.quality:.4f}{at}{over}{_copied(record)}"


def _row(record: TrialRecord, seconds: float) -> tuple[str, str, str, str]:
    """Number, outcome, predicted latency and duration of a trial."""
    name, latency = _name(record.number), format_ms(record.latency.predicted_ms)
    took = format_seconds(seconds)
    if not record.completed:
        return name, f"{record.evaluation.status}: {record.evaluation.reason}", latency, took
    over = "" if record.feasible else ", over the target"
    return name, f"quality {record.quality:.4f}{over}{_copied(record)}", latency, took


def _copied(record: TrialRecord) -> str:
    origin: Any = record.duplicate_of
    return "" if origin is None else f", as {origin if isinstance(origin, str) else _name(origin)}"


def _say_paused(event: SearchPaused) -> None:
    limit = format_seconds(event.limit_seconds)
    say(f"Paused, and tries again for {limit}: {event.reason}")
