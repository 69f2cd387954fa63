"""The joint fit of the Edge TPU model to all public measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.latency_models.edgetpu_fit import CONFIGURATIONS, EdgeTpuFit, fit_edgetpu, to_predictors
from edgenas.latency_models.edgetpu_graph import price_graph
from edgenas.latency_models.edgetpu_parameters import NAMES, PRIOR, SPREAD, parameters_of, prices_of
from edgenas.latency_models.edgetpu_rows import Batch, EdgeTpuRow, fit_parameters, read_edgetpu_rows
from edgenas.latency_models.evaluation import spearman
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.tables.edgetpu_networks import edgetpu_network


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[EdgeTpuRow]:
    return read_edgetpu_rows(shared_data / "latency", 20, 0)[0]


@pytest.fixture(scope="module")
def fitted(shared_data: Path) -> EdgeTpuFit:
    return fit_edgetpu(shared_data / "latency")


def test_parameters() -> None:
    assert len(NAMES) == len(PRIOR) == len(SPREAD) == len(set(NAMES))
    parameters = parameters_of(PRIOR)
    assert parameters["x86_64.cpu"] == parameters["rice.clock"] == 1.0
    assert parameters["x86_64.call_ms"] < parameters["mixed.call_ms"] < parameters["usb3.call_ms"]
    assert prices_of(parameters, "sweeps", clock=1.0)["chip"]["convolution_steps"] == pytest.approx(2e-6)


@pytest.mark.shared_data
def test_batches_agree_with_the_pricing_of_graphs(rows: list[EdgeTpuRow]) -> None:
    parameters = parameters_of(PRIOR)
    chosen = [row for row in rows if row.published]
    assert len(chosen) == 37
    for row, predicted in zip(chosen, Batch(chosen).predict(parameters).tolist(), strict=True):
        prices = prices_of(parameters, row.host, largest_cpu=float("inf"))
        times, call_ms = price_graph(row.graph, prices)
        assert predicted == pytest.approx(sum(times) + call_ms, rel=1e-12), row.name


@pytest.mark.shared_data
def test_rows(rows: list[EdgeTpuRow]) -> None:
    assert {row.host for row in rows} >= {"usb3", "usb2", "sweeps", "x86_64", "sparta", "rice", "eagle"}
    cells = {host: {row.name for row in rows if row.host == host} for host in ("rice", "eagle")}
    assert cells["rice"] == cells["eagle"] and len(cells["rice"]) == 20
    old = next(row for row in rows if row.column == "edgetpu_usb3" and row.name.endswith("x200"))
    assert old.parts.on_chip_bytes < 5.1 * 2**20 and old.parts.off_chip_bytes > 4 * 2**20


@pytest.mark.shared_data
def test_parameters_are_found_again(rows: list[EdgeTpuRow]) -> None:
    truth = PRIOR + 0.3 * SPREAD * np.random.default_rng(0).standard_normal(len(PRIOR))
    batch = Batch(rows)
    made = [
        EdgeTpuRow(r.name, r.family, r.column, r.host, float(ms), 1.0, r.graph, r.parts, r.origin)
        for r, ms in zip(rows, batch.predict(parameters_of(truth)), strict=True)
    ]
    found, logarithms = fit_parameters(made)
    assert np.abs(np.log(Batch(made).predict(found) / batch.predict(parameters_of(truth)))).max() < 0.05
    assert abs(logarithms[0] - truth[0]) < 0.05


@pytest.mark.shared_data
def test_held_out_networks(fitted: EdgeTpuFit) -> None:
    points = fitted.points["usb3"]
    assert len(points) == len(fitted.residuals["usb3"]) == 22
    measured, predicted = (np.array([getattr(p, n) for p in points]) for n in ("measured_ms", "predicted_ms"))
    assert np.mean(np.abs(predicted / measured - 1)) <= 0.20
    rank = spearman(measured, predicted)
    assert rank is not None and rank >= 0.97
    assert 0.86 <= np.mean([p.low_ms <= p.measured_ms <= p.high_ms for p in points]) <= 0.96
    for lab in ("lab-hwnasbench", "lab-eagle"):
        errors = np.abs(np.expm1(-np.array(fitted.residuals[lab])))
        assert len(errors) == 1103 and errors.mean() < 0.08


@pytest.mark.shared_data
def test_predictors_and_cards(fitted: EdgeTpuFit, tmp_path: Path) -> None:
    found = to_predictors(fitted, {"date": "2025-01-01"})
    assert set(found) == set(CONFIGURATIONS)
    graph = edgetpu_network("mobilenet_v2")
    for name, (predictor, card) in found.items():
        predictor.save(tmp_path / name, card)
        estimate = LatencyPredictor.load(tmp_path / name).predict(graph)
        assert estimate.predictor == f"edgetpu/{name}"
        assert card["rows"] == len(fitted.points[name]) and card["date"] == "2025-01-01"
        assert {"mape_percent", "rmspe_percent", "within_10_percent", "spearman", "coverage_percent"} <= set(
            card
        )
        assert all(source["licence"] for source in card["sources"])
    width = {name: predictor.bands["int8"].width(0.9) for name, (predictor, _) in found.items()}
    assert width["lab-eagle"] < width["usb3"] < width["usb2"] and width["devboard"] < width["pcie"]
    estimate = found["usb3"][0].predict(graph)
    assert estimate.in_domain and 2.0 < estimate.latency_ms < 3.0


@pytest.mark.shared_data
def test_the_fit_is_deterministic(rows: list[EdgeTpuRow]) -> None:
    first, second = (fit_parameters(rows)[1] for _ in range(2))
    assert np.array_equal(first, second)
