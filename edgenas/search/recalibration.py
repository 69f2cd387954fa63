"""What some measured networks say about a predictor: none, a factor, or a factor and an offset, by leave-one-out.

A handful of networks, chosen for their reward and not for what they tell, cannot carry prices of operators or a
Gaussian process: those would learn the noise. So the correction is a function of the predicted latency alone, with at
most two numbers, and the simplest of the forms is taken whose error on networks left out is within a tenth of the
lowest. The interval of what was not measured follows: it widens where the left-out errors exceed what the predictor
promised, and narrows (to 0.7 at most) where they fall below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgenas.search.objective import Latency

__all__ = ["NONE", "SCALE", "SCALE_AND_OFFSET", "MeasuredPair", "Recalibration", "recalibrate"]

NONE, SCALE, SCALE_AND_OFFSET = "none", "scale", "scale and offset"

_TOLERANCE = 1.1
_REPEATABILITY = 0.01
"""Left-out errors below it are the noise of a measurement, not a merit of a form."""

_ROWS_OF_AN_OFFSET = 4
_SPREAD_OF_AN_OFFSET = 1.3
"""Latencies that lie closer together than this ratio say nothing about an offset."""

_OWN_WORD = 4.0
"""So many rows count as much as what the predictor says about its own errors."""
_WIDENING = (0.7, 10.0)
_Z_90 = 1.645
_UNSTABLE_GAP = 0.05
"""A row whose two fastest processes differ by so much weighs half, as in `edgenas.latency_models.fit`."""

_Line = tuple[float, float]


@dataclass(frozen=True)
class MeasuredPair:
    """One network on one device.

    Attributes:
        predicted_ms: predicted latency.
        high_ms: upper end of its interval.
        measured_ms: latency on the device.
        disagreement: relative gap between its two fastest processes, None where not known.
    """

    predicted_ms: float
    high_ms: float
    measured_ms: float
    disagreement: float | None = None

    @property
    def weight(self) -> float:
        """How much the row counts, at most 1."""
        return 1.0 / (1.0 + (self.disagreement or 0.0) / _UNSTABLE_GAP)

    @property
    def log_width(self) -> float:
        """Half width of the interval on the logarithm."""
        return math.log(self.high_ms / self.predicted_ms)


@dataclass(frozen=True)
class Recalibration:
    """A corrected predictor: `scale` times the predicted latency plus `offset_ms`.

    Attributes:
        kind: `NONE`, `SCALE` or `SCALE_AND_OFFSET`.
        scale: factor.
        offset_ms: offset.
        widening: factor of the interval's half width on the logarithm.
        rows: measured networks behind it.
        left_out: form to root mean square of the logarithmic error on networks left out; empty for fewer than two.
        reason: why this form, one sentence.
    """

    kind: str = NONE
    scale: float = 1.0
    offset_ms: float = 0.0
    widening: float = 1.0
    rows: int = 0
    left_out: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    def ms(self, predicted_ms: float) -> float:
        """The corrected latency."""
        return self.scale * predicted_ms + self.offset_ms

    def of(self, latency: Latency) -> Latency:
        """A predicted latency with its interval and its bound as the corrected predictor gives them."""
        predicted = latency.predicted_ms
        if predicted is None:
            return latency
        corrected = self.ms(predicted)

        def moved(value: float | None) -> float | None:
            return None if value is None else corrected * (value / predicted) ** self.widening

        return replace(
            latency,
            predicted_ms=corrected,
            low_ms=moved(latency.low_ms),
            high_ms=moved(latency.high_ms),
            bound_ms=moved(latency.bound_ms),
        )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; errors in percent."""
        return {
            "kind": self.kind,
            "scale": self.scale,
            "offset_ms": self.offset_ms,
            "interval_widening": self.widening,
            "rows": self.rows,
            "leave_one_out_error_percent": {k: 100.0 * math.expm1(e) for k, e in self.left_out.items()},
            "reason": self.reason,
        }


def recalibrate(pairs: Sequence[MeasuredPair]) -> Recalibration:
    """Corrects a predictor by measured networks.

    Args:
        pairs: networks with a latency on the device; their order changes nothing.
    """
    if not pairs:
        return Recalibration(reason="nothing was measured")
    if len(pairs) == 1:
        return _by_one(pairs[0])
    forms = _forms(pairs)
    errors = {kind: _root_mean_square(pairs, _left_out(pairs, fit)) for kind, fit in forms.items()}
    enough = _TOLERANCE * max(_REPEATABILITY, min(errors.values()))
    kind = next(kind for kind in forms if errors[kind] <= enough)
    scale, offset_ms = forms[kind](pairs)
    told = ", ".join(f"{name} {100 * math.expm1(error):.1f}%" for name, error in errors.items())
    return Recalibration(
        kind,
        scale,
        offset_ms,
        _widening(pairs, _left_out(pairs, forms[kind])),
        len(pairs),
        errors,
        f"the simplest form within a tenth of the lowest error on networks left out ({told})",
    )


def _by_one(pair: MeasuredPair) -> Recalibration:
    """One row cannot be left out: it counts where the predictor itself says that it is no chance."""
    error = math.log(pair.measured_ms / pair.predicted_ms)
    if abs(error) <= max(pair.log_width, _REPEATABILITY):
        return Recalibration(rows=1, reason="the only measured latency lies within its predicted interval")
    scale = pair.measured_ms / pair.predicted_ms
    reason = "the only measured latency lies outside of its predicted interval; nothing could be left out"
    return Recalibration(SCALE, scale, rows=1, reason=reason)


def _forms(pairs: Sequence[MeasuredPair]) -> dict[str, Callable[[Sequence[MeasuredPair]], _Line]]:
    """The forms that so many rows can tell apart, the simplest first."""
    found: dict[str, Callable[[Sequence[MeasuredPair]], _Line]] = {NONE: lambda _: (1.0, 0.0), SCALE: _scale}
    predicted = [pair.predicted_ms for pair in pairs]
    if len(pairs) >= _ROWS_OF_AN_OFFSET and max(predicted) >= _SPREAD_OF_AN_OFFSET * min(predicted):
        found[SCALE_AND_OFFSET] = _scale_and_offset
    return found


def _scale(pairs: Sequence[MeasuredPair]) -> _Line:
    total = sum(pair.weight for pair in pairs)
    logs = (pair.weight * math.log(pair.measured_ms / pair.predicted_ms) for pair in pairs)
    return math.exp(math.fsum(logs) / total), 0.0


def _scale_and_offset(pairs: Sequence[MeasuredPair]) -> _Line:
    """Least squares of relative errors; an offset below zero could make quick networks free, so the factor alone."""
    rows = [(p.weight, p.predicted_ms / p.measured_ms, 1.0 / p.measured_ms) for p in pairs]
    aa = math.fsum(w * x * x for w, x, _ in rows)
    ab = math.fsum(w * x * y for w, x, y in rows)
    bb = math.fsum(w * y * y for w, _, y in rows)
    a = math.fsum(w * x for w, x, _ in rows)
    b = math.fsum(w * y for w, _, y in rows)
    determinant = aa * bb - ab * ab
    if determinant <= 1e-9 * aa * bb:
        return _scale(pairs)
    scale, offset = (a * bb - b * ab) / determinant, (aa * b - ab * a) / determinant
    return (scale, offset) if scale > 0.0 and offset >= 0.0 else _scale(pairs)


def _left_out(pairs: Sequence[MeasuredPair], fit: Callable[[Sequence[MeasuredPair]], _Line]) -> list[float]:
    """Logarithm of measured over corrected latency of each network, the correction made without it."""
    found = []
    for i, pair in enumerate(pairs):
        scale, offset_ms = fit([*pairs[:i], *pairs[i + 1 :]])
        found.append(math.log(pair.measured_ms / (scale * pair.predicted_ms + offset_ms)))
    return found


def _root_mean_square(pairs: Sequence[MeasuredPair], errors: Sequence[float]) -> float:
    total = sum(pair.weight for pair in pairs)
    return math.sqrt(math.fsum(pair.weight * e * e for pair, e in zip(pairs, errors, strict=True)) / total)


def _widening(pairs: Sequence[MeasuredPair], errors: Sequence[float]) -> float:
    """Left-out errors relative to what the predictor promised, which itself counts as some rows."""
    promised = [max(pair.log_width, _REPEATABILITY) / _Z_90 for pair in pairs]
    seen = math.fsum(
        pair.weight * (error / sigma) ** 2 for pair, error, sigma in zip(pairs, errors, promised, strict=True)
    )
    total = _OWN_WORD + sum(pair.weight for pair in pairs)
    return min(max(math.sqrt((_OWN_WORD + seen) / total), _WIDENING[0]), _WIDENING[1])
