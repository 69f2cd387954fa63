"""Scales stay on their axis whatever the values are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgenas.report.svg import Plot, chart, scale_over

_VALUES = st.lists(st.floats(1e-6, 1e6), min_size=0, max_size=8)


@given(_VALUES, st.booleans())
def test_every_value_has_a_place_on_its_axis(values: list[float], log: bool) -> None:
    scale = scale_over(values, 10.0, 90.0, log=log)
    assert scale.low < scale.high
    places = [scale(value) for value in sorted(values)]
    assert all(10.0 - 1e-6 <= place <= 90.0 + 1e-6 for place in places)
    assert places == sorted(places)


@given(_VALUES, st.booleans(), st.integers(2, 9))
def test_ticks_are_few_rising_and_inside(values: list[float], log: bool, wanted: int) -> None:
    scale = scale_over(values, 0.0, 1.0, log=log)
    ticks = scale.ticks(wanted)
    assert list(ticks) == sorted(set(ticks))
    assert len(ticks) <= 2 * wanted + 8
    slack = 1e-6 * max(abs(scale.low), abs(scale.high))
    assert all(scale.low - slack <= tick <= scale.high + slack for tick in ticks)


def test_ticks_are_round() -> None:
    assert scale_over([0.0, 10.0], 0, 1, pad=0).ticks(5) == (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    assert scale_over([0.5, 20.0], 0, 1, log=True, pad=0).ticks() == (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


def test_a_quantity_that_cannot_be_negative_gets_no_negative_axis() -> None:
    assert scale_over([0.01, 1.0], 0, 1).low == 0.0


def test_a_chart_says_what_it_shows() -> None:
    plot = Plot(100, 80, scale_over([1, 2], 10, 90), scale_over([1, 2], 70, 10))
    drawn = chart("c", "Title", "Description", (100, 80), [plot.axes("across", "up")], "wide")
    assert '<title id="c-title">Title</title><desc id="c-desc">Description</desc>' in drawn
    assert 'viewBox="0 0 100 80"' in drawn and 'aria-labelledby="c-title"' in drawn
