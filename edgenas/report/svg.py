"""Scales, ticks, axes and marks of the figures: SVG as text, sizes in units of the viewBox."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgenas.report.markup import Html, join, tag
from edgenas.report.wording import number

__all__ = ["Plot", "Scale", "chart", "cross", "diamond", "line", "mark", "scale_over", "text"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values to positions, linearly or logarithmically.

    Attributes:
        low: value at `start`.
        high: value at `end`; above `low`.
        start: position of `low`.
        end: position of `high`.
        log: whether equal ratios take equal lengths (both ends must then be positive).
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Position of `value`; values outside the scale stop at its ends."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, wanted: int = 6) -> tuple[float, ...]:
        """Round values inside the scale, about `wanted` of them (1, 2 or 5 times a power of ten)."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            decades = range(first, last + 1, -(-(last - first + 1) // (2 * wanted)))
            steps = (1.0, 2.0, 5.0) if self.high / self.low < 400 else (1.0,)
            found = [step * 10.0**decade for decade in decades for step in steps]
            return tuple(value for value in found if self.low <= value <= self.high)
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough)
        least, most = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple(round(index * step, 12) for index in range(least, most + 1))


def scale_over(
    values: Iterable[float], start: float, end: float, *, log: bool = False, pad: float = 0.06
) -> Scale:
    """A scale that shows all `values` with some air on both sides; sound for one value or none."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (1.0 if log else 0.0, 2.0 if log else 1.0)
    if log:
        ratio = max(high / low, 1.2) ** pad
        return Scale(low / ratio, high * ratio, start, end, log=True)
    span = high - low if high > low else abs(high) * 0.2 or 1.0
    air = span * pad if high > low else span / 2
    # A quantity that cannot be negative gets no axis below zero.
    return Scale(max(low - air, 0.0) if low >= 0 else low - air, high + air, start, end)


@dataclass(frozen=True, slots=True)
class Plot:
    """A plotting area with its scales.

    Attributes:
        width: of the viewBox.
        height: of the viewBox.
        x: horizontal scale.
        y: vertical scale, starting at the bottom.
    """

    width: float
    height: float
    x: Scale
    y: Scale

    def axes(self, x_title: str, y_title: str, *, x_ticks: int = 6, y_ticks: int = 5) -> Html:
        """Grid lines, tick labels and titles; the vertical title stands level above its axis."""
        parts: list[Html] = []
        for value in self.y.ticks(y_ticks):
            y = self.y(value)
            parts.append(line(self.x.start, y, self.x.end, y, "grid"))
            parts.append(text(self.x.start - 8, y, _tick(value), "tick", anchor="end", dy="0.35em"))
        for value in self.x.ticks(x_ticks):
            x = self.x(value)
            parts.append(line(x, self.y.start, x, self.y.start + 5, "axis"))
            parts.append(text(x, self.y.start + 9, _tick(value), "tick", anchor="middle", dy="0.8em"))
        parts.append(line(self.x.start, self.y.start, self.x.end, self.y.start, "axis"))
        x_title += ", log scale" if self.x.log else ""
        y_title += ", log scale" if self.y.log else ""
        parts.append(text(self.x.end, self.y.start + 50, x_title, "axis-title", anchor="end"))
        parts.append(text(4, self.y.end - 34, y_title, "axis-title"))
        return tag("g", *parts, aria_hidden="true")


def _tick(value: float) -> str:
    return f"{value:.10g}" if 1e-4 <= abs(value) < 1e6 or value == 0 else number(value)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Html:
    """A straight line."""
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def text(
    x: float, y: float, words: object, class_: str, *, anchor: str | None = None, dy: str | None = None
) -> Html:
    """Text at a position."""
    return tag("text", words, x=float(x), y=float(y), class_=class_, text_anchor=anchor, dy=dy)


def cross(x: float, y: float, size: float) -> Html:
    """A diagonal cross."""
    s = size
    return tag("path", d=f"M{x - s:.1f} {y - s:.1f}l{2 * s} {2 * s}m0 {-2 * s}l{-2 * s} {2 * s}")


def diamond(x: float, y: float, size: float) -> Html:
    """A square standing on its corner."""
    s = size
    return tag("path", d=f"M{x:.1f} {y - s:.1f}l{s} {s}l{-s} {s}l{-s} {-s}z")


def mark(class_: str, tip: str, *shapes: Html) -> Html:
    """A mark that can be focused and explains itself: its title is also the tooltip of the page's script."""
    return tag("g", tag("title", tip), *shapes, class_=f"mark {class_}", tabindex=0, role="img")


def chart(
    id_: str, title: str, description: str, size: tuple[float, float], parts: Sequence[Html], kind: str
) -> Html:
    """The <svg> element with its title and description for screen readers.

    Args:
        id_: unique on the page.
        title: name of the figure.
        description: what it shows, in a sentence or two.
        size: width and height of the viewBox.
        parts: the content, back to front.
        kind: CSS class that sets the size on the page.
    """
    names = (tag("title", title, id=f"{id_}-title"), tag("desc", description, id=f"{id_}-desc"))
    return tag(
        "svg",
        *names,
        join(parts),
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        width=round(size[0]),
        height=round(size[1]),
        class_=f"chart {kind}",
        role="group",
        aria_labelledby=f"{id_}-title",
        aria_describedby=f"{id_}-desc",
    )
