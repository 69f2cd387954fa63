"""`ErrorBand`: how far measured latencies lie from predicted ones, by confidence."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["LEVELS", "ErrorBand"]

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995)


@dataclass(frozen=True, slots=True)
class ErrorBand:
    """Two-sided band around a prediction, on the logarithm of the ratio: prediction x exp(+-width).

    Ratios, because errors of latencies grow with the latency; two-sided and symmetric, because some tens of
    held-out networks say too little about each tail alone.

    Attributes:
        log_widths: half width per entry of `LEVELS`, ascending from 0.
    """

    log_widths: tuple[float, ...]

    def __post_init__(self) -> None:
        widths = self.log_widths
        if len(widths) != len(LEVELS) or not all(math.isfinite(w) and w >= 0 for w in widths):
            raise ValueError(f"Expected {len(LEVELS)} finite widths of at least 0. Received {widths}.")
        if any(b < a for a, b in pairwise(widths)):
            raise ValueError(f"The widths must ascend. Received {widths}.")

    @classmethod
    def from_residuals(cls, log_ratios: Sequence[float], repeatability: float = 0.0) -> ErrorBand:
        """Split-conformal widths from held-out residuals.

        The width of level p is the ceil((n + 1) p)-th smallest of the n absolute residuals: a further network
        of the same kind lies within it with probability p at least. A level that n residuals cannot support
        is reached from the largest residual along the quantiles of a normal distribution.

        Args:
            log_ratios: log(measured / predicted) of networks that the prediction was not fitted on.
            repeatability: typical log ratio of two measurements of one network. The residuals hold the noise of
                one session only; another session adds its own, here in quadrature to the 90% width and to
                the others in proportion.

        Raises:
            ValueError: no residuals.
        """
        from statistics import NormalDist

        ordered = sorted(abs(r) for r in log_ratios)
        n = len(ordered)
        if not n:
            raise ValueError("An error band needs at least one held-out residual.")
        z = NormalDist().inv_cdf
        widths = []
        for level in LEVELS:
            rank = math.ceil((n + 1) * level - 1e-9)
            if rank <= n:
                widths.append(ordered[rank - 1] if rank else 0.0)
            else:
                supported = n / (n + 1)
                widths.append(ordered[-1] * max(1.0, z((1 + level) / 2) / z((1 + supported) / 2)))
        noise = [repeatability * z((1 + level) / 2) / z(0.95) for level in LEVELS]
        return cls(tuple(math.hypot(w, extra) for w, extra in zip(widths, noise, strict=True)))

    def width(self, confidence: float) -> float:
        """Half width of the band that holds a share `confidence` of the measurements, on the log scale."""
        if not 0 <= confidence < 1:
            raise ValueError(
                f"Invalid value for argument `confidence`. Expected [0, 1). Received {confidence}."
            )
        confidence = min(confidence, LEVELS[-1])
        i = max(1, bisect_left(LEVELS, confidence))
        low, high = LEVELS[i - 1], LEVELS[i]
        share = (confidence - low) / (high - low)
        return self.log_widths[i - 1] * (1 - share) + self.log_widths[i] * share

    def interval(self, value: float, confidence: float) -> tuple[float, float]:
        """The band around `value`."""
        factor = math.exp(self.width(confidence))
        return value / factor, value * factor

    def upper(self, value: float, risk: float) -> float:
        """What is exceeded with probability `risk`: above `value` where `risk` is below one half."""
        if not 0 < risk < 1:
            raise ValueError(f"Invalid value for argument `risk`. Expected (0, 1). Received {risk}.")
        return value * math.exp(math.copysign(self.width(abs(1 - 2 * risk)), 0.5 - risk))

    def scaled(self, factor: float) -> ErrorBand:
        """A band `factor` times as wide."""
        return ErrorBand(tuple(w * factor for w in self.log_widths))

    def widened(self, factor: float, least: float) -> ErrorBand:
        """A band `factor` times as wide, whose 90% width is at least `least`."""
        at_90 = self.width(0.9)
        factor = max(factor, least / at_90) if at_90 > 0 else 0.0
        if factor == 0.0:
            return ErrorBand(tuple(least * level / 0.9 for level in LEVELS))
        return self.scaled(factor)
