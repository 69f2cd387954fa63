"""`ErrorBand`: conformal ranks, extrapolation, quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.latency_models.error_band import LEVELS, ErrorBand

residual_lists = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=60)


@given(residual_lists, st.floats(0.0, 0.2))
def test_widths_ascend_and_stay_finite(residuals: list[float], repeatability: float) -> None:
    band = ErrorBand.from_residuals(residuals, repeatability)
    assert all(math.isfinite(w) for w in band.log_widths)
    assert list(band.log_widths) == sorted(band.log_widths)


def test_width_is_the_conformal_rank() -> None:
    residuals = [i / 100 for i in range(1, 20)]  # 19 residuals: ceil(20 * 0.9) = 18th
    assert ErrorBand.from_residuals(residuals).width(0.9) == pytest.approx(0.18)


def test_level_beyond_the_residuals_goes_on_from_the_largest() -> None:
    band = ErrorBand.from_residuals([0.01, -0.03, 0.02])
    assert band.width(0.9) > 0.03
    assert band.width(0.99) > band.width(0.9)


def test_repeatability_adds_in_quadrature() -> None:
    band = ErrorBand.from_residuals([0.03] * 50, repeatability=0.04)
    assert band.width(0.9) == pytest.approx(0.05)


def test_covers_fresh_residuals_of_the_same_kind() -> None:
    rng = np.random.default_rng(0)
    covered = [
        abs(rng.normal()) <= ErrorBand.from_residuals(rng.normal(size=30).tolist()).width(0.9)
        for _ in range(2000)
    ]
    assert 0.88 <= np.mean(covered) <= 0.94


def test_upper_is_the_end_of_the_matching_interval() -> None:
    band = ErrorBand.from_residuals([i / 500 for i in range(50)])
    assert band.upper(2.0, 0.05) == pytest.approx(band.interval(2.0, 0.9)[1])
    assert band.upper(2.0, 0.5) == pytest.approx(2.0)
    assert band.upper(2.0, 0.95) == pytest.approx(band.interval(2.0, 0.9)[0])
    risks = np.linspace(0.001, 0.999, 50)
    assert np.all(np.diff([band.upper(2.0, float(r)) for r in risks]) <= 0)


def test_widened_keeps_to_factor_and_least() -> None:
    band = ErrorBand.from_residuals([0.01 * i for i in range(1, 40)])
    assert band.widened(3.0, 0.0).width(0.9) == pytest.approx(3 * band.width(0.9))
    assert band.widened(1.0, 5.0).width(0.9) == pytest.approx(5.0)
    assert ErrorBand((0.0,) * len(LEVELS)).widened(3.0, 0.5).width(0.9) == pytest.approx(0.5)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one held-out residual"):
        ErrorBand.from_residuals([])
    with pytest.raises(ValueError, match="finite widths"):
        ErrorBand((math.nan,) * len(LEVELS))
    with pytest.raises(ValueError, match="ascend"):
        ErrorBand((1.0, *(0.0,) * (len(LEVELS) - 1)))
    with pytest.raises(ValueError, match="`risk`"):
        ErrorBand.from_residuals([0.1]).upper(1.0, 0.0)
