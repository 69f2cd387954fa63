"""Memory over time: the activations that live while each operator runs, of the winner and of the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.report.markup import Html, tag
from edgenas.report.network_times import NetworkTimes
from edgenas.report.svg import Plot, chart, mark, scale_over, text
from edgenas.report.wording import byte_size

__all__ = ["memory_figure"]

_WIDTH, _HEIGHT = 560.0, 320.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 540.0, 54.0, 264.0
_KINDS = ("winner", "baseline")


def memory_figure(networks: Sequence[tuple[str, NetworkTimes]]) -> Html | None:
    """The figure, or None when no network is known.

    Args:
        networks: name and times of each, at most two; the first stands out.
    """
    known = [(name, it) for name, it in networks if it.live_bytes]
    if not known:
        return None
    most = max(len(it.live_bytes) for _, it in known)
    x = scale_over([0.0, float(most)], _LEFT, _RIGHT, pad=0.0)
    y = scale_over([0.0, *(size / 1024 for _, it in known for size in it.live_bytes)], _BOTTOM, _TOP)
    plot = Plot(_WIDTH, _HEIGHT, x, y)
    parts = [plot.axes("operator, in execution order", "live activations (KiB, computed)")]
    words = []
    for (name, it), kind in zip(known, _KINDS, strict=False):
        levels = [y(size / 1024) for size in it.live_bytes]
        path = "".join(f"V{level:.1f}H{x(step + 1):.1f}" for step, level in enumerate(levels))
        parts.append(tag("path", d=f"M{x(0):.1f} {levels[0]:.1f}{path}", class_=f"memory {kind}"))
        peak = max(range(len(levels)), key=lambda step, it=it: it.live_bytes[step])  # type: ignore[misc]
        parts += [_step(plot, name, it, step, kind, peak=step == peak) for step in range(len(levels))]
        left = x(peak) > _RIGHT - 120
        place = x(peak + 0.5) + (-8 if left else 8)
        label = f"{name} {byte_size(it.live_bytes[peak])}"
        parts.append(text(place, levels[peak] - 8, label, "label", anchor="end" if left else None))
        words.append(
            f"{name}: a peak of {byte_size(it.live_bytes[peak])}, at operator {peak} ({it.operators[peak]})"
        )
    description = f"Bytes of activations that live while each operator runs. {'; '.join(words)}."
    return chart("memory", "Memory over time", description, (_WIDTH, _HEIGHT), parts, "half")


def _step(plot: Plot, name: str, it: NetworkTimes, step: int, kind: str, *, peak: bool) -> Html:
    """One operator: its whole column can be pointed at; the peak is drawn."""
    size = it.live_bytes[step]
    tip = f"{name}, operator {step}\n{it.operators[step]}\n{byte_size(size)} of activations live"
    at = (plot.x(step + 0.5), plot.y(size / 1024))
    shape = tag("circle", cx=at[0], cy=at[1], r=5 if peak else 1.5)
    touch = tag("circle", cx=at[0], cy=at[1], r=6, class_="touch")
    return mark(f"memory-step {kind}", tip, shape, touch)
