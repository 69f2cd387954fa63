"""Predicted latencies of spaces against the predictor's answers one by one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor, user_predictors
from edgenas.profiling.known import known_latencies, space_latency
from edgenas.space import load_space

_HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


@pytest.mark.parametrize(
    ("name", "shape"), [("demo", (64, 96)), ("declared", (64, 96)), ("demo", (320, 480))]
)
def test_the_distribution_is_that_of_single_answers(
    host_predictor: Path, name: str, shape: tuple[int, int]
) -> None:
    predictor, space = LatencyPredictor.load(host_predictor), load_space(name)
    found = space_latency(predictor, space, input_shape=shape, head_channels=_HEADS, seed=3, networks=12)
    rng = np.random.default_rng(3)
    single = [
        predictor.predict(graph_of(space.architecture(d, input_shape=shape, head_channels=_HEADS), "int8"))
        for d in (space.sample(rng) for _ in range(12))
    ]
    latency_ms = [estimate.latency_ms for estimate in single]
    assert found.count == 12
    assert found.min_ms == pytest.approx(min(latency_ms)) and found.max_ms == pytest.approx(max(latency_ms))
    assert found.median_ms == pytest.approx(np.median(latency_ms))
    assert found.in_domain_share == pytest.approx(np.mean([estimate.in_domain for estimate in single]))


def test_the_baseline_is_a_whole_estimate(host_predictor: Path) -> None:
    predictor, space = LatencyPredictor.load(host_predictor), load_space("demo")
    predictor.save(user_predictors() / "pixel4" / "1large-int8", {"mape_percent": 3.0})
    known = known_latencies(
        "pixel4", "1large-int8", space, input_shape=(64, 96), head_channels=_HEADS, networks=5
    )
    architecture = space.architecture(space.default(), input_shape=(64, 96), head_channels=_HEADS)
    assert known.baseline == predictor.predict(graph_of(architecture, "int8"))
    assert known.baseline.in_domain and space.baseline_name in known.baseline_name
    assert known.spaces.keys() == {"demo"}
    assert known.spaces["demo"].baseline_ms == pytest.approx(known.baseline.latency_ms)
    assert known.to_dict()["predictor"]["mape_percent"] == 3.0


@pytest.mark.usefixtures("nothing_shipped")
def test_no_predictor() -> None:
    with pytest.raises(UsageError, match="No latency predictor for 'pixel4'"):
        known_latencies(
            "pixel4", "1large-int8", load_space("demo"), input_shape=(64, 96), head_channels=_HEADS
        )


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, edgenas.profiling.known\n"
        "print([m for m in ('scipy', 'sklearn', 'tensorflow', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
