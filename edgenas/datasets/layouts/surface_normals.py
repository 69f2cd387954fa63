"""Surface normals from depth and the camera's intrinsics, where a release has none.

On a plane with normal n, the inverse depth is linear in the pixel's ray (x, y, 1) = ((u - cx) / fx, (v - cy) / fy, 1):
1 / Z = (n . (x, y, 1)) / (n . P). So a line fitted to inverse depth around a pixel gives the plane exactly, without the
bias towards the camera that a fit of points weighted by their distance has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Intrinsics", "normals_from_depth"]

_RADIUS = 3
_COLUMNS_PER_STEP = 200
_STEP_LIMIT, _JUMP_LIMIT = 0.05, 0.08
_FEWEST = 18


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera, in pixels of the image that it belongs to.

    Attributes:
        fx: focal length over columns.
        fy: focal length over rows.
        cx: column of the optical axis.
        cy: row of the optical axis.
    """

    fx: float
    fy: float
    cx: float
    cy: float

    def scaled(self, factor: float) -> Intrinsics:
        """The same camera with its image `factor` times as large."""
        return Intrinsics(self.fx * factor, self.fy * factor, self.cx * factor, self.cy * factor)


def normals_from_depth(depth: NDArray[Any], camera: Intrinsics) -> NDArray[np.float32]:
    """Unit normals, x right, y up, z towards the camera.

    Around each pixel 7x7 neighbours are fitted, every s-th pixel for s = columns / 200 rounded, so that the noise of a
    depth camera averages out in large images. Only those count that lie on its surface: whose inverse depth differs
    by at most 5% per pixel of distance and 8% in all. A pixel is invalid where its depth is, or where fewer than 18 of
    the 49 are left, or where these lie on a line: at depth edges, on thin things, on surfaces seen almost edge on.

    Args:
        depth: f32 [H, W] in metres along the optical axis, 0 or less where invalid.
        camera: intrinsics in pixels of `depth`.

    Returns:
        f32 [H, W, 3]; (0, 0, 0) is invalid.
    """
    rows, columns = depth.shape
    valid = np.isfinite(depth) & (depth > 0)
    inverse = np.divide(1.0, depth, out=np.zeros(depth.shape, np.float32), where=valid, dtype=np.float32)
    step = max(1, round(columns / _COLUMNS_PER_STEP))
    reach = _RADIUS * step
    padded = np.pad(inverse, reach)
    sums = {
        key: np.zeros(depth.shape, np.float32) for key in ("n", "u", "v", "uu", "uv", "vv", "q", "uq", "vq")
    }
    for dv in range(-reach, reach + 1, step):
        for du in range(-reach, reach + 1, step):
            there = padded[reach + dv : reach + dv + rows, reach + du : reach + du + columns]
            change = there - inverse
            near = np.abs(change) <= min(_STEP_LIMIT * max(abs(du), abs(dv)), _JUMP_LIMIT) * inverse
            weight = (near & (there > 0)).astype(np.float32)
            change *= weight
            _add(sums, weight, change, du, dv)
    return _fitted(sums, inverse, camera, valid & (sums["n"] >= _FEWEST))


def _add(
    sums: dict[str, NDArray[np.float32]],
    weight: NDArray[np.float32],
    change: NDArray[np.float32],
    du: int,
    dv: int,
) -> None:
    """Adds one neighbour to the moments of all pixels; terms with a factor of 0 are left out."""
    sums["n"] += weight
    sums["q"] += change
    if du:
        sums["u"] += du * weight
        sums["uu"] += du * du * weight
        sums["uq"] += du * change
    if dv:
        sums["v"] += dv * weight
        sums["vv"] += dv * dv * weight
        sums["vq"] += dv * change
    if du and dv:
        sums["uv"] += du * dv * weight


def _fitted(
    sums: dict[str, NDArray[np.float32]],
    inverse: NDArray[np.float32],
    camera: Intrinsics,
    kept: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """The normals of the fitted planes."""
    count = np.maximum(sums["n"], 1)
    mean_u, mean_v, mean_q = sums["u"] / count, sums["v"] / count, sums["q"] / count
    uu, vv = sums["uu"] - mean_u * sums["u"], sums["vv"] - mean_v * sums["v"]
    uv, uq = sums["uv"] - mean_u * sums["v"], sums["uq"] - mean_u * sums["q"]
    vq = sums["vq"] - mean_v * sums["q"]
    determinant = uu * vv - uv * uv
    kept = kept & (determinant > 0.02 * (uu + vv) ** 2)
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=kept)
    slope_u, slope_v = (vv * uq - uv * vq) * scale, (uu * vq - uv * uq) * scale
    # Inverse depth of the fitted plane at the pixel itself, and its coefficients over the ray (x, y, 1).
    here = inverse + mean_q - slope_u * mean_u - slope_v * mean_v
    u, v = (
        np.arange(inverse.shape[1], dtype=np.float32),
        np.arange(inverse.shape[0], dtype=np.float32)[:, None],
    )
    a, b = slope_u * np.float32(camera.fx), slope_v * np.float32(camera.fy)
    c = here - slope_u * (u - np.float32(camera.cx)) - slope_v * (v - np.float32(camera.cy))
    # (a, b, c) points away from the camera, whose y goes down and z into the scene.
    normals = np.stack([-a, b, c], axis=-1)
    length = np.sqrt(np.square(normals).sum(-1, keepdims=True))
    kept = kept & (length[..., 0] > 0)
    unit: NDArray[np.float32] = np.divide(normals, length, out=np.zeros_like(normals), where=kept[..., None])
    return unit
