"""Markup escapes whatever is not its own."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.report.coerce import as_interval, as_mapping, as_metrics, as_number, as_text
from edgenas.report.markup import Html, definitions, join, table, tag
from edgenas.report.wording import byte_size, duration, in_reading_order, interval, ms, number


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.words = ""
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


@given(st.text(), st.text())
def test_text_and_attributes_come_back_as_they_were(words: str, value: str) -> None:
    reader = _Reader()
    reader.feed(tag("p", words, title=value))
    reader.close()
    assert reader.tags == ["p"]
    kept = [c for c in words if c.isprintable()]
    assert [c for c in reader.words if c.isprintable()] == kept
    assert reader.attributes[0][0] == "title"


def test_only_markup_passes_unescaped() -> None:
    assert tag("p", "<b>", tag("b", "&")) == "<p>&lt;b&gt;<b>&amp;</b></p>"
    assert join(("<i>", None, Html("<br>"))) == "&lt;i&gt;<br>"
    assert tag("img", alt='"><script>', src="x") == '<img alt="&quot;&gt;&lt;script&gt;" src="x">'


def test_lone_surrogates_and_control_characters_do_not_reach_the_page() -> None:
    assert tag("p", "a\ud800b\x00c\x1b").encode() == b"<p>a?bc</p>"


def test_attribute_names_and_numbers() -> None:
    assert tag("g", class_="a", aria_label="b", x1=1.005, y=2.0, rx=None) == (
        '<g class="a" aria-label="b" x1="1" y="2"></g>'
    )


def test_table_has_caption_scopes_and_dashes() -> None:
    made = table("What", ["name", "score"], [["a", None]])
    assert "<caption><span>What</span></caption>" in made
    assert made.count('scope="col"') == 2 and made.count('scope="row"') == 1
    assert '<td class="number">—</td>' in made


def test_definitions_leave_out_what_is_unknown() -> None:
    assert definitions([("a", ""), ("b", None)]) == '<dl class="facts"></dl>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0.0, "0"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (123.4, "123"),
        (0.05, "0.0500"),
        (1e-5, "1.00e-05"),
    ],
)
def test_numbers_have_three_significant_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_units_are_written() -> None:
    assert ms(4.0) == "4.00 ms"
    assert interval(1.0, 2.0) == "1.00 to 2.00 ms"
    assert interval(None, 2.0) == "—"
    assert duration(59.94) == "59.9 s" and duration(3725) == "1 h 2 min" and duration(61.2) == "1 min 1 s"
    assert byte_size(2048) == "2.0 KiB" and byte_size(3 * 2**20) == "3.00 MiB"


def test_tasks_stand_in_the_order_of_the_literature() -> None:
    assert in_reading_order({"normals", "other", "depth", "segmentation"}) == [
        "segmentation",
        "depth",
        "normals",
        "other",
    ]


def test_values_of_the_wrong_type_count_as_absent() -> None:
    assert [as_number(v) for v in (True, "1", float("nan"), float("inf"), 10**400, None)] == [None] * 6
    assert as_text({"a": 1}) == "" and as_text(None) == "" and len(as_text("x" * 10_000)) < 500
    assert as_mapping([1]) == {} and as_metrics({"a": 1, "b": {"m": "x"}}) == {"b": {"m": None}}
    assert as_interval([2, 1]) is None and as_interval([1]) is None and as_interval([1, 2]) == (1.0, 2.0)
