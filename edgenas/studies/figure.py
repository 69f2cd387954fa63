"""The figure of a study: panels side by side, one row per network, a mark with its interval and the single seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgenas.report.markup import Html, tag
from edgenas.report.svg import Scale, chart, diamond, line, mark, scale_over, text
from edgenas.studies.bootstrap import Estimate
from edgenas.studies.table import cell_text

__all__ = ["Panel", "Row", "figure"]

_PANEL, _GAP, _ROW, _TOP, _BOTTOM = 190.0, 26.0, 28.0, 62.0, 42.0
_LETTER, _LEAST_LABELS = 6.8, 110.0

# The page of a report has a style sheet of its own; this figure stands alone.
_STYLE = """
svg { background: #fff; font: 12px system-ui, sans-serif; }
text { fill: #222; } .tick { fill: #666; font-size: 10px; } .axis-title { font-weight: 600; }
.grid { stroke: #e6e6e6; } .axis { stroke: #999; } .reference { stroke: #b33; stroke-dasharray: 4 3; }
.interval { stroke: #1f5fa8; stroke-width: 2; } .value { fill: #1f5fa8; } .seed { fill: #1f5fa8; opacity: .35; }
"""


@dataclass(frozen=True)
class Row:
    """One line of a panel.

    Attributes:
        value: the mark and its bar; None leaves the line empty.
        dots: single seeds.
    """

    value: Estimate | None
    dots: Sequence[float | None] = ()


@dataclass(frozen=True)
class Panel:
    """One quantity.

    Attributes:
        title: what it is, with its direction.
        rows: one for each label of the figure.
        reference: a value to compare with, drawn as a line; None for none.
        log: whether equal ratios take equal lengths.
    """

    title: str
    rows: Sequence[Row]
    reference: float | None = None
    log: bool = False


def figure(title: str, description: str, labels: Sequence[str], panels: Sequence[Panel]) -> str:
    """An SVG document of its own.

    Args:
        title: name of the figure.
        description: what it shows, for screen readers.
        labels: name of each line.
        panels: from left to right.
    """
    height = _TOP + _ROW * len(labels) + _BOTTOM
    left = max(_LEAST_LABELS, 24.0 + _LETTER * max(map(len, labels), default=0))
    width = left + (_PANEL + _GAP) * len(panels)
    parts = [tag("style", Html(_STYLE)), text(8, 20, title, "axis-title")]
    for index, label in enumerate(labels):
        parts.append(text(8, _y(index), label, "label", dy="0.35em"))
    for number, panel in enumerate(panels):
        parts += _panel(panel, left + (_PANEL + _GAP) * number, len(labels))
    svg = chart("study", title, description, (width, height), parts, "wide")
    return str(svg).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _y(index: int) -> float:
    return _TOP + _ROW * (index + 0.5)


def _panel(panel: Panel, left: float, count: int) -> list[Html]:
    shown = [
        v
        for row in panel.rows
        if row.value is not None
        for v in (row.value.value, row.value.low, row.value.high, *row.dots)
    ]
    values = [v for v in (*shown, panel.reference) if v is not None and (v > 0 or not panel.log)]
    scale = _scale(values, left, panel.log)
    bottom = _TOP + _ROW * count
    parts = [text(left, _TOP - 12, panel.title, "axis-title")]
    for value in scale.ticks(4):
        x = scale(value)
        parts += [line(x, _TOP, x, bottom, "grid"), line(x, bottom, x, bottom + 4, "axis")]
        parts.append(text(x, bottom + 8, f"{value:.6g}", "tick", anchor="middle", dy="0.8em"))
    parts.append(line(left, bottom, left + _PANEL, bottom, "axis"))
    if panel.reference is not None:
        parts.append(line(scale(panel.reference), _TOP, scale(panel.reference), bottom, "reference"))
    for index, row in enumerate(panel.rows):
        parts += _row(row, _y(index), scale)
    return parts


def _scale(values: Sequence[float], left: float, log: bool) -> Scale:
    finite = [value for value in values if math.isfinite(value)]
    return scale_over(finite, left, left + _PANEL, log=log)


def _row(row: Row, y: float, scale: Scale) -> list[Html]:
    estimate = row.value
    if estimate is None or estimate.value is None:
        return []
    parts = []
    if estimate.low is not None and estimate.high is not None:
        parts.append(line(scale(estimate.low), y, scale(estimate.high), y, "interval"))
    dots = [value for value in row.dots if value is not None]
    parts += [tag("circle", cx=scale(value), cy=y - 6, r=2.5, class_="seed") for value in dots]
    parts.append(mark("value", cell_text(estimate), diamond(scale(estimate.value), y, 5)))
    return parts
