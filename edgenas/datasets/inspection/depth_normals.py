"""Normals as they follow from depth, to compare with those of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.tasks.depth import DEPTH_MIN

__all__ = ["FOCAL_LENGTHS", "metres", "normals_of_depth"]

FOCAL_LENGTHS = (0.5, 0.7, 0.85, 1.05, 1.4)
"""Focal lengths tried, in widths of the frame: 90 to 39 degrees across. NYUv2 has 0.81, Cityscapes 1.1."""

_CREASE = 0.03


def metres(depth: NDArray[Any], unit: str) -> NDArray[np.float64]:
    """Depth along the optical axis up to a factor, f64; 0 where invalid."""
    values = depth.astype(np.float64)
    valid = values > DEPTH_MIN
    if unit == "m":
        return np.where(valid, values, 0.0)
    return np.divide(1.0, values, out=np.zeros_like(values), where=valid)


def normals_of_depth(distance: NDArray[np.float64], focal: float) -> NDArray[np.float64]:
    """Unit normals f64 [H, W, 3] in the project's axes, (0, 0, 0) at edges and where depth is invalid.

    The cross product of the differences between the back-projected neighbours of a pixel.

    Args:
        distance: depth along the optical axis f64 [H, W] in any unit; 0 is invalid.
        focal: focal length in widths of the frame; the principal point is taken to be in the middle.
    """
    rows, columns = distance.shape
    v, u = np.mgrid[:rows, :columns]
    scale = focal * columns
    points = np.stack(
        [
            (u - (columns - 1) / 2) * distance / scale,
            ((rows - 1) / 2 - v) * distance / scale,
            -distance,
        ],
        axis=-1,
    )
    across = points[1:-1, 2:] - points[1:-1, :-2]
    up = points[:-2, 1:-1] - points[2:, 1:-1]
    cross = np.cross(across, up)
    length = np.linalg.norm(cross, axis=-1)
    logs = np.log(np.where(distance > 0, distance, 1.0))
    bend = np.maximum(
        np.abs(logs[1:-1, 2:] + logs[1:-1, :-2] - 2 * logs[1:-1, 1:-1]),
        np.abs(logs[2:, 1:-1] + logs[:-2, 1:-1] - 2 * logs[1:-1, 1:-1]),
    )
    valid = distance > 0
    known = (
        valid[1:-1, 1:-1] & valid[1:-1, 2:] & valid[1:-1, :-2] & valid[2:, 1:-1] & valid[:-2, 1:-1]
        & (length > 0) & (bend < _CREASE)
    )  # fmt: skip
    normals = np.zeros((rows, columns, 3))
    normals[1:-1, 1:-1] = np.where(
        known[..., None], cross / np.where(length > 0, length, 1.0)[..., None], 0.0
    )
    return normals
