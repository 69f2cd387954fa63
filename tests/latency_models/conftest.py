"""A simulated device: networks whose latency is exactly additive, with a little noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgenas.graph import Operator, graph_of
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.features import operator_features
from edgenas.latency_models.fit import Fit, fit
from edgenas.latency_models.table_fit import fit_groups, merge_columns
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.nasbench201 import canonical_cell, nasbench201_graph
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


@pytest.fixture(scope="session")
def cell_column(
    random_cells: Callable[[int, int], list[str]], additive_ms: Callable[..., Any]
) -> Callable[..., MeasuredColumn]:
    """`cell_column(count, seed, name="device_a", noise=0.01, dtype=..., speed=..., device=...)`: made-up rows."""

    def make(
        count: int,
        seed: int,
        name: str = "device_a",
        *,
        noise: float = 0.01,
        dtype: str = "float32",
        **how: Any,
    ) -> MeasuredColumn:
        cells = random_cells(count, seed)
        graphs = tuple(nasbench201_graph(cell, dtype=dtype, dead="pruned") for cell in cells)
        rng = np.random.default_rng(seed)
        return MeasuredColumn(
            name=name,
            names=tuple(cells),
            families=tuple(canonical_cell(cell) for cell in cells),
            graphs=graphs,
            latency_ms=additive_ms(graphs, **how) * np.exp(rng.normal(0, noise, count)),
            spread_ms=np.full(count, np.nan),
            rows=tuple(range(2, count + 2)),
            origin=Origin("made up", "CC0-1.0", "abc123"),
        )

    return make


@pytest.fixture(scope="session")
def table_fit(cell_column: Callable[..., MeasuredColumn]) -> Fit:
    """Predictor of the made-up CPU from 330 networks, enough for a correction."""
    group = merge_columns("nasbench201", [cell_column(330, 0)], "device_a")
    return fit_groups(
        [group], device="made-up", configuration="float32", dtype="float32", facts={"date": "2026-01-02"}
    )
