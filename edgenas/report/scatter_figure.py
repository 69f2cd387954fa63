"""Predicted against measured or simulated latency: one point per network, the identity line, intervals as bars."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgenas.report.markup import Html, tag
from edgenas.report.model_card import CardLatency
from edgenas.report.run_data import Profile, ProfilePoint
from edgenas.report.svg import Plot, chart, diamond, line, mark, scale_over, text
from edgenas.report.wording import interval, ms

__all__ = ["relative_error", "scatter_figure"]

_WIDTH, _HEIGHT = 560.0, 506.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 540.0, 54.0, 450.0
_LOG_FROM_RATIO = 12.0
_MOST_POINTS = 1500


def relative_error(predicted_ms: float, measured_ms: float) -> str:
    """Signed error of the prediction relative to the latency on the device, in percent."""
    return f"{100 * (predicted_ms - measured_ms) / measured_ms:+.1f}%".replace("-", "−")


def scatter_figure(profile: Profile, exported: CardLatency | None) -> Html | None:
    """The figure, or None when the profile holds no point.

    Args:
        profile: latencies on the device and predicted ones.
        exported: latency of the exported model; drawn when it is of the same device and came about in the same way.
    """
    if not profile.points:
        return None
    source = profile.source
    step = -(-len(profile.points) // _MOST_POINTS)
    points = sorted(profile.points[::step], key=lambda p: p.measured_ms)
    ends = [v for p in points for v in (p.measured_ms, p.predicted_ms, p.low_ms, p.high_ms) if v is not None]
    own = _own(profile, exported)
    if own:
        ends += own
    ends = [value for value in ends if value > 0]
    log = max(ends) / min(ends) > _LOG_FROM_RATIO
    x, y = scale_over(ends, _LEFT, _RIGHT, log=log), scale_over(ends, _BOTTOM, _TOP, log=log)
    plot = Plot(_WIDTH, _HEIGHT, x, y)
    parts = [plot.axes(f"{source} latency (ms)", "predicted latency (ms)")]
    band = _band(points)
    if band:
        parts.append(_shaded(plot, *band))
    parts.append(line(x.start, y.start, x.end, y.end, "identity"))
    parts.append(text(x.end - 4, y.end - 8, f"predicted = {source}", "tick", anchor="end"))
    parts += [_bar(plot, p) for p in points]
    parts += [_point(plot, p, source) for p in points]
    if own:
        measured, predicted = own
        error = relative_error(predicted, measured)
        tip = f"Exported model\n{source} {ms(measured)}\npredicted {ms(predicted)}\nerror {error}"
        parts.append(mark("winner", tip, diamond(x(measured), y(predicted), 9)))
    description = (
        f"{len(points)} networks {source} on {profile.device or 'the device'}: {source} latency across, "
        "predicted latency upwards, 90% intervals as vertical bars. The diagonal is an exact prediction."
    )
    if band:
        description += f" The band is the median interval, from {_percent(band[0])} to {_percent(band[1])}."
    return chart(
        "scatter", f"Predicted against {source} latency", description, (_WIDTH, _HEIGHT), parts, "wide"
    )


def _band(points: Sequence[ProfilePoint]) -> tuple[float, float] | None:
    """Median ends of the intervals relative to the predictions, or None without intervals."""
    ends = [
        (p.low_ms / p.predicted_ms, p.high_ms / p.predicted_ms)
        for p in points
        if p.low_ms is not None and p.high_ms is not None and 0 < p.low_ms <= p.high_ms
    ]
    return (median(low for low, _ in ends), median(high for _, high in ends)) if ends else None


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.0f}%".replace("-", "−")


def _shaded(plot: Plot, low: float, high: float) -> Html:
    """Where a latency on the device lies inside the median interval of its prediction."""
    x, y = plot.x, plot.y
    # Predictions stand upwards, so the interval of a prediction p runs sideways: from low * p to high * p.
    steps = [
        y.low * (y.high / y.low) ** (i / 40) if y.log else y.low + (y.high - y.low) * i / 40
        for i in range(41)
    ]
    left = [(x(low * p), y(p)) for p in steps]
    right = [(x(high * p), y(p)) for p in reversed(steps)]
    path = "L".join(f"{a:.1f} {b:.1f}" for a, b in (*left, *right))
    return tag("path", d=f"M{path}z", class_="band")


def _own(profile: Profile, exported: CardLatency | None) -> tuple[float, float] | None:
    if exported is None or (exported.device, exported.source) != (profile.device, profile.source):
        return None
    if (
        not exported.measured_ms
        or not exported.predicted_ms
        or min(exported.measured_ms, exported.predicted_ms) <= 0
    ):
        return None
    return exported.measured_ms, exported.predicted_ms


def _bar(plot: Plot, point: ProfilePoint) -> Html:
    if point.low_ms is None or point.high_ms is None:
        return Html("")
    x = plot.x(point.measured_ms)
    # A lower end at or below zero cannot stand on a logarithmic axis; the bar then ends at the axis.
    low = max(point.low_ms, plot.y.low)
    return line(x, plot.y(low), x, plot.y(max(point.high_ms, low)), "interval")


def _point(plot: Plot, point: ProfilePoint, source: str) -> Html:
    x, y = plot.x(point.measured_ms), plot.y(point.predicted_ms)
    lines = [
        point.name or "network",
        f"{source} {ms(point.measured_ms)}",
        f"predicted {ms(point.predicted_ms)}",
        f"error {relative_error(point.predicted_ms, point.measured_ms)}",
    ]
    if point.low_ms is not None and point.high_ms is not None:
        lines.append(f"90% interval {interval(point.low_ms, point.high_ms)}")
    touch = tag("circle", cx=x, cy=y, r=9, class_="touch")
    return mark("feasible front", "\n".join(lines), tag("circle", cx=x, cy=y, r=4), touch)
