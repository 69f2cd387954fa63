"""How numbers, units, tasks and metrics are written on the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgenas.tasks import TASKS

__all__ = [
    "BLOCK_TITLES",
    "DASH",
    "MetricText",
    "byte_size",
    "duration",
    "in_reading_order",
    "interval",
    "metric_name",
    "metric_text",
    "ms",
    "number",
    "score",
    "status_text",
]

DASH = "—"
_TASKS = ("segmentation", "depth", "normals")
BLOCK_TITLES = {"ibn": "IBN", "fused_ibn": "Fused-IBN"}


@dataclass(frozen=True, slots=True)
class MetricText:
    """How one metric is written.

    Attributes:
        title: name of the field's literature, e.g. "mIoU".
        unit: unit or empty.
    """

    title: str
    unit: str = ""


def in_reading_order(tasks: Iterable[str]) -> list[str]:
    """Tasks as the literature lists them: segmentation, depth, normals, then others by name."""
    return sorted(tasks, key=lambda task: (_TASKS.index(task) if task in _TASKS else len(_TASKS), task))


def metric_text(name: str) -> MetricText:
    """How the metric is written; an unknown one keeps its own name."""
    for task in TASKS.values():
        if name in task.metric_titles:
            return MetricText(*task.metric_titles[name])
    return MetricText(name)


def metric_name(task: str, metric: str, depth_unit: str) -> str:
    """Title, unit and direction of a metric: an arrow says which way is better.

    Args:
        task: name of the task.
        metric: name of the metric.
        depth_unit: unit of the depth maps, empty where unknown.
    """
    words = metric_text(metric)
    unit = depth_unit if words.unit == "depth" else words.unit
    better = TASKS[task].metrics.get(metric) if task in TASKS else None
    arrow = "" if better is None else " ↑" if better else " ↓"
    # Unbreakable: a metric on one line keeps the rows of a phone short.
    title = words.title.replace("_", " ")  # names that no task gives a title
    return f"{title}{f' ({unit})' if unit else ''}{arrow}".replace(" ", "\u00a0")


def number(value: float | None, digits: int = 3) -> str:
    """`value` with that many significant digits, without an exponent for everyday sizes; a dash for None."""
    if value is None:
        return DASH
    if value == 0:
        return "0"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    return f"{value:#.{digits}g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:.{digits - 1}e}"


def score(value: float | None, ends: tuple[float, float] | None = None) -> str | None:
    """A metric with its interval in brackets; None where there is no value."""
    if value is None:
        return None
    return number(value, 4) + (f" [{number(ends[0])}, {number(ends[1])}]" if ends else "")


def ms(value: float | None) -> str:
    """Milliseconds with three significant digits."""
    return DASH if value is None else f"{number(value)} ms"


def interval(low: float | None, high: float | None) -> str:
    """An interval in milliseconds, or a dash."""
    return DASH if low is None or high is None else f"{number(low)} to {number(high)} ms"


def duration(seconds: float | None) -> str:
    """Seconds as hours, minutes and seconds."""
    if seconds is None:
        return DASH
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def status_text(status: str) -> str:
    """The state of a trial; "rejected" alone would not say that no training was spent on it."""
    return "rejected untrained" if status == "rejected" else status


def byte_size(size: float | None) -> str:
    """Bytes in KiB or MiB."""
    if size is None:
        return DASH
    return f"{size / 2**20:.2f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"
