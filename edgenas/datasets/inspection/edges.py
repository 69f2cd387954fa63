"""Edge maps of images and targets, comparable with each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.tasks.depth import DEPTH_MIN

__all__ = ["edge_map"]

_DEPTH_STEP = 0.3
_MARGIN = 0.09
_BACKGROUND = 4


def edge_map(key: str, array: NDArray[Any]) -> NDArray[np.float32]:
    """How much a pixel differs from its neighbours, less what is usual around it; unit length, f32 [H, W].

    Zero everywhere where there is no edge at all. A margin is left out: NYUv2's frames have a white border.

    Args:
        key: "image", "segmentation", "depth" or "normals".
        array: the small frame's array.
    """
    raw = _MAPS[key](array)
    margin = max(3, round(_MARGIN * min(raw.shape)))
    raised = raw - _mean_around(raw, _BACKGROUND)
    inner = np.zeros_like(raised)
    inside = slice(margin, -margin)
    inner[inside, inside] = raised[inside, inside]
    length = float(np.sqrt(np.square(inner).sum()))
    if length < 1e-6:
        return np.zeros_like(inner)
    unit: NDArray[np.float32] = (inner / length).astype(np.float32)
    return unit


def _image(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.sqrt(_differences(array, lambda a, b: np.abs(a - b).max(axis=-1)))


def _segmentation(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.minimum(_differences(array, lambda a, b: (a != b).astype(np.float32)), 1)


def _depth(array: NDArray[Any]) -> NDArray[np.float32]:
    # Logarithms: steps of metres and of inverse metres are then the same. NaN marks what is invalid.
    logs = np.log(np.where(array > DEPTH_MIN, array, np.nan), dtype=np.float32)
    steps = _differences(logs, lambda a, b: np.nan_to_num(np.minimum(np.abs(a - b), _DEPTH_STEP)))
    return np.sqrt(steps)


def _normals(array: NDArray[Any]) -> NDArray[np.float32]:
    def turned(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        known = np.any(a != 0, axis=-1) & np.any(b != 0, axis=-1)
        return np.where(known, np.clip(1 - (a * b).sum(axis=-1), 0, 2), 0)

    return np.sqrt(np.minimum(_differences(array, turned), 1))


_MAPS: dict[str, Callable[[NDArray[Any]], NDArray[np.float32]]] = {
    "image": _image,
    "segmentation": _segmentation,
    "depth": _depth,
    "normals": _normals,
}


def _differences(
    array: NDArray[Any], difference: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
) -> NDArray[np.float32]:
    """Sum over the four neighbours of a pixel."""
    total = np.zeros(array.shape[:2], np.float32)
    across = difference(array[:, 1:], array[:, :-1])
    down = difference(array[1:], array[:-1])
    total[:, 1:] += across
    total[:, :-1] += across
    total[1:] += down
    total[:-1] += down
    return total


def _mean_around(array: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Mean over a square window, by running sums; the array is continued by its outermost pixels."""
    size = 2 * radius + 1
    summed = np.pad(array.astype(np.float64), radius, mode="edge")
    for axis in (0, 1):
        running = np.cumsum(summed, axis=axis)
        lead = np.take(running, [size - 1], axis=axis)
        rest = np.take(running, range(size, running.shape[axis]), axis=axis)
        rest = rest - np.take(running, range(running.shape[axis] - size), axis=axis)
        summed = np.concatenate([lead, rest], axis=axis)
    return (summed / size**2).astype(np.float32)
