"""From a prediction and metrics to what evolution maximises (Eq. 5 to 7) and to what may be recommended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from edgenas.errors import EdgenasError
from edgenas.scoring import Metrics, quality, reward
from edgenas.search.evaluation import Estimator, LatencyEstimate
from edgenas.search.requirement import Bound
from edgenas.space.architecture import Architecture

__all__ = ["NO_LATENCY", "Latency", "Objective"]


@dataclass(frozen=True)
class Latency:
    """The predicted latency of one candidate; everything is None without a device.

    Attributes:
        predicted_ms: point estimate.
        low_ms: lower end of the interval.
        high_ms: upper end of the interval.
        bound_ms: what is held against the target and enters the reward: the upper quantile at the chosen
            risk, or the point estimate.
    """

    predicted_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    bound_ms: float | None = None


NO_LATENCY = Latency()


@dataclass(frozen=True)
class Objective:
    """How candidates of one run are judged.

    Attributes:
        estimator: predicts latency, None without a device.
        target_ms: latency target, None for none.
        risk: see `SearchConfig.risk`.
        preset: reward preset.
        weights: w_ij that are not 1.
    """

    estimator: Estimator | None
    target_ms: float | None
    risk: float | None
    preset: str
    weights: Mapping[str, Mapping[str, float]] | None = None

    def latency(self, architecture: Architecture) -> Latency:
        """Predicts the latency of a candidate.

        Raises:
            EdgenasError: a prediction is not a positive, finite number.
        """
        if self.estimator is None:
            return NO_LATENCY
        estimate = self.estimator(architecture)
        low, high = estimate.interval_ms
        found = Latency(float(estimate.latency_ms), float(low), float(high), self._bound_ms(estimate))
        numbers = (found.predicted_ms, found.low_ms, found.high_ms, found.bound_ms)
        if (
            not all(value is not None and math.isfinite(value) for value in numbers)
            or (found.bound_ms or 0.0) <= 0.0
        ):
            raise EdgenasError(
                f"The latency predictor gave {found} for architecture {architecture.hash}. Expected "
                "positive, finite milliseconds. Fit it again with `edgenas profile`, or search without a device."
            )
        return found

    def bound(self) -> Bound | None:
        """The target as a limit on what is held against it; None without a target."""
        if self.target_ms is None:
            return None
        words = "predicted" if self.risk is None else f"exceeded with probability {self.risk:g}"
        return Bound(
            "--target-ms",
            lambda architecture: self.latency(architecture).bound_ms or math.inf,
            self.target_ms,
            lambda amount: f"{amount:.4g} ms ({words})",
        )

    def feasible(self, latency: Latency) -> bool:
        """Whether the latency meets the target; true without a target."""
        return self.target_ms is None or (latency.bound_ms is not None and latency.bound_ms <= self.target_ms)

    def score(self, metrics: Metrics, baseline: Metrics, latency: Latency) -> tuple[float, float]:
        """Quality and reward of a candidate."""
        found = quality(metrics, baseline, self.weights)
        return found, reward(found, latency.bound_ms, self.target_ms, self.preset)

    def _bound_ms(self, estimate: LatencyEstimate) -> float:
        return float(estimate.latency_ms if self.risk is None else estimate.upper_ms(self.risk))
