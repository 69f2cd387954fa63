"""The ray caster: which solid each pixel sees, how far away, and where.

A solid is tested only in the screen rectangle that holds its projection, nearest solids first, and not at all
where everything seen so far is nearer. Shadow rays use the same idea: seen from the light, a solid can only
darken points inside its own bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.intersect import interval
from edgenas.datasets.scenes.solids import Solid, Vector

__all__ = ["NEAR", "SolidTable", "cast_rays"]

NEAR = 0.05
"""Nothing nearer than this, in metres, is seen."""

_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
_EDGES = np.array([(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1])


def dot(arrays: NDArray[np.float64], vector: Vector) -> NDArray[np.float64]:
    """Dot product over the last axis without a matrix product (whose rounding differs between CPUs)."""
    return arrays[..., 0] * vector[0] + arrays[..., 1] * vector[1] + arrays[..., 2] * vector[2]


@dataclass(frozen=True)
class SolidTable:
    """The S solids of a scene as arrays.

    Attributes:
        solids: the records.
        centre: [S, 3] metres.
        axes: [S, 3, 3], rows are the local axes.
        half: [S, 3] metres.
        taper: [S, 2].
        kind: [S].
        corners: [S, 8, 3] corners of the bounding boxes.
    """

    solids: Sequence[Solid]
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    half: NDArray[np.float64]
    taper: NDArray[np.float64]
    kind: NDArray[np.int64]
    corners: NDArray[np.float64]

    @classmethod
    def of(cls, solids: Sequence[Solid]) -> SolidTable:
        """Builds the arrays."""
        centre = np.array([s.centre for s in solids])
        axes = np.array([s.axes for s in solids])
        half = np.array([s.half for s in solids])
        taper = np.array([s.taper for s in solids])
        bounds = half.copy()
        bounds[:, :2] *= np.maximum(1.0, 1.0 - taper)  # a negative taper: the top is the wider end
        reach = axes * bounds[:, :, None]
        corners = centre[:, None, :] + (
            _SIGNS[None, :, 0, None] * reach[:, None, 0]
            + _SIGNS[None, :, 1, None] * reach[:, None, 1]
            + _SIGNS[None, :, 2, None] * reach[:, None, 2]
        )
        return cls(
            solids,
            centre,
            axes,
            half,
            taper,
            np.array([s.kind for s in solids]),
            corners,
        )

    def local(self, vector: Vector) -> NDArray[np.float32]:
        """A world direction in every local frame, [S, 3]."""
        return (dot(self.axes, vector) / self.half).astype(np.float32)

    def local_origin(self, point: Vector) -> NDArray[np.float32]:
        """A world point in every local frame, [S, 3]."""
        offset = (np.array(point) - self.centre)[:, None, :]
        along = self.axes[..., 0] * offset[..., 0] + self.axes[..., 1] * offset[..., 1]
        return ((along + self.axes[..., 2] * offset[..., 2]) / self.half).astype(np.float32)


def cast_rays(
    table: SolidTable, camera: Camera, height: int, width: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Finds the nearest solid of every pixel.

    Args:
        table: the scene.
        camera: the viewpoint.
        height: rows.
        width: columns.

    Returns:
        Planar depth in metres, f32 [H, W], infinite where nothing is hit, and the index of the solid,
        i32 [H, W], -1 there.
    """
    px, py = camera.pixel_plane(height, width)
    rectangles, nearest = _screen_rectangles(table, camera, height, width)
    origin = table.local_origin(camera.position)
    forward, right, up = (table.local(v) for v in (camera.forward, camera.right, camera.up))
    depth = np.full((height, width), np.inf, dtype=np.float32)
    solid = np.full((height, width), -1, dtype=np.int32)
    with np.errstate(all="ignore"):
        for index in np.argsort(nearest, kind="stable").tolist():
            top, bottom, left, end = rectangles[index]
            if top >= bottom or left >= end:
                continue
            seen = depth[top:bottom, left:end]
            if nearest[index] > seen.max():
                continue
            columns, rows = px[left:end], py[top:bottom, None]
            direction = [
                (columns * right[index, axis] + forward[index, axis]) + rows * up[index, axis]
                for axis in range(3)
            ]
            record = table.solids[index]
            enter, leave = interval(
                record.kind,
                (origin[index, 0], origin[index, 1], origin[index, 2]),
                (direction[0], direction[1], direction[2]),
                record.taper,
            )
            hit = (enter < leave) & (enter < seen) & (enter > NEAR)
            np.copyto(seen, enter, where=hit)
            np.copyto(solid[top:bottom, left:end], index, where=hit)
    return depth, solid


def _screen_rectangles(
    table: SolidTable, camera: Camera, height: int, width: int
) -> tuple[list[list[int]], NDArray[np.float64]]:
    """Pixel rectangles [top, bottom, left, end] that hold each solid's projection, and its least depth."""
    offset = table.corners - np.array(camera.position)
    z = dot(offset, camera.forward)
    x, y = dot(offset, camera.right), dot(offset, camera.up)
    # Boxes that cross the near plane are clipped at it, edge by edge.
    a, b = _EDGES[:, 0], _EDGES[:, 1]
    crosses = (z[:, a] < NEAR) != (z[:, b] < NEAR)
    with np.errstate(all="ignore"):
        share = np.where(crosses, (NEAR - z[:, a]) / (z[:, b] - z[:, a]), 0.0)
    all_x = np.concatenate([x, x[:, a] + share * (x[:, b] - x[:, a])], axis=1)
    all_y = np.concatenate([y, y[:, a] + share * (y[:, b] - y[:, a])], axis=1)
    all_z = np.concatenate([z, np.full(crosses.shape, NEAR)], axis=1)
    usable = np.concatenate([z >= NEAR, crosses], axis=1)
    with np.errstate(all="ignore"):
        sx, sy = all_x / all_z, all_y / all_z
    scale = width / (2.0 * camera.half_width)
    bounds = np.stack(
        [
            np.floor(height / 2 - np.where(usable, sy, -np.inf).max(1) * scale - 0.6),
            np.ceil(height / 2 - np.where(usable, sy, np.inf).min(1) * scale + 0.6),
            np.floor(width / 2 + np.where(usable, sx, np.inf).min(1) * scale - 0.6),
            np.ceil(width / 2 + np.where(usable, sx, -np.inf).max(1) * scale + 0.6),
        ],
        axis=1,
    )
    limits = np.array([height, height, width, width], dtype=np.float64)
    clipped = np.clip(np.where(usable.any(axis=1, keepdims=True), bounds, 0.0), 0.0, limits).astype(np.int64)
    return clipped.tolist(), np.maximum(z.min(1), NEAR)
