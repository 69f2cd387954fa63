"""A simulated device: networks whose latency is exactly additive, with a little noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgenas.graph import Operator, graph_of
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.features import operator_features
from edgenas.latency_models.fit import Fit, fit
from edgenas.space import Architecture, load_space

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}
US_PER_CALL = 20.0


def simulated_operator_ms(operator: Operator) -> float:
    """A true time that the quantities of the features can express."""
    features = operator_features(operator)
    per_mac_ms = {"CONV_2D": 5e-7, "DEPTHWISE_CONV_2D": 8e-6}.get(operator.type, 0.0)
    return 1e-3 * features["call"] + per_mac_ms * features.get("macs", 0.0) + 2e-7 * features["results"]


@pytest.fixture(scope="session")
def sample_architectures() -> Callable[[int, int], list[Architecture]]:
    """`sample(count, seed)` of the demo space."""

    def sample(count: int, seed: int) -> list[Architecture]:
        space = load_space("demo")
        rng = np.random.default_rng(seed)
        return [
            space.architecture(space.sample(rng), input_shape=(64, 96), head_channels=HEADS)
            for _ in range(count)
        ]

    return sample


@pytest.fixture(scope="session")
def simulated_rows(sample_architectures: Callable[[int, int], list[Architecture]]) -> list[Row]:
    """40 int8 and 10 float32 networks with operator times and 1% noise."""
    rng = np.random.default_rng(3)
    rows = []
    for number, architecture in enumerate(sample_architectures(40, 1)):
        for dtype in ("int8", "float32") if number % 4 == 0 else ("int8",):
            graph = graph_of(architecture, dtype)
            times = [simulated_operator_ms(o) for o in graph.operators]
            total = (sum(times) + US_PER_CALL / 1000) * float(np.exp(rng.normal(0, 0.01)))
            rows.append(
                Row(
                    name=f"{number}-{dtype}",
                    group=architecture.hash,
                    graph=graph,
                    measured_ms=total,
                    operator_ms=tuple(times),
                    disagreement=float(abs(rng.normal(0, 0.005))),
                )
            )
    return rows


@pytest.fixture(scope="session")
def fitted(simulated_rows: list[Row]) -> Fit:
    """A predictor of the simulated device."""
    return fit(simulated_rows, device="simulated", configuration="int8-1t", dtype="int8")
