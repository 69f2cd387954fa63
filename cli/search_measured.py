"""What `edgenas search --remeasure` found, in lines for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgenas.cli.output import format_ms

if TYPE_CHECKING:
    from edgenas.search import Remeasured, SearchResult

__all__ = ["measured_lines"]


def measured_lines(result: SearchResult) -> list[str]:
    """The corrections, what could not be measured, and whether another network is recommended now."""
    if result.remeasured is None:
        return []
    devices = list(
        dict.fromkeys((*(row.device for row in result.remeasured.rows), *result.remeasured.absent))
    )
    lines = [line for device in devices for line in _device(result.remeasured, device)]
    first, predicted = result.first, result.first_predicted
    if first is None or predicted is None:
        return lines
    if result.best is not None and result.best.architecture.hash == first.architecture.hash:
        return [*lines, "The recommendation stays what the predictions alone say."]
    source = next(
        (r.source for r in result.remeasured.rows if r.hash == first.architecture.hash), "corrected"
    )
    now = f"{source} {format_ms(first.latency.measured_ms)}"
    if first.latency.measured_ms is None:
        now = f"corrected prediction {format_ms(first.latency.predicted_ms)}"
    why = "another network is better now" if first.feasible else f"over {_target(result)}"
    became = (
        "none is recommended now" if result.best is None else f"trial {result.best.number} is recommended now"
    )
    then = f"predicted {format_ms(predicted.latency.predicted_ms)}, {now}"
    return [*lines, f"First recommended: trial {first.number}, {then}: {why}; {became}."]


def _target(result: SearchResult) -> str:
    return "a target" if result.devices else f"the target of {format_ms(result.target_ms)}"


def _device(remeasured: Remeasured, device: str) -> list[str]:
    rows = [row for row in remeasured.rows if row.device == device]
    good = [row for row in rows if row.measured_ms is not None]
    lines = []
    if good:
        found = remeasured.recalibration(device)
        form = {
            "none": "its predictor needs no correction",
            "scale": f"its predictor is off: times {found.scale:.3g}",
        }
        words = form.get(
            found.kind, f"its predictor is off: times {found.scale:.3g} plus {found.offset_ms:.3g} ms"
        )
        if found.left_out:
            before, after = (100 * math.expm1(found.left_out[kind]) for kind in ("none", found.kind))
            words += f" (error on networks left out {before:.1f}%"
            words += ")" if found.kind == "none" else f", corrected {after:.1f}%)"
        number = f"{len(good)} network{'s' if len(good) > 1 else ''}"
        lines.append(f"Checked on {device}: {number} {good[0].source}; {words}")
    for row in rows:
        if row.error:
            lines.append(f"  trial {row.trial} not {row.source} on {device}: {row.error}")
        elif row.unstable:
            lines.append(
                f"  trial {row.trial}: {format_ms(row.measured_ms)} on {device} is unstable: {row.unstable}"
            )
    if device in remeasured.absent:
        lines.append(f"No latency of {device} here: {remeasured.absent[device]}")
    return lines
