from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.search.pareto import pareto_front

VALUES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6))
POINTS = st.lists(st.tuples(VALUES, VALUES), max_size=40)


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] >= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_front_is_exactly_the_points_that_nobody_dominates(points: list[tuple[float, float]]) -> None:
    front = pareto_front([q for q, _ in points], [ms for _, ms in points])
    expected = {i for i, p in enumerate(points) if not any(dominates(other, p) for other in points)}
    assert set(front) == expected
    assert len(front) == len(expected)


@given(POINTS)
def test_front_rises_in_latency_and_quality(points: list[tuple[float, float]]) -> None:
    front = [points[i] for i in pareto_front([q for q, _ in points], [ms for _, ms in points])]
    for before, after in pairwise(front):
        assert before == after or (before[0] < after[0] and before[1] < after[1])


@given(POINTS, st.randoms(use_true_random=False))
def test_front_does_not_depend_on_the_order(points: list[tuple[float, float]], random: object) -> None:
    shuffled = list(points)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    fronts = [
        sorted(p[i] for i in pareto_front([q for q, _ in p], [ms for _, ms in p])) for p in (points, shuffled)
    ]
    assert fronts[0] == fronts[1]


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        pareto_front([1.0, 2.0], [1.0])
