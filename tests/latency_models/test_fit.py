"""Fitting on a simulated device whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgenas.errors import EdgenasError
from edgenas.graph import graph_of
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.fit import Fit, fit
from edgenas.space import Architecture

Sample = Callable[[int, int], list[Architecture]]


def true_ms(rows: list[Row], index: int) -> float:
    return sum(ms for ms in rows[index].operator_ms or () if ms is not None) + 0.02


def test_predicts_unseen_networks(
    fitted: Fit, sample_architectures: Sample, simulated_rows: list[Row]
) -> None:
    known = {
        o: ms
        for row in simulated_rows
        for o, ms in zip(row.graph.operators, row.operator_ms or (), strict=True)
    }
    checked = 0
    for architecture in sample_architectures(60, 99):
        graph = graph_of(architecture)
        if not all(o in known for o in graph.operators):
            continue
        checked += 1
        truth = sum(known[o] or 0.0 for o in graph.operators) + 0.02
        assert fitted.predictor.predict(graph).latency_ms == pytest.approx(truth, rel=0.05)
    assert checked


def test_card_reports_the_held_out_error(fitted: Fit) -> None:
    card = fitted.card
    assert card["rows"] == 40
    assert card["mape_percent"] < 3
    assert card["spearman"] > 0.98
    assert 80 <= card["coverage_percent"] <= 100
    assert card["by_element_type"]["float32"]["rows"] == 10
    assert len(fitted.points) == 50
    assert all(p.low_ms < p.predicted_ms < p.high_ms for p in fitted.points)


def test_coefficients_are_not_negative_and_cover_a_prior(fitted: Fit) -> None:
    coefficients = fitted.predictor.coefficients
    assert all(value >= 0 for values in coefficients.values() for value in values.values())
    assert {"prior/int8", "prior/float32"} <= set(coefficients)


def test_same_rows_same_fit(fitted: Fit, simulated_rows: list[Row]) -> None:
    again = fit(simulated_rows, device="simulated", configuration="int8-1t", dtype="int8")
    assert again == fitted


def test_works_without_operator_times(simulated_rows: list[Row]) -> None:
    rows = [replace(row, operator_ms=None) for row in simulated_rows if row.dtype == "int8"]
    assert fit(rows, device="d", configuration="c", dtype="int8").card["mape_percent"] < 6


def test_disturbed_rows_are_left_out_and_counted(simulated_rows: list[Row], fitted: Fit) -> None:
    spoiled = [
        replace(row, measured_ms=row.measured_ms * 1.6, disagreement=0.4) if i < 5 else row
        for i, row in enumerate(simulated_rows)
    ]
    result = fit(spoiled, device="simulated", configuration="int8-1t", dtype="int8")
    assert result.card["networks_unstable"] == 5
    assert result.card["mape_percent"] < 3


def test_a_disturbance_that_no_process_escaped_bends_little(simulated_rows: list[Row]) -> None:
    clean = [row for row in simulated_rows if row.dtype == "int8"]
    spoiled = [
        replace(row, measured_ms=row.measured_ms * 1.5) if i in (3, 7) else row for i, row in enumerate(clean)
    ]
    predictor = fit(spoiled, device="d", configuration="c", dtype="int8").predictor
    errors = [predictor.predict(row.graph).latency_ms / true_ms(clean, i) - 1 for i, row in enumerate(clean)]
    assert np.median(np.abs(errors)) < 0.03


def test_too_few_rows_say_what_to_do(simulated_rows: list[Row]) -> None:
    with pytest.raises(EdgenasError, match=r"5 of 5 networks are usable.*run the same command again"):
        fit([r for r in simulated_rows if r.dtype == "int8"][:5], device="d", configuration="c", dtype="int8")
