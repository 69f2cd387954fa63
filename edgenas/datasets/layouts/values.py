"""Turns what releases store into the project's compact arrays, and refuses what would train nonsense.

Each function raises ValueError; who knows the file adds its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNLISTED", "as_bytes_rgb", "as_depth", "as_labels", "as_normals", "lookup"]

UNLISTED = 254
"""In a lookup table: an id that nobody has named. Label sets have 253 classes at most."""

_NORMAL_LEVELS = 127.0
_SHORTEST, _LONGEST = 0.5, 1.2


def as_bytes_rgb(values: NDArray[Any]) -> NDArray[np.uint8]:
    """An image u8 [H, W, 3] from bytes, from numbers in 0 to 1, or from floats in 0 to 255 (told by their range)."""
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise ValueError(f"expected an image [H, W, 3]. Received {list(values.shape)}")
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers. Received {values.dtype}")
    lowest, highest = float(values.min()), float(values.max())
    if not (lowest >= 0 and highest <= 255):  # also when one is NaN
        raise ValueError(
            f"expected colours in 0 to 1 or in 0 to 255. Received values from {lowest:g} to {highest:g}"
        )
    factor = 255.0 if values.dtype.kind == "f" and highest <= 1.0 else 1.0
    image: NDArray[np.uint8] = np.rint(values.astype(np.float32) * np.float32(factor)).astype(np.uint8)
    return image


def lookup(classes: Mapping[int, int] | Sequence[int], *, unlisted: int = UNLISTED) -> NDArray[np.uint8]:
    """A table u8 [65536] from stored ids to classes; `as_labels` refuses ids that stand at `UNLISTED`.

    Args:
        classes: {id: class}, or the class of the ids 0, 1, 2, ...
        unlisted: what every other id becomes; 255 (void) to ignore them.
    """
    table = np.full(1 << 16, unlisted, np.uint8)
    pairs = classes.items() if isinstance(classes, Mapping) else enumerate(classes)
    for stored, number in pairs:
        table[stored % len(table)] = number  # -1 stands at the end
    return table


def as_labels(values: NDArray[Any], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Classes u8 [H, W], 255 void, from ids (whole numbers, of any dtype) by a table of `lookup`."""
    values = _plane(values, "labels")
    if values.dtype.kind == "f":
        whole = np.rint(values)
        if not (whole == values).all():  # also where one is NaN
            wrong = values[whole != values].flat[0]
            raise ValueError(f"expected whole numbers as labels. Received {wrong}")
        values = whole
    if values.dtype != np.uint8:
        lowest, highest = values.min(), values.max()
        if lowest < -1 or highest >= len(table) - 1:
            raise ValueError(
                f"expected labels from -1 to {len(table) - 2}. Received {lowest:g} to {highest:g}"
            )
        values = values.astype(np.int64)
    labels: NDArray[np.uint8] = table[values]
    wrong_places = labels == UNLISTED
    if wrong_places.any():
        ids = np.unique(values[wrong_places])
        shown = ", ".join(str(int(number)) for number in ids[:8]) + (", ..." if len(ids) > 8 else "")
        classes = len(np.unique(table[table < UNLISTED]))
        raise ValueError(
            f"labels {shown} ({int(wrong_places.sum())} pixels) belong to none of the {classes} "
            "classes and are not void"
        )
    return labels


def as_depth(
    values: NDArray[Any], *, scale: float = 1.0, invalid: Sequence[float] = (0.0,)
) -> NDArray[np.float32]:
    """Depth f32 [H, W] = `scale` times what is stored, 0 where it is one of the `invalid` values."""
    values = _plane(values, "depth")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers as depth. Received {values.dtype}")
    ignored = np.zeros(values.shape, np.bool_)
    for value in invalid:
        ignored |= np.isnan(values) if np.isnan(value) else values == value
    depth = np.where(ignored, np.float32(0), values.astype(np.float32) * np.float32(scale))
    wrong = ~(np.isfinite(depth) & (depth >= 0))
    if wrong.any():
        row, column = (int(place) for place in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise ValueError(
            f"depth is {values[row, column]} at row {row}, column {column} ({int(wrong.sum())} such pixels). Expected "
            "finite numbers, 0 where invalid"
        )
    return depth.astype(np.float32, copy=False)


def as_normals(vectors: NDArray[Any], invalid: NDArray[np.bool_] | None = None) -> NDArray[np.int8]:
    """Normals i8 [H, W, 3] = round(127 n) from vectors in our axes, f32 [H, W, 3].

    Args:
        vectors: any length from 0.5 to 1.2 is made 1; shorter ones, (0, 0, 0) among them, are invalid.
        invalid: bool [H, W], pixels to ignore whatever they hold.
    """
    if vectors.ndim != 3 or vectors.shape[2] != 3 or not vectors.size:
        raise ValueError(f"expected normals [H, W, 3]. Received {list(vectors.shape)}")
    vectors = vectors.astype(np.float32)
    if invalid is not None:
        vectors[invalid] = 0
    length = np.sqrt(np.square(vectors).sum(-1))
    wrong = ~(length <= _LONGEST)  # also where it is NaN
    if wrong.any():
        row, column = (int(place) for place in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise ValueError(
            f"the normal at row {row}, column {column} is {vectors[row, column].tolist()} ({int(wrong.sum())} such "
            "pixels). Expected unit vectors, or (0, 0, 0) where invalid"
        )
    kept = length >= _SHORTEST
    scale = np.divide(_NORMAL_LEVELS, length, out=np.zeros_like(length), where=kept)
    normals: NDArray[np.int8] = np.rint(vectors * scale[..., None]).astype(np.int8)
    return normals


def _plane(values: NDArray[Any], what: str) -> NDArray[Any]:
    """[H, W], where a last axis of 1 may be left."""
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"expected {what} [H, W]. Received {list(values.shape)}")
    return values
