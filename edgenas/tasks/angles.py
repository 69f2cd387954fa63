"""Angles between directions, and their median from a histogram where there are too many to keep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenas.tasks.base import Array

__all__ = ["angle_histogram", "angles_between_deg", "medians_deg", "unit_vectors"]


def unit_vectors(vectors: Array) -> NDArray[np.float64]:
    """Vectors of length 1 in float64, [..., 3]; (0, 0, 1) for vectors without direction."""
    vectors = vectors.astype(np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = np.where(
        length > 0.0, vectors / np.where(length > 0.0, length, 1.0), (0.0, 0.0, 1.0)
    )
    return unit


def angles_between_deg(a: Array, b: Array) -> NDArray[np.float64]:
    """Angles of unit vectors [N, 3] in degrees, 0 to 180."""
    angles: NDArray[np.float64] = np.degrees(np.arccos(np.clip(np.sum(a * b, axis=-1), -1.0, 1.0)))
    return angles


def angle_histogram(angles_deg: Array, bins: int) -> NDArray[np.int64]:
    """Counts [bins] of angles in equal parts of 0 to 180 degrees."""
    places = np.minimum((angles_deg * (bins / 180.0)).astype(np.int64), bins - 1)
    return np.bincount(places, minlength=bins)


def medians_deg(histograms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each histogram [M, bins] in degrees, exact to a bin's width; NaN of an empty one."""
    below = np.cumsum(histograms, axis=1)
    count = below[:, -1]
    # Of an even number the median is the mean of the middle two, which may lie far apart.
    first, second = (_value_at(histograms, below, np.floor(rank)) for rank in ((count - 1) / 2, count / 2))
    return np.where(count > 0, (first + second) / 2, np.nan)


def _value_at(
    histograms: NDArray[np.float64], below: NDArray[np.float64], rank: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The angle of that rank, counted from 0; those of one bin are taken as evenly spread."""
    bins = histograms.shape[1]
    place = np.minimum((below <= rank[:, None]).sum(axis=1), bins - 1)
    row = np.arange(len(histograms))
    inside = np.maximum(histograms[row, place], 1.0)
    share = (rank - (below[row, place] - histograms[row, place]) + 0.5) / inside
    angles: NDArray[np.float64] = (place + share) * (180.0 / bins)
    return angles
