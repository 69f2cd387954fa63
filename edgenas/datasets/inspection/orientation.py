"""The ways to lay a frame the wrong way round."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["IDENTITY", "count_orientations", "name_of", "oriented", "relative"]

IDENTITY = 0
_NAMES = (
    "as it is",
    "mirrored left-right",
    "upside down",
    "turned by 180 degrees",
    "transposed",
    "turned by 90 degrees anticlockwise",
    "turned by 90 degrees clockwise",
    "transposed along the other diagonal",
)


def count_orientations(rows: int, columns: int) -> int:
    """4 (mirrored, upside down, both), or 8 where the frame is square and may be transposed as well."""
    return 8 if rows == columns else 4


def oriented(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The array [H, W, ...] laid that way: bit 2 transposes, then bit 0 mirrors columns and bit 1 rows."""
    if orientation & 4:
        array = array.swapaxes(0, 1)
    if orientation & 1:
        array = array[:, ::-1]
    if orientation & 2:
        array = array[::-1]
    return array


def name_of(orientation: int) -> str:
    """In words."""
    return _NAMES[orientation]


def relative(first: int, second: int) -> int:
    """The orientation r for which `second` laid upon `first` is r laid upon "as it is"."""
    return int(_TABLE[first, second])


def _table() -> NDArray[np.int64]:
    """table[a, b] = r with oriented(x, b) == oriented(oriented(x, r), a)."""
    square = np.arange(9).reshape(3, 3)
    table = np.zeros((8, 8), np.int64)
    for first, second, between in itertools.product(range(8), repeat=3):
        if np.array_equal(oriented(square, second), oriented(oriented(square, between), first)):
            table[first, second] = between
    return table


_TABLE = _table()
