"""What `edgenas latency evaluate` says about one column."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.table_evaluation import evaluate_column
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.nasbench201 import fails_on_edgetpu, nasbench201_graph

Column = Callable[..., MeasuredColumn]
PROMISED = {
    "device", "configuration", "rows", "mape_percent", "rmspe_percent", "within_5_percent", "within_10_percent",
    "spearman", "coverage_percent",
}  # fmt: skip


def test_figures(table_fit: Fit, cell_column: Column) -> None:
    found = evaluate_column(cell_column(200, 42), table_fit.predictor)
    json.dumps(found, allow_nan=False)
    assert found.keys() >= PROMISED | {
        "kendall",
        "interval_width_percent",
        "in_domain_percent",
        "worst",
        "excluded",
        "notes",
    }
    assert (found["device"], found["configuration"], found["rows"]) == ("device_a", "made-up/float32", 200)
    assert found["mape_percent"] < 1.2 and found["within_10_percent"] == 100
    assert found["spearman"] > 0.999 and found["kendall"] > 0.97
    assert 84 <= found["coverage_percent"] <= 96 and found["in_domain_percent"] == 100
    assert 1 < found["interval_width_percent"] < 3
    assert found["excluded"] == {"failed": 0, "constant": 0} and "failing" not in found


def test_worst_networks_are_named_first(table_fit: Fit, cell_column: Column) -> None:
    column = cell_column(60, 42)
    latency = column.latency_ms.copy()
    latency[17] *= 2
    latency[30] *= 0.7
    found = evaluate_column(replace(column, latency_ms=latency), table_fit.predictor)
    assert [w["name"] for w in found["worst"][:2]] == [column.names[17], column.names[30]]
    assert found["worst"][0]["measured_ms"] == latency[17] and len(found["worst"]) == 5
    assert found["worst"][0]["error_percent"] == pytest.approx(-50, abs=2)
    assert found["worst"][1]["error_percent"] == pytest.approx(43, abs=5)


def test_families_where_they_are_few(table_fit: Fit, cell_column: Column) -> None:
    column = cell_column(60, 42)
    assert "by_family" not in evaluate_column(column, table_fit.predictor)
    families = tuple("even" if i % 2 == 0 else "odd" for i in range(60))
    found = evaluate_column(replace(column, families=families), table_fit.predictor)
    assert {k: v["rows"] for k, v in found["by_family"].items()} == {"even": 30, "odd": 30}
    mean = np.mean([v["mape_percent"] for v in found["by_family"].values()])
    assert mean == pytest.approx(found["mape_percent"])


def test_failures_are_counted(table_fit: Fit, cell_column: Column) -> None:
    column = cell_column(30, 42)
    failed = replace(column, latency_ms=np.where(np.arange(30) < 7, np.nan, column.latency_ms))
    found = evaluate_column(failed, table_fit.predictor)
    assert found["rows"] == 23 and found["excluded"] == {"failed": 7, "constant": 0}
    assert "7 networks would not compile or run there: left out." in found["notes"]
    none = evaluate_column(replace(column, latency_ms=np.full(30, np.nan)), table_fit.predictor)
    assert none["rows"] == 0 and none.keys() >= {"device", "configuration", "excluded"}
    json.dumps(none, allow_nan=False)


@pytest.mark.parametrize("count", [1, 2])
def test_one_row(table_fit: Fit, cell_column: Column, count: int) -> None:
    found = evaluate_column(cell_column(count, 42), table_fit.predictor)
    assert found["rows"] == count and found["spearman"] is None and found["kendall"] is None


def test_microseconds_are_refused(table_fit: Fit, cell_column: Column) -> None:
    column = cell_column(30, 42)
    with pytest.raises(UsageError, match=r"does not hold milliseconds.*what its predictor expects"):
        evaluate_column(replace(column, latency_ms=1e3 * column.latency_ms), table_fit.predictor)
    latency = column.latency_ms.copy()
    latency[9] *= 1e3
    with pytest.raises(UsageError, match=r"^Line 11, column 'device_a'"):
        evaluate_column(replace(column, latency_ms=latency), table_fit.predictor)


@pytest.fixture
def edgetpu(fitted: Fit) -> LatencyPredictor:
    prices = {
        "call/int8": {"call": 0.3},
        "chip": {"instructions": 1e-3, "convolution_steps": 1e-6},
        "stream": {},
    }
    return replace(fitted.predictor, features=FEATURE_SETS["edgetpu"], coefficients=prices)


def test_networks_told_to_fail(edgetpu: LatencyPredictor, random_cells: Callable[..., list[str]]) -> None:
    # As in the public table: the rules for cells and for graphs agree where node 2 is read by somebody.
    cells = [cell for cell in random_cells(500, 0) if "none~2" not in cell][:300]
    graphs = tuple(nasbench201_graph(cell, dtype="int8", dead="zeros") for cell in cells)
    fails = np.array([bool(fails_on_edgetpu(cell)) for cell in cells])
    latency = np.array([edgetpu.predict(graph).latency_ms for graph in graphs])
    column = MeasuredColumn(
        name="tpu", names=tuple(cells), families=tuple(cells), graphs=graphs,
        latency_ms=np.where(fails, np.nan, latency), spread_ms=np.full(300, np.nan), rows=tuple(range(2, 302)),
        origin=None,  # type: ignore[arg-type]
    )  # fmt: skip
    assert 20 < fails.sum() < 200
    perfect = evaluate_column(column, edgetpu)["failing"]
    assert perfect == {
        "rows": 300, "failed": fails.sum(), "told": fails.sum(), "precision": 1.0, "recall": 1.0, "f1": 1.0,
    }  # fmt: skip
    more = np.where(np.arange(300) == int(np.flatnonzero(~fails)[0]), np.nan, column.latency_ms)
    missed = evaluate_column(replace(column, latency_ms=more), edgetpu)["failing"]
    assert missed["precision"] == 1 and missed["recall"] == pytest.approx(fails.sum() / (fails.sum() + 1))
    fewer = np.where(np.arange(300) == int(np.flatnonzero(fails)[0]), 1.0, column.latency_ms)
    alarm = evaluate_column(replace(column, latency_ms=fewer), edgetpu)["failing"]
    assert alarm["recall"] == 1 and alarm["precision"] == pytest.approx((fails.sum() - 1) / fails.sum())
    assert "failing" not in evaluate_column(replace(column, latency_ms=latency), edgetpu)


def test_failures_of_a_cpu_are_not_told(table_fit: Fit, cell_column: Column) -> None:
    column = cell_column(30, 42)
    failed = replace(column, latency_ms=np.where(np.arange(30) < 7, np.nan, column.latency_ms))
    assert "failing" not in evaluate_column(failed, table_fit.predictor)
