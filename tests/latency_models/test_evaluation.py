"""Accuracy figures against hand-made cases and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from edgenas.latency_models.evaluation import accuracy, spearman


def test_figures_of_a_small_case() -> None:
    measured = np.array([1.0, 2.0, 4.0, 10.0])
    predicted = np.array([1.04, 1.8, 4.0, 13.0])
    result = accuracy(measured, predicted, predicted * 0.9, predicted * 1.2)
    assert result["mape_percent"] == pytest.approx((4 + 10 + 0 + 30) / 4)
    assert result["rmspe_percent"] == pytest.approx(np.sqrt((16 + 100 + 900) / 4))
    assert result["within_5_percent"] == 50
    assert result["within_10_percent"] == 75
    assert result["worst_percent"] == pytest.approx(30)
    assert result["bias_percent"] == pytest.approx(6)
    assert result["spearman"] == pytest.approx(1)
    assert result["coverage_percent"] == 75


def test_spearman_matches_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, 30).astype(float), rng.integers(0, 6, 30).astype(float)
        assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_spearman_is_none_where_undefined() -> None:
    assert spearman(np.array([1.0, 2.0]), np.array([1.0, 2.0])) is None
    assert spearman(np.ones(5), np.arange(5.0)) is None
