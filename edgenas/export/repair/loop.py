"""`repair`: tries the steps in order until every head's metrics are near enough to those of float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenas.export.choice import Compared
from edgenas.export.drops import worst_drop
from edgenas.export.operator_errors import describe_operators
from edgenas.export.repair.bias_step import corrected
from edgenas.export.repair.fine_tuning import fine_tune
from edgenas.export.repair.recalibration import more_frames, without_extremes
from edgenas.export.repair.state import Ground, Mended, RepairContext, Step
from edgenas.export.repair.wider import widened

__all__ = ["STEPS", "Repaired", "repair"]

STEPS: tuple[tuple[str, Step], ...] = (
    ("calibration without extremes", without_extremes),
    ("calibration on more frames", more_frames),
    ("bias correction", corrected),
    ("quantisation-aware fine-tuning", fine_tune),
    ("16-bit activations", widened),
)
"""In this order: what costs seconds before what costs minutes, what stays int8 before what does not. Channels are
equalised, and weights quantised per channel, before any of it."""

_FRAMES = 8


@dataclass(frozen=True)
class Repaired:
    """What a repair found.

    Attributes:
        best: the file of the smallest drop.
        section: what was tried, JSON-ready; "failed" says why the file is not good enough, None where it is.
    """

    best: Mended
    section: dict[str, Any]

    @property
    def failed(self) -> str | None:
        """Why the best file is not good enough."""
        reason: str | None = self.section["failed"]
        return reason


def repair(context: RepairContext, ground: Ground, compared: Compared) -> Repaired:
    """Mends an int8 file step by step; each step goes on from the best file so far.

    A step is kept where the largest drop over all heads and metrics gets smaller. The drops are measured on the
    validation frames, so that a file picked out of a few tries looks a little better there than it is.

    Args:
        context: what the steps need.
        ground: the float network that the file was made of.
        compared: the file as the engine made it.
    """
    best = start = Mended(ground, compared, context.measure(compared))
    records = [_record("as converted", context, start, start, kept=True)]
    for name, step in STEPS:
        if _worst(best) <= context.max_drop_percent:
            break
        tried = step(context, best)
        if tried is None:
            records.append({"step": name, "kept": False, "reason": "does not apply here"})
            continue
        kept = _worst(tried) < _worst(best)
        records.append(_record(name, context, best, tried, kept=kept))
        best = tried if kept else best
    failed = None if _worst(best) <= context.max_drop_percent else _failure(context, best)
    return Repaired(
        best,
        {
            "max_drop_percent": context.max_drop_percent,
            "steps": records,
            "drops_percent": {head: dict(row) for head, row in best.drops.items()},
            "notes": list(best.compared.candidate.notes),
            "measured_on": "validation frames, which also chose the steps",
            "failed": failed,
        },
    )


def _worst(mended: Mended) -> float:
    found = worst_drop(mended.drops)
    return found[2] if found is not None else 0.0


def _record(
    name: str, context: RepairContext, before: Mended, after: Mended, *, kept: bool
) -> dict[str, Any]:
    """One row: what the step gained and what it costs."""
    found = worst_drop(after.drops)
    predict = context.predict_ms
    return {
        "step": name,
        "kept": kept,
        "worst_head": found[0] if found else None,
        "worst_metric": found[1] if found else None,
        "worst_drop_percent": _worst(after),
        "gained_percent": _worst(before) - _worst(after),
        "drops_percent": {head: max(row.values()) for head, row in after.drops.items() if row},
        "predicted_ms": predict(after.compared.candidate.data) if predict is not None else None,
    }


def _failure(context: RepairContext, best: Mended) -> str:
    """Names the head and the operators that are to blame."""
    head, metric, percent = worst_drop(best.drops) or ("", "", 0.0)
    data = best.compared.candidate.data
    told = describe_operators(best.ground.float_file, data, context.frames[:_FRAMES], best.ground.names)
    blamed = ", ".join(told["worst"][:3]) or "unknown"
    return (
        f"The int8 file's {metric} of the head '{head}' drops by {percent:.2f}% against float32; at most "
        f"{context.max_drop_percent:g}% was asked for. The operators that add most noise: {blamed}. Allow more with "
        "--max-drop, allow 16-bit operators with --allow-mixed, or take the best file all the same with --keep."
    )
