"""Corrections of a predictor by a handful of rows: the right form is found, noise is not learned, one row is no law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edgenas.search.objective import Latency
from edgenas.search.recalibration import (
    NONE,
    SCALE,
    SCALE_AND_OFFSET,
    MeasuredPair,
    Recalibration,
    recalibrate,
)


def pairs(predicted: list[float], measured: list[float], width: float = 1.1) -> list[MeasuredPair]:
    return [MeasuredPair(p, width * p, m) for p, m in zip(predicted, measured, strict=True)]


def test_a_factor_is_found_whatever_the_order() -> None:
    rows = pairs([1.0, 1.2, 1.5, 2.0], [1.0 / 0.6, 1.2 / 0.6, 1.5 / 0.6, 2.0 / 0.6])
    for order in itertools.permutations(rows):
        found = recalibrate(order)
        assert found.kind == SCALE
        assert found.scale == pytest.approx(1 / 0.6) and found.offset_ms == 0.0
    assert found.left_out[NONE] == pytest.approx(math.log(1 / 0.6))
    assert found.left_out[SCALE] == pytest.approx(0.0, abs=1e-9)
    assert "scale 0.0%" in found.reason and "none 66.7%" in found.reason


def test_an_offset_is_found_where_latencies_are_spread() -> None:
    predicted = [0.5, 1.0, 2.0, 4.0, 8.0]
    found = recalibrate(pairs(predicted, [1.3 * p + 0.7 for p in predicted]))
    assert found.kind == SCALE_AND_OFFSET
    assert (found.scale, found.offset_ms) == pytest.approx((1.3, 0.7))
    close = [1.0, 1.05, 1.1, 1.15, 1.2]
    assert recalibrate(pairs(close, [1.3 * p + 0.7 for p in close])).kind == SCALE
    # A negative one would make quick networks free.
    down = recalibrate(pairs(predicted, [1.3 * p - 0.4 for p in predicted]))
    assert down.offset_ms == 0.0 and all(down.ms(p) > 0 for p in (1e-3, 0.1))


def test_a_predictor_that_is_right_is_left_alone() -> None:
    rng = np.random.default_rng(0)
    kept = scaled = 0
    for _ in range(200):
        predicted = rng.uniform(1.0, 3.0, 5)
        measured = predicted * np.exp(rng.normal(0.0, 0.005, 5))
        found = recalibrate(pairs(predicted.tolist(), measured.tolist()))
        kept += found.kind == NONE
        scaled += found.kind != NONE
        assert abs(math.log(found.scale)) < 0.02
    assert kept == 200  # Errors of half a percent are those of measuring.


def test_noise_is_not_learned() -> None:
    """Five rows with errors of 5%: corrected latencies of other networks are about as good as with the truth."""
    rng = np.random.default_rng(1)
    none, corrected = [], []
    for _ in range(300):
        predicted = rng.uniform(1.0, 4.0, 5)
        found = recalibrate(
            pairs(predicted.tolist(), (predicted * np.exp(rng.normal(0.0, 0.05, 5))).tolist())
        )
        for p in rng.uniform(1.0, 4.0, 5):
            none.append(0.0)
            corrected.append(math.log(found.ms(p) / p))
    assert float(np.sqrt(np.mean(np.square(corrected)))) < 0.03  # 5% / sqrt(5) = 2.2% is what a mean has.


def test_one_row_counts_only_outside_of_its_interval() -> None:
    inside, outside = (recalibrate([MeasuredPair(1.0, 1.1, m)]) for m in (1.08, 1.5))
    assert (inside.kind, inside.ms(2.0)) == (NONE, 2.0)
    assert (outside.kind, outside.ms(2.0)) == (SCALE, 3.0)
    assert outside.left_out == {} and "nothing could be left out" in outside.reason
    assert recalibrate([]).ms(2.0) == 2.0


def test_unstable_rows_weigh_less() -> None:
    steady = [MeasuredPair(1.0, 1.1, 1.5, 0.0), MeasuredPair(1.2, 1.3, 1.8, 0.0)]
    shaky = MeasuredPair(1.1, 1.2, 3.3, 0.95)
    assert shaky.weight == pytest.approx(0.05)
    light = recalibrate([*steady, shaky]).scale
    heavy = recalibrate([*steady, MeasuredPair(1.1, 1.2, 3.3, 0.0)]).scale
    assert 1.5 < light < 1.56 < 1.8 < heavy


def test_the_interval_widens_with_the_errors_on_networks_left_out() -> None:
    tight = recalibrate(pairs([1.0, 2.0, 3.0, 4.0], [1.5, 3.0, 4.5, 6.0], width=1.2))
    loose = recalibrate(pairs([1.0, 2.0, 3.0, 4.0], [1.5, 2.0, 4.9, 4.4], width=1.02))
    assert 0.7 <= tight.widening < 1.0 < 2.0 < loose.widening <= 10.0
    latency = Latency(2.0, 2.0 / 1.1, 2.0 * 1.1, 2.0 * 1.05, others={"x": Latency(1.0)})
    moved = Recalibration(SCALE, 1.5, widening=2.0).of(latency)
    assert moved.predicted_ms == pytest.approx(3.0)
    assert moved.low_ms == pytest.approx(3.0 / 1.1**2) and moved.high_ms == pytest.approx(3.0 * 1.1**2)
    assert moved.bound_ms == pytest.approx(3.0 * 1.05**2) and moved.others == latency.others
    assert Recalibration(SCALE, 1.5).of(Latency()) == Latency()
