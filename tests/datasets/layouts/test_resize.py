"""Resizing: exact against plain definitions."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets import load_dataset
from edgenas.datasets.layouts.resize import resize_image, resize_nearest

SIDES = st.integers(1, 9)


def weights(source: int, target: int) -> list[list[Fraction]]:
    """How much of each source pixel a target pixel is, by the definition of either method."""
    ratio = Fraction(source, target)
    if target <= source:
        return [
            [max(Fraction(0), min((i + 1) * ratio, j + 1) - max(i * ratio, j)) / ratio for j in range(source)]
            for i in range(target)
        ]
    rows = []
    for i in range(target):
        place = min(max((i + Fraction(1, 2)) * ratio - Fraction(1, 2), Fraction(0)), Fraction(source - 1))
        rows.append([max(Fraction(0), 1 - abs(place - j)) for j in range(source)])
    return rows


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
def test_images_are_exact(rows: int, columns: int, height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    down, across = (np.array(weights(*pair), object) for pair in ((rows, height), (columns, width)))
    expected = np.einsum("ij,lk,jkc->ilc", down, across, image.astype(object), optimize=False)
    rounded = [[[int(value + Fraction(1, 2)) for value in pixel] for pixel in row] for row in expected]
    np.testing.assert_array_equal(resize_image(image, height, width), rounded)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, SIDES, SIDES)
def test_targets_take_a_pixel_that_exists(rows: int, columns: int, height: int, width: int) -> None:
    values = np.arange(rows * columns).reshape(rows, columns)
    resized = resize_nearest(values, height, width)
    for i in range(height):
        for j in range(width):
            assert resized[i, j] == values[int(Fraction(i * rows, height)), int(Fraction(j * columns, width))]
    vectors = resize_nearest(np.stack([values] * 3, -1), height, width)
    np.testing.assert_array_equal(vectors[..., 2], resized)


@pytest.mark.parametrize("size", [(16, 32), (64, 128), (20, 33)])
def test_a_dataset_is_resized_as_asked(trees: dict[str, Path], size: tuple[int, int]) -> None:
    source = str(trees["mtan-nyuv2"])
    small = load_dataset(source, "test", height=size[0], width=size[1])
    plain = load_dataset(source, "test").stored_arrays()
    assert (small.info.height, small.info.width) == size
    assert small.info.fingerprint != load_dataset(source, "test").info.fingerprint
    for key, values in small.stored_arrays().items():
        resize = resize_image if key == "image" else resize_nearest
        np.testing.assert_array_equal(values, [resize(frame, *size) for frame in plain[key]])
