"""Fitting corrections to synthetic networks whose true ratio is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgenas.latency_models.correction import Correction, read_correction, write_correction
from edgenas.latency_models.correction_fit import _negative_log_posterior, fit_correction, with_band

FloatArray = npt.NDArray[np.float64]
Networks = list[Mapping[str, float]]


def networks(count: int, seed: int) -> Networks:
    rng = np.random.default_rng(seed)
    return [
        {"op:CONV_2D": float(a), "op:ADD": float(b), "waits": float(c), "gate:input": 1.0}
        for a, b, c in rng.integers(0, 20, (count, 3))
    ]


def true_log_ratio(described: Networks) -> FloatArray:
    """Smooth, with a bend and an interaction."""
    a, b, c = (np.array([d[key] for d in described]) / 10 for key in ("op:CONV_2D", "op:ADD", "waits"))
    return np.asarray(0.1 * np.sin(2 * a) + 0.05 * b * c - 0.03 * c + 0.2, dtype=np.float64)


def spoiled(described: Networks, seed: int, outliers: float) -> FloatArray:
    """Ratios with 1% noise, a share of which is far too slow."""
    rng = np.random.default_rng(seed)
    noisy = true_log_ratio(described) + rng.normal(0, 0.01, len(described))
    return np.where(rng.random(len(described)) < outliers, noisy + rng.uniform(0.3, 1.0, len(noisy)), noisy)


TRAIN, TEST = networks(160, 0), networks(400, 1)


@pytest.fixture(scope="module")
def fitted() -> Correction:
    return fit_correction("synthetic", TRAIN, spoiled(TRAIN, 2, 0.0))


def rms(correction: Correction) -> float:
    return float(np.sqrt(np.mean((correction.log_factors(TEST) - true_log_ratio(TEST)) ** 2)))


def test_gradient_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(0, 1, (12, 3)), rng.normal(0, 1, 12)
    relative = rng.uniform(0.5, 3, 12)
    for parameters in (np.zeros(6), rng.normal(-0.5, 0.7, 6), np.array([-2.5, 0.5, -1, 1, -3, -4.0])):
        _, gradient = _negative_log_posterior(parameters, x, y, relative)
        for i, step in enumerate(1e-5 * np.eye(6)):
            up, down = (_negative_log_posterior(parameters + s, x, y, relative)[0] for s in (step, -step))
            assert gradient[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


def test_recovers_a_smooth_function(fitted: Correction) -> None:
    assert np.std(true_log_ratio(TEST)) > 0.06
    assert rms(fitted) < 0.006


def test_remembers_what_never_varied_as_a_gate(fitted: Correction) -> None:
    assert fitted.keys == ("op:ADD", "op:CONV_2D", "waits")
    assert fitted.gates == {"gate:input": 1.0}
    assert fitted.kind == "synthetic" and len(fitted.points) == len(TRAIN)
    constant = fit_correction("c", [{**d, "op:MEAN": 1.0} for d in TRAIN[:60]], spoiled(TRAIN[:60], 2, 0.0))
    assert constant.gates == {"gate:input": 1.0, "op:MEAN": 1.0}
    assert not constant.accepts({**TRAIN[0], "op:MEAN": 2.0})


def test_one_in_ten_far_too_slow_bends_little() -> None:
    assert rms(fit_correction("synthetic", TRAIN, spoiled(TRAIN, 2, 0.1))) < 0.008


def test_same_input_same_correction(fitted: Correction, tmp_path: Path) -> None:
    again = fit_correction("synthetic", TRAIN, spoiled(TRAIN, 2, 0.0))
    assert again.log_factors(TEST).tolist() == fitted.log_factors(TEST).tolist()
    write_correction(fitted, tmp_path / "a.npz")
    assert read_correction(tmp_path / "a.npz").log_factors(TEST) == pytest.approx(
        fitted.log_factors(TEST), abs=1e-4
    )


def test_keeps_a_random_subset_of_many() -> None:
    ratios = spoiled(TRAIN, 2, 0.0)
    small = fit_correction("synthetic", TRAIN, ratios, most=80)
    assert small.points.shape == (80, 3)
    other = fit_correction("synthetic", TRAIN, ratios, most=80, seed=1)
    assert sorted(small.points.tolist()) != sorted(other.points.tolist())


@pytest.mark.parametrize("ratios", [np.zeros(30), np.full(30, 0.25)])
def test_ratios_that_do_not_vary(ratios: FloatArray) -> None:
    found = fit_correction("synthetic", TRAIN[:30], ratios).log_factors(TEST)
    assert found == pytest.approx(ratios[0], abs=1e-4)


def test_networks_that_do_not_differ_share_one_factor() -> None:
    rng = np.random.default_rng(0)
    same: Networks = [{"op:ADD": 3.0}] * 50
    correction = fit_correction("same", same, 0.1 + rng.normal(0, 0.01, 50))
    assert correction.keys == () and correction.gates == {"op:ADD": 3.0}
    assert correction.log_factors(same[:2]) == pytest.approx(0.1, abs=0.01)
    banded = with_band(correction, same, rng.normal(0, 0.01, 50))
    assert banded.log_widening(same[:2]).tolist() == [0.0, 0.0]


def errors(described: Networks, seed: int) -> FloatArray:
    """Errors that are six times as large where `waits` is at its most."""
    waits = np.array([d["waits"] for d in described])
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(0, 1, len(described)) * 0.01 * np.exp(1.8 * waits / 20), dtype=np.float64)


def test_band_covers_and_widens_where_errors_are_larger(fitted: Correction) -> None:
    held_out, unseen = networks(600, 4), networks(3000, 5)
    banded = with_band(fitted, held_out, errors(held_out, 6))
    half_width = banded.band.width(0.9) * np.exp(banded.log_widening(unseen))
    inside = np.abs(errors(unseen, 7)) <= half_width
    assert 0.86 <= inside.mean() <= 0.94
    waits = np.array([d["waits"] for d in unseen])
    plain = np.abs(errors(unseen, 7)) <= np.quantile(np.abs(errors(held_out, 6)), 0.9)
    for part in (waits < 7, waits >= 13):
        assert abs(inside[part].mean() - 0.9) < 0.75 * abs(plain[part].mean() - 0.9)
    assert np.median(half_width[waits >= 13]) > 1.8 * np.median(half_width[waits < 7])
    assert banded.log_factors(TEST).tolist() == fitted.log_factors(TEST).tolist()


def test_band_of_errors_that_are_all_zero(fitted: Correction) -> None:
    banded = with_band(replace(fitted), TRAIN[:50], np.zeros(50))
    assert banded.band.width(0.9) == 0.0
    assert np.isfinite(banded.log_widening(TEST)).all()
