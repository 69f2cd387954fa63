"""Lights and the shadows they throw."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.intersect import Component, interval
from edgenas.datasets.scenes.raycast import SolidTable, dot
from edgenas.datasets.scenes.solids import Vector
from edgenas.datasets.scenes.surface import Surface

__all__ = ["Light", "direct_light"]

_BELOW = 0.1
"""A lamp lights points at least this far below it, metres."""


@dataclass(frozen=True)
class Light:
    """One sun or one lamp, with the light of the surroundings.

    Attributes:
        place: a sun's unit direction towards it, or a lamp's world position in metres.
        is_lamp: which of the two.
        colour: linear RGB of the direct light.
        ambient: linear RGB of the light from above.
        reach: a lamp's distance of half strength, metres.
    """

    place: Vector
    is_lamp: bool
    colour: Vector
    ambient: Vector
    reach: float = 3.0

    def plan(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates of points [..., 3] as the light sees them: (u, v, how far below a lamp)."""
        if self.is_lamp:
            below = self.place[2] - points[..., 2]
            safe = np.maximum(below, _BELOW / 2)
            return (points[..., 0] - self.place[0]) / safe, (points[..., 1] - self.place[1]) / safe, below
        x, y, z = self.place
        flat = math.sqrt(x * x + y * y)
        u = dot(points, (y / flat, -x / flat, 0.0))
        v = dot(points, (-x * z / flat, -y * z / flat, flat))
        return u, v, np.full(u.shape, np.inf)


def direct_light(table: SolidTable, camera: Camera, surface: Surface, light: Light) -> NDArray[np.float32]:
    """Strength of the direct light at every surface point, shadows and angle included, f32 [n]."""
    nx, ny, nz = surface.normal
    if light.is_lamp:
        dx, dy, dz = (
            np.float32(p - c) - o
            for p, c, o in zip(light.place, camera.position, surface.offset, strict=True)
        )
        distance2 = dx * dx + dy * dy + dz * dz
        cosine = (nx * dx + ny * dy + nz * dz) / np.sqrt(distance2)
        strength: NDArray[np.float32] = np.maximum(cosine, 0) / (1 + distance2 / np.float32(light.reach**2))
    else:
        sx, sy, sz = (np.float32(value) for value in light.place)
        strength = np.maximum(nx * sx + ny * sy + nz * sz, 0)
    lit = np.flatnonzero(strength > 1e-3)
    # Shadow rays start a little above the surface, so that it does not shade itself.
    lift = 0.004 + 4e-4 * surface.depth[lit]
    start = np.stack([surface.offset[k][lit] + lift * surface.normal[k][lit] for k in range(3)])
    strength[lit[_shaded(table, camera, start, light)]] = 0
    return strength


def _shaded(table: SolidTable, camera: Camera, start: NDArray[np.float32], light: Light) -> NDArray[np.bool_]:
    """Whether a solid stands between each point (relative to the camera, [3, n]) and the light."""
    u, v, below = light.plan(start.T + np.array(camera.position))
    order = np.argsort(u, kind="stable")
    u, v, start = u[order], v[order].astype(np.float32), start[:, order]
    reachable = below[order] > _BELOW
    corner_u, corner_v, corner_below = light.plan(table.corners)
    low_u, high_u = corner_u.min(1), corner_u.max(1)
    low_v, high_v = corner_v.min(1), corner_v.max(1)
    everywhere = (corner_below < _BELOW).any(1)  # beside the lamp: its bounds mean nothing
    low_u[everywhere], high_u[everywhere] = -np.inf, np.inf
    low_v[everywhere], high_v[everywhere] = -np.inf, np.inf
    first, last = np.searchsorted(u, low_u).tolist(), np.searchsorted(u, high_u).tolist()
    origin0 = table.local_origin(camera.position)
    towards = table.local_origin(light.place) if light.is_lamp else table.local(light.place)
    axes = (table.axes / table.half[:, :, None]).astype(np.float32)
    dark = np.zeros(u.shape, dtype=np.bool_)
    with np.errstate(all="ignore"):
        for index, record in enumerate(table.solids):
            a, b = first[index], last[index]
            if a >= b or not record.casts_shadow:
                continue
            near = (v[a:b] > low_v[index]) & (v[a:b] < high_v[index]) & reachable[a:b] & ~dark[a:b]
            inside = np.flatnonzero(near) + a
            if not inside.size:
                continue
            points = start[:, inside]
            origin: list[Component] = []
            direction: list[Component] = []
            for k in range(3):
                axis = axes[index, k]
                along = axis[0] * points[0] + axis[1] * points[1] + axis[2] * points[2] + origin0[index, k]
                origin.append(along)
                direction.append(towards[index, k] - along if light.is_lamp else towards[index, k])
            enter, leave = interval(
                record.kind,
                (origin[0], origin[1], origin[2]),
                (direction[0], direction[1], direction[2]),
                record.taper,
            )
            blocked = (leave > np.maximum(enter, 0)) & (enter < (1.0 if light.is_lamp else np.inf))
            dark[inside] |= blocked
    result = np.empty_like(dark)
    result[order] = dark
    return result
