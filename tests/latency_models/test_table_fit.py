"""Fitting columns of tables: a made-up device that is exactly additive, and one whose cells interact."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.latency_models.descriptors import describe
from edgenas.latency_models.fit import Fit, accuracy_of
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.table_fit import bands_of, fit_groups, merge_columns, points_of
from edgenas.latency_models.tables.column import MeasuredColumn

Column = Callable[..., MeasuredColumn]


def test_held_out_error_is_that_of_the_noise(table_fit: Fit) -> None:
    card = table_fit.card
    assert card["rows"] == 330
    assert card["mape_percent"] < 1.2  # 1% noise is a MAPE of 0.8%.
    assert card["within_5_percent"] == 100 and card["spearman"] > 0.999
    assert 86 <= card["coverage_percent"] <= 94
    assert abs(card["bias_percent"]) < 0.3


def test_predicts_networks_that_it_was_not_fitted_on(table_fit: Fit, cell_column: Column) -> None:
    unseen = cell_column(400, 99)
    fresh = [i for i, name in enumerate(unseen.names) if name not in {p.name for p in table_fit.points}]
    estimates = table_fit.predictor.predict_many([unseen.graphs[i] for i in fresh])
    measured = unseen.latency_ms[fresh]
    errors = np.array([e.latency_ms for e in estimates]) / measured - 1
    assert len(fresh) > 300 and np.mean(np.abs(errors)) < 0.012
    inside = [e.interval_ms[0] <= m <= e.interval_ms[1] for e, m in zip(estimates, measured, strict=True)]
    assert 0.86 <= np.mean(inside) <= 0.94
    assert all(e.in_domain for e in estimates)


def test_card_is_complete(table_fit: Fit) -> None:
    card = json.loads(json.dumps(table_fit.card, allow_nan=False))
    assert {
        "device", "configuration", "dtype", "rows", "mape_percent", "rmspe_percent", "within_5_percent",
        "within_10_percent", "worst_percent", "bias_percent", "spearman", "coverage_percent", "confidence", "split",
        "seed", "by_kind", "sources", "notes", "date",
    } == card.keys()  # fmt: skip
    assert (card["device"], card["configuration"], card["dtype"]) == ("made-up", "float32", "float32")
    assert "held out" in card["split"] and card["date"] == "2026-01-02"
    assert card["by_kind"]["nasbench201"]["mape_percent"] == card["mape_percent"]
    assert card["sources"] == [
        {
            "kind": "nasbench201", "column": "device_a", "rows": 330, "source": "made up", "licence": "CC0-1.0",
            "commit": "abc123",
        }
    ]  # fmt: skip
    assert accuracy_of(table_fit.points)["mape_percent"] == card["mape_percent"]


def test_predictor_folder(table_fit: Fit, cell_column: Column, tmp_path: Path) -> None:
    table_fit.predictor.save(tmp_path, table_fit.card)
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "card.json",
        "correction-nasbench201.npz",
        "predictor.json",
    ]
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 300_000
    read = LatencyPredictor.load(tmp_path)
    graphs = cell_column(50, 7).graphs
    for a, b in zip(read.predict_many(graphs), table_fit.predictor.predict_many(graphs), strict=True):
        assert a.latency_ms == pytest.approx(b.latency_ms, rel=1e-4)
        assert a.interval_ms == pytest.approx(b.interval_ms, rel=1e-4)
        assert (a.operators[3][1], a.in_domain) == (b.operators[3][1], b.in_domain)


def test_operators_and_the_call_are_the_latency_with_its_correction(
    table_fit: Fit, cell_column: Column
) -> None:
    predictor = table_fit.predictor
    graph = cell_column(1, 5).graphs[0]
    estimate = predictor.predict(graph)
    (correction,) = predictor.corrections
    factor = float(np.exp(correction.log_factors([describe(graph)])[0]))
    assert estimate.latency_ms == pytest.approx(factor * predictor.sum_ms(graph))
    assert sum(ms for _, _, ms, _ in estimate.operators) <= estimate.latency_ms


def interacting(column: MeasuredColumn) -> MeasuredColumn:
    """What waits for its readers falls out of the cache: up to a third more, and no sum over operators can say so."""
    waits = np.array([describe(graph)["waits"] for graph in column.graphs])
    return replace(column, latency_ms=column.latency_ms * (1 + 0.3 * np.tanh(waits / 150) ** 2))


def test_correction_learns_what_the_sum_misses(cell_column: Column) -> None:
    group = merge_columns("nasbench201", [interacting(cell_column(320, 3))], "device_a")
    corrected = fit_groups([group], device="d", configuration="c", dtype="float32")
    few = merge_columns("nasbench201", [interacting(cell_column(290, 3))], "device_a")
    summed = fit_groups([few], device="d", configuration="c", dtype="float32")
    assert len(corrected.predictor.corrections) == 1 and summed.predictor.corrections == ()
    assert corrected.card["mape_percent"] < 0.4 * summed.card["mape_percent"]
    for fit in (corrected, summed):
        assert 86 <= fit.card["coverage_percent"] <= 95


def test_two_kinds_count_alike_and_are_reported_apart(cell_column: Column) -> None:
    many = merge_columns("nasbench201", [cell_column(120, 0)], "many")
    few = merge_columns("others", [cell_column(20, 50)], "few")
    fit = fit_groups([many, few], device="d", configuration="c", dtype="float32")
    assert fit.card["rows"] == 140 and len(fit.points) == 140
    assert {k: v["rows"] for k, v in fit.card["by_kind"].items()} == {"nasbench201": 120, "others": 20}
    assert [s["column"] for s in fit.card["sources"]] == ["many", "few"]


def test_same_rows_same_fit(cell_column: Column) -> None:
    group = merge_columns("nasbench201", [cell_column(60, 0)], "device_a")
    fits = [fit_groups([group], device="d", configuration="c", dtype="float32", seed=s) for s in (1, 1, 2)]
    assert fits[0] == fits[1]
    assert fits[0].card["mape_percent"] != fits[2].card["mape_percent"]
    assert (
        fits[0].predictor.coefficients == fits[2].predictor.coefficients
    )  # The seed is about the parts only.


def test_a_network_that_several_columns_hold_counts_once(cell_column: Column) -> None:
    first, second = cell_column(30, 0), cell_column(50, 0, "device_b", speed=2.0)
    group = merge_columns("nasbench201", [first, second], "both")
    assert len(group.column) == 50 and group.column.name == "both"
    assert group.column.names == second.names
    assert group.column.latency_ms[:30].tolist() == first.latency_ms.tolist()
    assert group.column.latency_ms[30:].tolist() == second.latency_ms[30:].tolist()
    assert group.column.origin == first.origin


def test_notes_of_what_was_left_out(cell_column: Column) -> None:
    column = cell_column(30, 0)
    failed = replace(
        column,
        latency_ms=np.where(np.arange(30) < 4, np.nan, column.latency_ms),
        notes=("Measured on a Sunday.",),
    )
    group = merge_columns("nasbench201", [failed, failed], "device_a")
    assert len(group.column) == 26
    assert group.notes == ("Measured on a Sunday.", "4 networks would not compile or run there: left out.")


def test_columns_of_another_unit_are_not_merged(cell_column: Column) -> None:
    column = cell_column(30, 0, "device_b")
    with pytest.raises(UsageError, match="Column 'device_b' does not hold milliseconds"):
        merge_columns("k", [cell_column(30, 0), replace(column, latency_ms=1e3 * column.latency_ms)], "both")


def test_a_column_without_rows(cell_column: Column) -> None:
    column = cell_column(5, 0)
    empty = merge_columns("k", [replace(column, latency_ms=np.full(5, np.nan))], "device_a")
    assert len(empty.column) == 0
    with pytest.raises(EdgenasError, match=r"Too few usable rows for mine/here: 0.*edgenas latency adapt"):
        fit_groups([empty], device="mine", configuration="here", dtype="float32")


def test_an_empty_group_beside_a_full_one(cell_column: Column) -> None:
    column = cell_column(40, 0)
    empty = merge_columns("empty", [replace(column, latency_ms=np.full(40, np.nan))], "none")
    full = merge_columns("full", [column], "all")
    fit = fit_groups([empty, full], device="d", configuration="c", dtype="float32")
    assert fit.card["rows"] == 40 and list(fit.card["by_kind"]) == ["full"]


@pytest.mark.parametrize("count", [1, 9, 10])
def test_very_few_rows(cell_column: Column, count: int) -> None:
    group = merge_columns("k", [cell_column(count, 0)], "device_a")
    if count < 10:
        with pytest.raises(EdgenasError, match=f"Too few usable rows for d/c: {count}. Expected at least 10"):
            fit_groups([group], device="d", configuration="c", dtype="float32")
        return
    fit = fit_groups([group], device="d", configuration="c", dtype="float32")
    assert fit.card["rows"] == count and fit.card["mape_percent"] < 20
    assert all(np.isfinite([p.low_ms, p.predicted_ms, p.high_ms]).all() for p in fit.points)


def test_points_without_bands_share_the_errors_of_their_group(cell_column: Column) -> None:
    group = merge_columns("k", [cell_column(200, 0)], "device_a")
    predicted = group.column.latency_ms * np.exp(np.random.default_rng(0).normal(0, 0.05, 200))
    points = points_of([group], predicted, "uint8", 0.9)
    assert {p.dtype for p in points} == {"int8"}
    assert len({round(p.high_ms / p.predicted_ms, 9) for p in points}) == 1
    assert 86 <= accuracy_of(points)["coverage_percent"] <= 94


def test_bands_of_groups(table_fit: Fit, cell_column: Column) -> None:
    known = merge_columns("nasbench201", [cell_column(10, 1)], "a")
    bands = bands_of(known, table_fit.predictor.corrections)
    assert bands is not None and len(bands) == 10
    assert bands_of(replace(known, kind="others"), table_fit.predictor.corrections) is None
