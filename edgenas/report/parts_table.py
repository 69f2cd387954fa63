"""What each stage, the BiFPN and each head cost, winner beside baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgenas.report.markup import Cell, Html, note, table, tag
from edgenas.report.network_times import NetworkTimes
from edgenas.report.wording import ms

__all__ = ["parts_table"]


def parts_table(networks: Sequence[tuple[str, NetworkTimes]]) -> Html | None:
    """A table with two bars per part, or None where no times are known."""
    known = [(name, it, _stages(it.parts)) for name, it in networks if it.parts]
    if not known:
        return None
    # The BiFPN's first operators run between the stages, yet it stands behind them.
    order = ("stem", "stage", "BiFPN", "head")
    names = sorted(
        dict.fromkeys(part for _, _, stages in known for part in stages),
        key=lambda part: order.index(part.partition(" ")[0]),
    )
    full = max(value for _, _, stages in known for value in stages.values()) or 1.0
    bars = ", ".join(
        f"{place} {name}" for place, (name, _, _) in zip(("upper", "lower"), known, strict=False)
    )
    header: list[Cell] = ["part", bars, *(f"{name}, {it.source}" for name, it, _ in known)]
    rows: list[list[Cell]] = []
    for part in names:
        values = [stages.get(part) for _, _, stages in known]
        shares = [
            _share(value, sum(stages.values())) for value, (_, _, stages) in zip(values, known, strict=True)
        ]
        rows.append([part, _bars(values, full), *shares])
    rows.append(["together", "", *(ms(sum(stages.values())) for _, _, stages in known)])
    words = note(
        "Without what a call costs in itself, so the sum is a little below the latency of the network."
    )
    return tag("div", table("Latency per part of the network", header, rows, text_columns=2), words)


def _share(value: float | None, total: float) -> str | None:
    if value is None:
        return None
    return f"{ms(value)} ({100 * value / total:.0f}%)" if total else ms(value)


def _stages(parts: Mapping[str, float]) -> dict[str, float]:
    """Times with the blocks of a stage together, so that networks of different depths compare."""
    found: dict[str, float] = {}
    for part, value in parts.items():
        name = part.partition(" block ")[0]
        found[name] = found.get(name, 0.0) + value
    return found


def _bars(values: Sequence[float | None], full: float) -> Html:
    drawn = [
        tag("rect", x=0, y=y, width=max(100 * value / full, 0.4), height=5, class_=kind)
        for y, value, kind in zip((1, 7), values, ("bar-winner", "bar-baseline"), strict=False)
        if value is not None
    ]
    return tag(
        "svg", *drawn, viewBox="0 0 100 13", preserveAspectRatio="none", class_="bar", aria_hidden="true"
    )
