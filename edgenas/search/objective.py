"""From a prediction and metrics to what evolution maximises (Eq. 5 to 7) and to what may be recommended.

With several devices the reward is Q times the latency factor of Eq. 5 of each, R = Q * prod_d (Lat_d / target_d)^beta_d
(declared: the form of MnasNet, once per device), and feasible is a network that meets every target. The first device
is the main one: the Pareto front, the hypervolume and what is shown as "the" latency are about it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgenas.errors import EdgenasError
from edgenas.scoring import Metrics, quality, reward
from edgenas.search.config import SearchConfig
from edgenas.search.evaluation import Estimator, LatencyEstimate
from edgenas.search.requirement import Bound
from edgenas.space.architecture import Architecture

__all__ = ["NO_LATENCY", "Latency", "Objective", "Target", "judge_of", "objective_of"]


@dataclass(frozen=True)
class Latency:
    """The latency of one candidate, predicted unless it says otherwise; everything is None without a device.

    Attributes:
        predicted_ms: point estimate.
        low_ms: lower end of the interval.
        high_ms: upper end of the interval.
        bound_ms: what is held against the target and enters the reward: the upper quantile at the chosen
            risk, or the point estimate.
        worst_ratio: with several devices, the largest of `held_ms` / target over all of them; else None.
        others: the same of the further devices, by their labels; empty with one device.
        measured_ms: latency on the device (measured or simulated), None where it is not known; never during a search.
    """

    predicted_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    bound_ms: float | None = None
    worst_ratio: float | None = None
    others: Mapping[str, Latency] = field(default_factory=dict)
    measured_ms: float | None = None

    @property
    def held_ms(self) -> float | None:
        """What is held against the target: the latency on the device where it is known, else `bound_ms`."""
        return self.bound_ms if self.measured_ms is None else self.measured_ms

    @property
    def minimised(self) -> float | None:
        """What a search with two objectives lowers: ms, or the largest ratio to a target with several devices."""
        return self.bound_ms if self.worst_ratio is None else self.worst_ratio


NO_LATENCY = Latency()


@dataclass(frozen=True)
class Target:
    """One of several devices.

    Attributes:
        label: what the user calls it.
        estimator: predicts its latency.
        target_ms: its target.
    """

    label: str
    estimator: Estimator
    target_ms: float


@dataclass(frozen=True)
class Objective:
    """How candidates of one run are judged.

    Attributes:
        estimator: predicts the latency on the (first) device, None without one.
        target_ms: latency target there, None for none.
        risk: see `SearchConfig.risk`.
        preset: reward preset.
        weights: w_ij that are not 1.
        label: what the user calls the first device; only read where there are several.
        others: the further devices.
    """

    estimator: Estimator | None
    target_ms: float | None
    risk: float | None
    preset: str
    weights: Mapping[str, Mapping[str, float]] | None = None
    label: str = ""
    others: tuple[Target, ...] = ()

    def latency(self, architecture: Architecture) -> Latency:
        """Predicts the latency of a candidate.

        Raises:
            EdgenasError: a prediction is not a positive, finite number.
        """
        if self.estimator is None:
            return NO_LATENCY
        found = self._estimated(self.estimator, architecture)
        if not self.others:
            return found
        others = {other.label: self._estimated(other.estimator, architecture) for other in self.others}
        return self.with_ratio(replace(found, others=others))

    def with_ratio(self, latency: Latency) -> Latency:
        """The same latency with its `worst_ratio`, which is None with one device."""
        pairs = self._held(latency)
        if not self.others or any(held is None or target is None for held, target in pairs):
            return replace(latency, worst_ratio=None)
        return replace(latency, worst_ratio=max((held or 0.0) / (target or 1.0) for held, target in pairs))

    def bounds(self) -> list[Bound]:
        """The targets as limits on what is held against them, one per device that has one."""
        found = []
        if self.target_ms is not None and self.estimator is not None:
            found.append(self._bound(self.estimator, self.target_ms, self.label if self.others else ""))
        return [*found, *(self._bound(o.estimator, o.target_ms, o.label) for o in self.others)]

    def feasible(self, latency: Latency) -> bool:
        """Whether the latency meets the target of every device; true without a target."""
        return all(
            target is None or (held is not None and held <= target) for held, target in self._held(latency)
        )

    def score(self, metrics: Metrics, baseline: Metrics, latency: Latency) -> tuple[float, float]:
        """Quality and reward of a candidate."""
        found = quality(metrics, baseline, self.weights)
        return found, self.reward(found, latency)

    def reward(self, quality: float, latency: Latency) -> float:
        """Eq. 5, its latency factor once per device."""
        found = quality
        for held, target in self._held(latency):
            found = reward(found, held, target, self.preset)
        return found

    def _held(self, latency: Latency) -> list[tuple[float | None, float | None]]:
        """(what is held against the target, the target) of every device."""
        others = [(latency.others.get(o.label, NO_LATENCY).held_ms, o.target_ms) for o in self.others]
        return [(latency.held_ms, self.target_ms), *others]

    def _bound(self, estimator: Estimator, target_ms: float, label: str) -> Bound:
        words = "predicted" if self.risk is None else f"exceeded with probability {self.risk:g}"
        place = f" on {label}" if label else ""
        return Bound(
            "--target-ms",
            lambda architecture: self._estimated(estimator, architecture).bound_ms or math.inf,
            target_ms,
            lambda amount: f"{amount:.4g} ms ({words}{place})",
            label,
        )

    def _estimated(self, estimator: Estimator, architecture: Architecture) -> Latency:
        estimate = estimator(architecture)
        low, high = estimate.interval_ms
        found = Latency(float(estimate.latency_ms), float(low), float(high), self._bound_ms(estimate))
        numbers = (found.predicted_ms, found.low_ms, found.high_ms, found.bound_ms)
        if (
            not all(value is not None and math.isfinite(value) for value in numbers)
            or (found.bound_ms or 0.0) <= 0.0
        ):
            raise EdgenasError(
                f"The latency predictor gave {numbers} for architecture {architecture.hash}. Expected "
                "positive, finite milliseconds. Fit it again with `edgenas profile`, or search without a device."
            )
        return found

    def _bound_ms(self, estimate: LatencyEstimate) -> float:
        return float(estimate.latency_ms if self.risk is None else estimate.upper_ms(self.risk))


def objective_of(
    config: SearchConfig, estimator: Estimator | None, others: Sequence[Estimator] = ()
) -> Objective:
    """The objective of a run.

    Args:
        config: the search.
        estimator: predicts the latency on its (first) device.
        others: the same for the further ones of `config.devices`, in their order.

    Raises:
        ValueError: there are more or fewer estimators than devices.
    """
    further = config.devices[1:]
    if len(further) != len(others):
        raise ValueError(f"{len(further)} further devices need as many estimators. Received {len(others)}.")
    return Objective(
        estimator,
        config.target_ms,
        config.risk,
        config.reward,
        config.metric_weights,
        config.devices[0].label if config.devices else "",
        tuple(Target(d.label, e, d.target_ms) for d, e in zip(further, others, strict=True)),
    )


def judge_of(config: SearchConfig) -> Objective:
    """The objective of a run for latencies that are known already: it predicts nothing."""

    def none(architecture: Architecture) -> LatencyEstimate:
        raise EdgenasError(f"No predictor was handed in for architecture {architecture.hash}.")

    return objective_of(config, None, [none] * len(config.devices[1:]))
