"""Joint fit of phone configurations."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.graph.opgraph import Operator, OpGraph
from edgenas.latency_models import LatencyPredictor
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.mobile_fit import cores_of, fit_mobile
from edgenas.latency_models.predictor_file import read_predictor
from edgenas.latency_models.ruy_features import PRIOR_RATIOS, quantities
from edgenas.latency_models.tables import operators as ops
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.read import read_columns

MS_PER_MAC = 2e-8
SPEEDS = {"p|1large|float": 1.0, "p|2large|float": 0.6, "q|1small|float": 3.0, "q|2small1large|float": 1.7}


def network(rng: np.random.Generator) -> OpGraph:
    side, channels = 32, 8
    chosen = [ops.conv((2 * side, 2 * side, 3), (side, side, channels), 3, 2, "float32").plain]
    for _ in range(int(rng.integers(3, 9))):
        x = (side, side, channels)
        kind, wider = int(rng.integers(5)), int(rng.integers(1, 13)) * 8
        if kind == 0:
            chosen.append(ops.depthwise(x, x, 3, 1, "float32").plain)
        elif kind == 1:
            chosen.append(ops.add(x, "float32").plain)
        elif kind == 2 and side > 4:
            side //= 2
            chosen.append(ops.pool("MAX_POOL_2D", x, (side, side, channels), 2, 2, "float32").plain)
        else:
            chosen.append(ops.conv(x, (side, side, wider), 1 + 2 * (kind == 3), 1, "float32").plain)
            channels = wider
    tensors = {0: chosen[0].inputs[0]} | {i + 1: o.outputs[0] for i, o in enumerate(chosen)}
    wiring = tuple(((i,) * len(o.inputs), (i + 1,)) for i, o in enumerate(chosen))
    return OpGraph(tuple(chosen), wiring, tensors, (0,), (len(chosen),), ("logits",))


def true_ms(operator: Operator) -> float:
    """Prices near, but not at, those that a fit starts from."""
    ratios = PRIOR_RATIOS["float32"]
    skew = {"im2col": 1.4, "depthwise_macs": 0.7, "added": 1.5}
    return sum(
        MS_PER_MAC * ratios[name] * skew.get(name, 1.0) * v for name, v in quantities(operator).items()
    )


@pytest.fixture(scope="module")
def columns() -> list[MeasuredColumn]:
    rng = np.random.default_rng(0)
    graphs = tuple(network(rng) for _ in range(60))
    base = np.array([sum(map(true_ms, graph.operators)) for graph in graphs])
    return [
        MeasuredColumn(
            name=name,
            names=tuple(f"net{i}" for i in range(60)),
            families=tuple(f"family{i % 10}" for i in range(60)),
            graphs=graphs,
            latency_ms=base * speed,
            spread_ms=base * speed * 0.01,
            rows=tuple(range(2, 62)),
            origin=Origin("made up", "none"),
        )
        for name, speed in SPEEDS.items()
    ]


def fit_all(columns: Sequence[MeasuredColumn]) -> dict[str, Fit]:
    return fit_mobile(columns, {c.name: ("phone", c.name.replace("|", "-")) for c in columns})


def test_an_additive_device_is_recovered(columns: list[MeasuredColumn]) -> None:
    fits = fit_all(columns)
    assert list(fits) == list(SPEEDS)
    for name, fit in fits.items():
        assert fit.card["mape_percent"] < 1.0 and fit.card["within_10_percent"] == 100.0
        assert fit.card["noise_percent"] == pytest.approx(1.0)
        price = fit.predictor.coefficients["operators"]["macs"]
        assert price == pytest.approx(MS_PER_MAC * SPEEDS[name], rel=0.2)
        assert len(fit.points) == 60
        assert all(p.low_ms <= p.predicted_ms <= p.high_ms for p in fit.points)


def test_the_predictor_and_its_card(columns: list[MeasuredColumn], tmp_path: Path) -> None:
    fits = fit_mobile(columns, {"p|2large|float": ("phone", "2large-float32")}, facts={"commit": "abc"})
    (fit,) = fits.values()
    predictor = fit.predictor
    assert (predictor.name, predictor.dtype, predictor.features.name) == (
        "phone/2large-float32",
        "float32",
        "ruy",
    )
    graph, measured = columns[1].graphs[0], columns[1].latency_ms[0]
    estimate = predictor.predict(graph)
    assert estimate.in_domain and estimate.latency_ms == pytest.approx(measured, rel=0.03)
    assert fit.card["commit"] == "abc" and fit.card["column"] == "p|2large|float"
    assert fit.card["sources"][0]["source"] == "made up" and fit.card["rows"] == 60
    assert set(fit.card["by_family_mape_percent"]) == {f"family{i}" for i in range(10)}
    predictor.save(tmp_path, fit.card)
    loaded: LatencyPredictor = read_predictor(tmp_path)
    assert loaded.predict(graph).latency_ms == pytest.approx(estimate.latency_ms)


def test_errors_are_of_families_left_out(columns: list[MeasuredColumn]) -> None:
    odd = np.array([family == "family3" for family in columns[0].families])
    changed = [replace(c, latency_ms=c.latency_ms * np.where(odd, 1.5, 1.0)) for c in columns]
    fit = fit_all(changed)["p|1large|float"]
    assert fit.card["by_family_mape_percent"]["family3"] == pytest.approx(33.0, abs=1.5)
    assert fit.card["by_family_mape_percent"]["family4"] < 3.0
    # The interval of the odd family does not know of its own errors.
    point = next(p for p in fit.points if p.name == "net3")
    assert point.high_ms < point.measured_ms


def test_missing_cells(columns: list[MeasuredColumn]) -> None:
    full = fit_all(columns)
    # The slowest networks of one configuration and half of another were not measured.
    quick = np.argsort(columns[0].latency_ms)[:40]
    holes = np.where(np.arange(60) % 2, np.nan, columns[3].latency_ms)
    ragged = [columns[0].take(np.sort(quick)), columns[1], columns[2], replace(columns[3], latency_ms=holes)]
    fits = fit_all(ragged)
    assert [f.card["rows"] for f in fits.values()] == [40, 60, 60, 30]
    for name, fit in fits.items():
        assert fit.card["mape_percent"] < 1.5
        graph = columns[0].graphs[int(np.argmax(columns[0].latency_ms))]
        assert fit.predictor.sum_ms(graph) == pytest.approx(full[name].predictor.sum_ms(graph), rel=0.02)
    assert any("would not compile or run" in note for note in fits["q|2small1large|float"].card["notes"])


def test_too_few_networks(columns: list[MeasuredColumn]) -> None:
    few = [*columns[:3], columns[3].take(np.arange(4))]
    with pytest.raises(EdgenasError, match=r"Too few measurements .* q\|2small1large\|float"):
        fit_all(few)
    assert len(fit_mobile(few, {c.name: ("p", "c") for c in columns[:3]})) == 3
    with pytest.raises(EdgenasError, match=r"missing\|1large\|float"):
        fit_mobile(columns, {"missing|1large|float": ("p", "c")})


def test_cores() -> None:
    assert cores_of("s10|1large2med|float") == 3 and cores_of("mi8se|6small|quant") == 6
    for name in ("rice_edgetpu", "p|large|float"):
        with pytest.raises(UsageError, match="how many cores"):
            cores_of(name)


def medians(fits: dict[str, Fit], kind: str, key: str) -> float:
    return float(np.median([fit.card[key] for name, fit in fits.items() if name.endswith(kind)]))


@pytest.mark.shared_data
def test_the_phones(shared_data: Path) -> None:
    folder = shared_data / "latency"
    fits = fit_all(
        read_columns(
            "mobile-ml-benchmark", [folder / "mobile_cnn_e2e.csv"], operators=folder / "mobile_cnn_ops.csv"
        )
    )
    assert len(fits) == 84
    assert medians(fits, "", "mape_percent") <= 4.6 and medians(fits, "", "within_10_percent") >= 90
    assert medians(fits, "float", "mape_percent") <= 4.2 and medians(fits, "quant", "mape_percent") <= 4.2
    assert 87 <= medians(fits, "", "coverage_percent") <= 93


@pytest.mark.shared_data
def test_the_phones_without_names_of_kernels(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "latency"
    with (folder / "mobile_cnn_ops.csv").open(newline="") as file:
        rows = [row[:3] for row in csv.reader(file)]
    with (tmp_path / "ops.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    columns = read_columns(
        "mobile-ml-benchmark", [folder / "mobile_cnn_e2e.csv"], operators=tmp_path / "ops.csv"
    )
    assert "by the blocks that the shapes show (74 networks)" in columns[0].notes[0]
    fits = fit_all(columns)
    assert medians(fits, "quant", "mape_percent") <= 5.2 and medians(fits, "float", "mape_percent") <= 4.2
