from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.studies.spread import line_residual, pooled_spread, seed_spread


def late_spread(late):  # type: ignore[no-untyped-def]
    return pooled_spread([line_residual(values) for values in late])


def test_seeds() -> None:
    assert seed_spread([1.0, 2.0, 4.0]) == pytest.approx(np.std([1, 2, 4], ddof=1))
    assert seed_spread([1.0]) is None and seed_spread([1.0, None]) is None and seed_spread([]) is None


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(3, 8))
def test_a_training_that_moves_along_a_line_has_no_noise(start: float, slope: float, steps: int) -> None:
    line = [start + slope * i for i in range(steps)]
    assert late_spread([line, line]) == pytest.approx(0.0, abs=1e-9)


def test_noise_around_the_lines_is_found_whatever_the_lines_are() -> None:
    rng = np.random.default_rng(0)
    late = [(rng.normal(0, 0.3, 5) + 10 * s + s * np.arange(5)).tolist() for s in range(400)]
    assert late_spread(late) == pytest.approx(0.3, rel=0.05)


def test_what_has_no_spread() -> None:
    assert late_spread([]) is None
    assert late_spread([[1.0, 2.0]]) is None
    assert late_spread([[1.0, None, 2.0]]) is None
