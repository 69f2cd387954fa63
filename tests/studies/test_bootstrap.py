from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.studies.bootstrap import bootstrap, chance_range


def mean_of(values: list[float]):  # type: ignore[no-untyped-def]
    return lambda picked: float(np.mean([values[i] for i in picked]))


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=8))
def test_the_interval_of_a_mean_stays_within_the_values(values: list[float]) -> None:
    found = bootstrap(mean_of(values), len(values), resamples=200)
    assert found.value == pytest.approx(np.mean(values)) and found.count == len(values)
    assert found.low is not None and found.high is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_it_is_as_wide_as_theory_says_and_the_same_every_time() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400).tolist()
    found = bootstrap(mean_of(values), len(values))
    assert found.low is not None and found.high is not None
    half = 1.96 * np.std(values) / 20.0
    assert found.high - found.low == pytest.approx(2 * half, rel=0.06)
    assert found == bootstrap(mean_of(values), len(values))


def test_groups_are_drawn_on_their_own() -> None:
    seen = set()

    def difference(first: list[int], second: list[int]) -> float:
        seen.add((tuple(first), tuple(second)))
        return float(sum(first) - sum(second))

    bootstrap(difference, 3, 4, resamples=50)
    assert {len(a) for a, _ in seen} == {3} and {len(b) for _, b in seen} == {4}
    assert any(a != b[:3] for a, b in seen)


def test_few_members_or_an_undefined_statistic_have_no_interval() -> None:
    assert bootstrap(mean_of([1.0, 2.0]), 2).low is None
    assert bootstrap(lambda _: None, 5).value is None
    assert bootstrap(lambda _: float("nan"), 5).value is None
    # Undefined where a resample drew one member only: with three members that is more than a tenth of them.
    spread = bootstrap(lambda picked: None if len(set(picked)) == 1 else 1.0, 3)
    assert spread.value == 1.0 and spread.low is None


def test_chance_is_that_of_the_f_distribution() -> None:
    found = chance_range((4, 4))
    assert found is not None
    # 95% of F(4, 4) lies between 1 / 9.605 and 9.605 (any table of it).
    assert found == pytest.approx((9.605**-0.5, 9.605**0.5), rel=0.02)
    assert chance_range((0, 4)) is None
