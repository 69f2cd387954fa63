"""Names and colours of classes."""

from __future__ import annotations

import pytest

from edgenas.datasets.classes import CITYSCAPES_19, NYUV2_13, NYUV2_40, class_names_for, palette


@pytest.mark.parametrize("names", [CITYSCAPES_19, NYUV2_13, NYUV2_40, ("a",), ()])
def test_palette_has_one_distinct_colour_per_class(names: tuple[str, ...]) -> None:
    colours = palette(names)
    assert colours.shape == (len(names), 3)
    assert colours.dtype == "uint8"
    assert len({tuple(row) for row in colours.tolist()}) == len(names)
    assert (0, 0, 0) not in {tuple(row) for row in colours.tolist()}, "black is left for void"


def test_names_are_unique_and_found_by_their_number() -> None:
    for names in (CITYSCAPES_19, NYUV2_13, NYUV2_40):
        assert len(set(names)) == len(names)
        assert class_names_for(len(names)) == names
    assert class_names_for(2) == ("class 0", "class 1")
    assert list(NYUV2_13) == sorted(NYUV2_13)
