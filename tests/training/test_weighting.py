"""Weights of the loss terms that change while a network trains: the published formulas, exact after a resume."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.runtime import start_tensorflow

start_tensorflow()

from edgenas.training.weighting import make_weighting  # noqa: E402


def test_dynamic_weight_average_is_equation_7_of_mtan() -> None:
    weighting = make_weighting("dwa", ("CE", "L1"), 2)
    for step, (ce, l1) in enumerate([(4, 1), (2, 1), (2, 1), (1, 1)]):
        assert weighting.present() == {"CE": 1.0, "L1": 1.0}
        weighting.observe(step, {"CE": ce, "L1": l1})
    # Means 3 and 1, then 1.5 and 1: rates 0.5 and 1.
    powers = [math.exp(0.5 / 2), math.exp(1.0 / 2)]
    expected = [2 * p / sum(powers) for p in powers]
    assert list(weighting.present().values()) == pytest.approx(expected, rel=1e-12)
    assert np.allclose(weighting.inputs().numpy(), expected)


def test_dynamic_weight_average_goes_on_exactly_in_the_middle_of_an_epoch() -> None:
    rng = np.random.default_rng(0)
    rows = [dict(zip(("CE", "L1"), map(float, row), strict=True)) for row in rng.uniform(0.1, 3, (20, 2))]
    whole, first = (make_weighting("dwa", ("CE", "L1"), 3) for _ in range(2))
    seen = []
    for step, row in enumerate(rows):
        whole.observe(step, row)
        seen.append(whole.present())
    for step in range(10):
        first.observe(step, rows[step])
    resumed = make_weighting("dwa", ("CE", "L1"), 3)
    resumed.take(first.state())
    for step in range(10, 20):
        resumed.observe(step, rows[step])
        assert resumed.present() == seen[step]


def test_a_term_that_is_always_zero_stands_still() -> None:
    weighting = make_weighting("dwa", ("CE", "L1"), 1)
    for step in range(4):
        weighting.observe(step, {"CE": 0.0, "L1": 1.0})
    assert weighting.present() == {"CE": 1.0, "L1": 1.0}


def test_uncertainty_begins_with_the_weights_by_hand() -> None:
    weighting = make_weighting("uncertainty", ("CE", "L1"), 5)
    assert weighting.present() == {"CE": 1.0, "L1": 1.0}
    assert float(weighting.penalty()) == 0.0
    weighting.variables[0].assign([0.5, -1.0])
    factors = weighting.factors(None)
    assert factors is not None
    assert float(factors["CE"]) == pytest.approx(math.exp(-0.5))
    assert float(factors["L1"]) == pytest.approx(math.exp(1.0))
    assert float(weighting.penalty()) == -0.5


def test_an_unknown_method() -> None:
    with pytest.raises(UsageError, match="Did you mean 'dwa'"):
        make_weighting("dwaa", ("CE",), 1)
