"""What is known of a device that is not at hand: predicted latencies of the baseline and of whole spaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgenas.device_profiles.profile import DeviceProfile
from edgenas.graph import graph_of
from edgenas.latency_models.estimate import LatencyEstimate
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.predictor_file import read_card, read_predictor
from edgenas.latency_models.registry import card_figures, find_predictor_folder
from edgenas.space import SearchSpace

__all__ = ["NETWORKS", "Known", "SpaceLatency", "known_latencies", "space_latency"]

NETWORKS = 500
"""Random networks per space: the share that is faster than the 10% quantile is then 10%, give or take 1.3."""


@dataclass(frozen=True, slots=True)
class SpaceLatency:
    """Distribution of the predicted latencies of random networks of one space.

    Attributes:
        count: number of networks.
        min_ms: the fastest.
        p10_ms: a tenth is faster.
        median_ms: half is faster.
        p90_ms: nine tenths are faster.
        max_ms: the slowest.
        in_domain_share: share of them, 0 to 1, that resembles what the predictor was fitted on.
        baseline_ms: the MT edge baseline of this space.
    """

    count: int
    min_ms: float
    p10_ms: float
    median_ms: float
    p90_ms: float
    max_ms: float
    in_domain_share: float
    baseline_ms: float


@dataclass(frozen=True)
class Known:
    """What a predictor says of a device; nothing of it was measured here.

    Attributes:
        predictor: the user's predictor, else the shipped one.
        card: its card, empty where it has none.
        baseline_name: name and space of the baseline.
        baseline: the MT edge baseline.
        spaces: name of a space to its distribution.
    """

    predictor: LatencyPredictor
    card: Mapping[str, Any]
    baseline_name: str
    baseline: LatencyEstimate
    spaces: Mapping[str, SpaceLatency]

    def to_dict(self) -> dict[str, Any]:
        """The keys "predictor", "baseline" and "spaces", JSON-ready."""
        return {
            "predictor": {
                "name": self.predictor.name,
                "confidence": self.predictor.confidence,
                **card_figures(self.card),
            },
            "baseline": {
                "name": self.baseline_name,
                "latency_ms": self.baseline.latency_ms,
                "interval_ms": list(self.baseline.interval_ms),
                "in_domain": self.baseline.in_domain,
                "domain_notes": list(self.baseline.domain_notes),
            },
            "spaces": {name: asdict(latency) for name, latency in self.spaces.items()},
        }


def known_latencies(
    device: DeviceProfile,
    configuration: str,
    space: SearchSpace,
    others: tuple[SearchSpace, ...] = (),
    *,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    seed: int = 0,
    networks: int = NETWORKS,
) -> Known:
    """Predicts the baseline of `space` and random networks of it and of `others`.

    Args:
        device: the device.
        configuration: configuration of the device.
        space: the space whose baseline is asked about.
        others: further spaces.
        input_shape: (height, width), multiples of each space's `coarsest_stride`.
        head_channels: output channels of each task.
        seed: seed of the random networks.
        networks: how many per space.

    Raises:
        UsageError: there is no predictor, or its files are damaged.
    """
    folder = find_predictor_folder(device, configuration=configuration)
    predictor, card = read_predictor(folder), read_card(folder)
    baseline = space.architecture(space.default(), input_shape=input_shape, head_channels=head_channels)
    return Known(
        predictor=predictor,
        card=card,
        baseline_name=f"{space.baseline_name} of the space {space.name}",
        baseline=predictor.predict(graph_of(baseline, predictor.dtype)),
        spaces={
            each.name: space_latency(
                predictor,
                each,
                input_shape=input_shape,
                head_channels=head_channels,
                seed=seed,
                networks=networks,
            )
            for each in (space, *others)
        },
    )


def space_latency(
    predictor: LatencyPredictor,
    space: SearchSpace,
    *,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    seed: int,
    networks: int,
) -> SpaceLatency:
    """Predicts `networks` uniformly random networks of a space; see `known_latencies`."""
    rng = np.random.default_rng(seed)
    drawn = [space.default(), *(space.sample(rng) for _ in range(networks))]
    latency_ms, _, high_ms = predictor.predict_architectures(
        space.architecture(decisions, input_shape=input_shape, head_channels=head_channels)
        for decisions in drawn
    )
    band = predictor.bands.get(predictor.dtype)
    # Outside of the domain the interval is wider than this, always: see `ErrorBand.widened`.
    widest = 0.0 if band is None else float(np.exp(band.width(predictor.confidence))) * (1 + 1e-9)
    inside = high_ms[1:] <= latency_ms[1:] * widest
    low, p10, median, p90, high = np.quantile(latency_ms[1:], (0.0, 0.1, 0.5, 0.9, 1.0)).tolist()
    return SpaceLatency(
        count=networks,
        min_ms=low,
        p10_ms=p10,
        median_ms=median,
        p90_ms=p90,
        max_ms=high,
        in_domain_share=float(np.mean(inside)),
        baseline_ms=float(latency_ms[0]),
    )
