"""What the camera sees at each hit pixel: position, normal and texture coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.raycast import SolidTable
from edgenas.datasets.scenes.solids import CYLINDER, ELLIPSOID

__all__ = ["Surface", "surface_of"]

_Array = NDArray[np.float32]


@dataclass(frozen=True)
class Surface:
    """The n visible surface points, all arrays f32 [n] unless said otherwise.

    Attributes:
        pixel: i64 [n], flat pixel index.
        solid: i32 [n], index of the solid.
        depth: planar depth, metres.
        offset: position relative to the camera in world axes, three arrays, metres.
        normal: world unit normal that faces the camera, three arrays.
        u: first texture coordinate on the face, metres.
        v: second texture coordinate, metres.
        facing: cosine between normal and view direction.
    """

    pixel: NDArray[np.int64]
    solid: NDArray[np.int32]
    depth: _Array
    offset: tuple[_Array, _Array, _Array]
    normal: tuple[_Array, _Array, _Array]
    u: _Array
    v: _Array
    facing: _Array


def surface_of(table: SolidTable, camera: Camera, depth: _Array, solid: NDArray[np.int32]) -> Surface:
    """Reconstructs the surface from depth and solid index, both [H, W].

    The normal comes from the face of the solid that the point lies on, not from differences of depth: it is
    exact up to float32.
    """
    height, width = depth.shape
    px, py = camera.pixel_plane(height, width)
    pixel = np.flatnonzero(solid.ravel() >= 0)
    ids = solid.ravel()[pixel]
    z = depth.ravel()[pixel]
    x, y = px[pixel % width] * z, py[pixel // width] * z
    offset = [
        np.float32(camera.forward[k]) * z + np.float32(camera.right[k]) * x + np.float32(camera.up[k]) * y
        for k in range(3)
    ]
    centre = (table.centre - np.array(camera.position)).astype(np.float32)
    relative = [offset[k] - centre[ids, k] for k in range(3)]
    axes = table.axes.astype(np.float32)[ids]
    half = [column[ids] for column in table.half.astype(np.float32).T]
    local = [
        axes[:, k, 0] * relative[0] + axes[:, k, 1] * relative[1] + axes[:, k, 2] * relative[2]
        for k in range(3)
    ]
    view = [
        axes[:, k, 0] * offset[0] + axes[:, k, 1] * offset[1] + axes[:, k, 2] * offset[2] for k in range(3)
    ]
    gradient = _local_gradient(table, ids, local, view, half)
    normal = [
        gradient[0] * axes[:, 0, k] + gradient[1] * axes[:, 1, k] + gradient[2] * axes[:, 2, k]
        for k in range(3)
    ]
    length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    nx, ny, nz = (component / length for component in normal)
    distance = np.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2)
    facing = -(nx * offset[0] + ny * offset[1] + nz * offset[2]) / distance
    weight = np.abs(gradient)
    side = (weight[0] > weight[1]) & (weight[0] > weight[2])
    flat = ~side & (weight[2] >= weight[1])
    u = np.where(side, local[1], local[0])
    v = np.where(flat, local[1], local[2])
    return Surface(
        pixel,
        ids,
        z,
        (offset[0], offset[1], offset[2]),
        (nx, ny, nz),
        u,
        v,
        np.maximum(facing, np.float32(0.02)),
    )


def _local_gradient(
    table: SolidTable, ids: NDArray[np.int32], local: list[_Array], view: list[_Array], half: list[_Array]
) -> _Array:
    """Outward normal in the local frame, not normalised, [3, n]."""
    unit = np.stack([local[k] / half[k] for k in range(3)])
    sign = np.where(unit < 0, np.float32(-1), np.float32(1))
    lean = [column[ids] / 2 for column in table.taper.astype(np.float32).T]
    wide = [1 - lean[k] * (unit[2] + 1) for k in range(2)]
    # Distance to each pair of faces; the nearest one that looks at the camera is the one that was hit.
    gap = np.stack(
        [np.abs(np.abs(unit[0]) - wide[0]), np.abs(np.abs(unit[1]) - wide[1]), np.abs(np.abs(unit[2]) - 1)]
    )
    gap *= np.stack(half)
    slope = [lean[k] / half[2] for k in range(2)]
    turned_away = np.stack(
        [
            sign[0] * view[0] / half[0] + slope[0] * view[2] >= 0,
            sign[1] * view[1] / half[1] + slope[1] * view[2] >= 0,
            sign[2] * view[2] >= 0,
        ]
    )
    gap += turned_away * np.float32(1e3)
    on_x = (gap[0] < gap[1]) & (gap[0] < gap[2])
    on_y = ~on_x & (gap[1] < gap[2])
    gradient = np.stack(
        [
            np.where(on_x, sign[0], 0) / half[0],
            np.where(on_y, sign[1], 0) / half[1],
            np.where(on_x, slope[0], np.where(on_y, slope[1], sign[2] / half[2])),
        ]
    ).astype(np.float32)
    kind = table.kind[ids]
    round_ = np.flatnonzero(kind == ELLIPSOID)
    for k in range(3):
        gradient[k, round_] = unit[k, round_] / half[k][round_]
    tube = np.flatnonzero(kind == CYLINDER)
    radius = np.sqrt(unit[0, tube] ** 2 + unit[1, tube] ** 2)
    cap = np.abs(radius - 1) * half[0][tube] > gap[2, tube]
    for k in range(2):
        gradient[k, tube] = np.where(cap, 0, unit[k, tube] / half[k][tube])
    gradient[2, tube] = np.where(cap, sign[2, tube] / half[2][tube], 0)
    return gradient
