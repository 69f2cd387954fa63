"""Ranges of activations that cost least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.export.engines.ranges import least_error_range


def _error(values: np.ndarray, low: float, high: float) -> float:
    """Mean squared error of rounding to 256 numbers between `low` and `high`."""
    step = (high - low) / 255
    rounded = np.clip(np.rint((values - low) / step), 0, 255) * step + low
    return float(np.square(rounded - values).mean())


@pytest.mark.parametrize("df", [2.5, 4.0])
def test_far_values_are_clipped_where_that_gains(df: float) -> None:
    values = np.random.default_rng(0).standard_t(df, 200_000)
    low, high = least_error_range(*np.histogram(values, 2048))
    assert values.min() < low < 0 < high < values.max()
    assert _error(values, low, high) < 0.8 * _error(values, values.min(), values.max())


def test_nothing_is_clipped_from_a_uniform_distribution() -> None:
    values = np.random.default_rng(0).uniform(-3.0, 5.0, 100_000)
    low, high = least_error_range(*np.histogram(values, 2048))
    assert (low, high) == pytest.approx((values.min(), values.max()))


def test_a_rectified_output_keeps_its_zero() -> None:
    values = np.minimum(np.maximum(np.random.default_rng(0).normal(0.0, 1.0, 100_000), 0.0), 6.0)
    low, high = least_error_range(*np.histogram(values, 2048))
    assert low == 0.0
    assert 2.0 < high <= values.max()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(1e-3, 1e3))
def test_never_worse_than_the_extremes(seed: int, centre: float, scale: float) -> None:
    values = scale * np.random.default_rng(seed).normal(centre, 1.0, 20_000)
    low, high = least_error_range(*np.histogram(values, 2048))
    assert low <= 0.0 <= high
    whole = _error(values, min(0.0, values.min()), max(0.0, values.max()))
    assert _error(values, low, high) <= 1.02 * whole
