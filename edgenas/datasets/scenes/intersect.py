"""Where rays enter and leave a primitive, in its local frame."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID

__all__ = ["Component", "interval"]

Component: TypeAlias = "NDArray[np.float32] | np.float32"
"""One component of origins or directions: an array over rays, or one value that all rays share."""

_Triple = tuple[Component, Component, Component]


def interval(
    kind: int, origin: _Triple, direction: _Triple, taper: tuple[float, float]
) -> tuple[Component, Component]:
    """Ray parameters of entry and exit of a solid that fills [-1, 1]^3.

    Args:
        kind: BOX, TAPERED, CYLINDER or ELLIPSOID.
        origin: local ray origins, three components that broadcast against the directions.
        direction: local ray directions, not normalised.
        taper: TAPERED only: share by which the top is narrower along x and y.

    Returns:
        (enter, leave), f32; the ray misses where `enter < leave` is not true (NaN included).
    """
    if kind == BOX:
        enter, leave = _slab(origin[0], direction[0])
        for axis in (1, 2):
            near, far = _slab(origin[axis], direction[axis])
            enter, leave = np.maximum(enter, near), np.minimum(leave, far)
        return enter, leave
    if kind == ELLIPSOID:
        return _ball(origin, direction, 3)
    enter, leave = _slab(origin[2], direction[2])
    if kind == CYLINDER:
        near, far = _ball(origin, direction, 2)
        return np.maximum(enter, near), np.minimum(leave, far)
    for axis in (0, 1):
        lean = taper[axis] / 2
        for sign in (1.0, -1.0):
            # The half space sign * x + lean * z <= 1 - lean.
            room = (1.0 - lean) - (sign * origin[axis] + lean * origin[2])
            speed = sign * direction[axis] + lean * direction[2]
            t = room / speed
            leaving = speed > 0
            leave = np.where(leaving, np.minimum(leave, t), leave)
            enter = np.where(leaving, enter, np.maximum(enter, t))
    return enter, leave


def _slab(origin: Component, direction: Component) -> tuple[Component, Component]:
    inverse = np.float32(1) / direction
    middle = -origin * inverse
    reach = np.abs(inverse)
    return middle - reach, middle + reach


def _ball(origin: _Triple, direction: _Triple, axes: int) -> tuple[Component, Component]:
    a: Component = direction[0] * direction[0]
    b: Component = direction[0] * origin[0]
    c: Component = origin[0] * origin[0]
    for axis in range(1, axes):
        a = a + direction[axis] * direction[axis]
        b = b + direction[axis] * origin[axis]
        c = c + origin[axis] * origin[axis]
    root = np.sqrt(b * b - a * (c - np.float32(1)))
    inverse = np.float32(1) / a
    return (-b - root) * inverse, (root - b) * inverse
