"""Prices of quantities: from exactly additive devices, bounded by the prior, robust."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.graph import Operator, OpGraph, Tensor
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.prices import as_coefficients, quantity_matrix, scaled_prior, solve_prices

T = Tensor((1, 4, 4, 8), "float32")
CONV = Operator("CONV_2D", (T,), (T,), (1, 1), (1, 1), macs=16 * 64)
ADD = Operator("ADD", (T, T), (T,))


def chain(*operators: Operator, dtype: str = "float32") -> OpGraph:
    """Operators one after the other; sums read their source twice."""
    wiring = tuple(((i,) * len(o.inputs), (i + 1,)) for i, o in enumerate(operators))
    image = Tensor(T.shape, dtype)
    return OpGraph(
        operators, wiring, dict.fromkeys(range(len(operators) + 1), image), (0,), (len(operators),)
    )


def test_quantities_of_networks_are_sums() -> None:
    found = quantity_matrix([chain(CONV, ADD, CONV), chain(ADD), chain()], FEATURE_SETS["ruy"])
    assert found.values.shape == (3, len(found.columns))
    table = {column: found.values[:, i].tolist() for i, column in enumerate(found.columns)}
    assert table["operators", "macs"] == [2 * 16 * 8 * 8, 0, 0]
    assert table["operators", "operators"] == [2, 0, 0]
    assert table["operators", "added"] == [128, 128, 0]
    assert table["operators", "other_operators"] == [1, 1, 0]
    assert table["call/float32", "call"] == [1, 1, 1]


def test_element_types_have_calls_of_their_own() -> None:
    found = quantity_matrix([chain(ADD), chain(ADD, dtype="int8")], FEATURE_SETS["ruy"])
    at = {column: i for i, column in enumerate(found.columns)}
    assert found.values[:, at["call/float32", "call"]].tolist() == [1, 0]
    assert found.values[:, at["call/int8", "call"]].tolist() == [0, 1]


def test_only_the_columns_asked_for() -> None:
    columns = (("operators", "added"), ("operators", "never heard of"))
    found = quantity_matrix([chain(CONV, ADD)], FEATURE_SETS["ruy"], columns)
    assert found.columns == columns and found.values.tolist() == [[128, 0]]
    assert quantity_matrix([], FEATURE_SETS["ruy"]).values.shape == (0, 0)


@pytest.mark.parametrize("name", sorted(FEATURE_SETS))
def test_equal_operators_count_the_same_whether_shared_or_not(name: str) -> None:
    twin = Operator("CONV_2D", (T,), (T,), (1, 1), (1, 1), macs=16 * 64)
    assert twin is not CONV
    found = quantity_matrix([chain(CONV, CONV), chain(CONV, twin)], FEATURE_SETS[name])
    assert found.values[0].tolist() == found.values[1].tolist()


def device(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantities of very different size, true prices and a prior that is off by up to two either way."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 1, (rows, columns)) * 10 ** rng.uniform(0, 8, columns)
    prices = rng.uniform(0.5, 2, columns) / values.mean(axis=0)
    return values, prices, prices * np.exp(rng.uniform(-0.69, 0.69, columns))


def test_recovers_an_additive_device_exactly() -> None:
    values, prices, prior = device(60, 7, 0)
    found = solve_prices(values, values @ prices, prior, ridge=1e-12)
    assert found == pytest.approx(prices, rel=1e-5)


def test_default_ridge_predicts_an_additive_device() -> None:
    values, prices, prior = device(60, 7, 1)
    found = solve_prices(values, values @ prices, prior)
    assert values @ found == pytest.approx(values @ prices, rel=0.05)


def test_a_strong_ridge_keeps_the_prior() -> None:
    values, prices, prior = device(30, 5, 2)
    assert solve_prices(values, values @ prices, prior, ridge=1e9) == pytest.approx(prior, rel=1e-4)


def test_one_row_in_ten_far_too_slow_bends_little() -> None:
    values, prices, prior = device(100, 5, 3)
    latency = values @ prices
    spoiled = np.where(np.arange(100) % 10 == 0, 3 * latency, latency)
    found = solve_prices(values, spoiled, prior, ridge=1e-6)
    assert np.mean(np.abs(values @ found / latency - 1)) < 0.02


def test_weights_of_rows() -> None:
    values = np.array([[1.0], [1.0]])
    found = solve_prices(values, np.array([1.0, 1.04]), np.array([1.0]), np.array([100.0, 1e-3]), ridge=1e-9)
    assert found[0] == pytest.approx(1.0, abs=1e-4)


def test_a_quantity_that_no_network_has_keeps_its_prior() -> None:
    values, prices, prior = device(40, 4, 4)
    values[:, 2] = 0.0
    found = solve_prices(values, values @ prices, prior)
    assert found[2] == prior[2]


def test_no_price_falls_below_the_floor() -> None:
    # By the rows alone the second quantity would have to be paid for.
    values = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    found = solve_prices(values, np.array([3.0, 2.0, 1.0]), np.array([1.0, 1.0]), ridge=1e-6, floor=0.3)
    assert found[1] == pytest.approx(0.3) and found[0] > 0.3
    free = solve_prices(values, np.array([3.0, 2.0, 1.0]), np.array([1.0, 1.0]), ridge=1e-6, floor=0.0)
    assert free[1] == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.1, 0.3, 1.0]),
    st.sampled_from([1e-6, 1e-2, 3.0]),
)
def test_prices_are_finite_and_at_least_the_floor(
    rows: int, columns: int, seed: int, floor: float, ridge: float
) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((rows, columns)) < 0.5, 0.0, 10 ** rng.uniform(0, 9, (rows, columns)))
    latency = 10 ** rng.uniform(-2, 3, rows)
    prior = np.where(rng.random(columns) < 0.3, 0.0, 10 ** rng.uniform(-9, -3, columns))
    found = solve_prices(values, latency, prior, ridge=ridge, floor=floor)
    assert found.shape == (columns,)
    assert np.isfinite(found).all() and (found >= 0).all()
    assert (found >= floor * prior * (1 - 1e-9)).all()


def test_prior_is_brought_to_the_speed_of_the_device() -> None:
    columns = (("operators", "macs"), ("operators", "added"), ("call/int8", "call"))
    values = np.array([[100.0, 0.0, 1.0], [200.0, 10.0, 1.0], [300.0, 0.0, 1.0]])
    found = scaled_prior(columns, {"macs": 1.0, "added": 10.0}, values, np.array([1.0, 3.0, 3.0]))
    assert found == pytest.approx([0.01, 0.1, 0.0])
    assert scaled_prior(columns, {}, values, np.ones(3)).tolist() == [0, 0, 0]


def test_prices_as_a_predictor_holds_them() -> None:
    columns = (("a", "x"), ("b", "x"), ("a", "y"))
    assert as_coefficients(columns, np.array([1.0, 2.0, 3.0])) == {"a": {"x": 1.0, "y": 3.0}, "b": {"x": 2.0}}
