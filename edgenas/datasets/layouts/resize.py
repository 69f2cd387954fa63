"""Resizing of frames, the way the tools did it that made the public releases.

Images: the mean over the area that a pixel covers where they shrink, linear interpolation where they grow, halves
rounded up. Targets: output pixel i takes source pixel floor(i * source / target), so that no label, depth or normal is
ever mixed from two surfaces (OpenCV's INTER_AREA and INTER_NEAREST).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["resize_image", "resize_nearest"]


def resize_image(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An image u8 [H, W, 3] at another size.

    Weights are whole numbers and so is their sum: the result is exact, on every machine.
    """
    rows, columns = image.shape[:2]
    if (rows, columns) == (height, width):
        return image
    down, across = _taps(rows, height), _taps(columns, width)
    total = down.total * across.total
    dtype = np.int32 if 2 * 255 * total + total < 2**31 else np.int64
    part = _summed(image.reshape(rows, -1), down, dtype).reshape(height, columns, -1)
    summed = _summed(part.transpose(1, 0, 2), across, dtype).transpose(1, 0, 2)
    resized: NDArray[np.uint8] = ((2 * summed + total) // (2 * total)).astype(np.uint8)
    return resized


def resize_nearest(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """A target [H, W, ...] at another size."""
    rows, columns = values.shape[:2]
    if (rows, columns) == (height, width):
        return values
    nearest: NDArray[Any] = values[
        (np.arange(height) * rows // height)[:, None], np.arange(width) * columns // width
    ]
    return nearest


@dataclass(frozen=True)
class _Taps:
    """Along one axis, target pixel i is the sum of `weights[i, t]` times source pixel `index[i, t]`, over `total`."""

    index: NDArray[np.int64]
    weights: NDArray[np.int64]
    total: int


@lru_cache(maxsize=16)
def _taps(source: int, target: int) -> _Taps:
    shared = math.gcd(source, target)
    source_units, target_units = source // shared, target // shared
    i = np.arange(target)[:, None]
    if target <= source:  # a source pixel is `target_units` long, a target pixel `source_units`
        first = i * source_units // target_units
        index = first + np.arange(-(-source_units // target_units) + 1)
        low = np.maximum(i * source_units, index * target_units)
        high = np.minimum((i + 1) * source_units, (index + 1) * target_units)
        weights, total = np.maximum(high - low, 0), source_units
    else:  # twice the place of the pixel centre, in units of 1 / target_units source pixels
        place = np.clip((2 * i + 1) * source_units, target_units, (2 * source - 1) * target_units)
        index = (place - target_units) // (2 * target_units) + np.arange(2)
        distance = np.abs(place - (2 * index + 1) * target_units)
        weights, total = np.maximum(2 * target_units - distance, 0), 2 * target_units
    used = weights.any(axis=0)
    return _Taps(np.minimum(index, source - 1)[:, used], weights[:, used], total)


def _summed(values: NDArray[Any], taps: _Taps, dtype: type[np.signedinteger[Any]]) -> NDArray[Any]:
    """The weighted sums along the first axis."""
    weights = taps.weights.astype(dtype).reshape(*taps.weights.shape, *(1,) * (values.ndim - 1))
    summed: NDArray[Any] = weights[:, 0] * values[taps.index[:, 0]]
    for tap in range(1, taps.index.shape[1]):
        summed += weights[:, tap] * values[taps.index[:, tap]]
    return summed
