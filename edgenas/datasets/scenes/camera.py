"""The pinhole camera and its rays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.solids import Vector, trigonometry

__all__ = ["Camera"]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels.

    A ray through a pixel is `forward + px * right + py * up`: its parameter t is the planar depth (the
    distance along the optical axis), not the distance to the camera.

    Attributes:
        position: world position, metres.
        right: unit vector of the picture's x axis.
        up: unit vector of the picture's upward axis.
        forward: the optical axis.
        half_width: tangent of half the horizontal field of view.
    """

    position: Vector
    right: Vector
    up: Vector
    forward: Vector
    half_width: float

    @classmethod
    def looking(
        cls, position: Vector, *, yaw_rad: float, pitch_rad: float, roll_rad: float, fov_rad: float
    ) -> Camera:
        """A camera that looks along +y, turned by yaw (left), then pitch (up), then roll.

        Args:
            position: world position, metres.
            yaw_rad: rotation about the vertical axis, anticlockwise from above.
            pitch_rad: upward tilt.
            roll_rad: rotation about the optical axis.
            fov_rad: horizontal field of view.
        """
        sy, cy = trigonometry(yaw_rad)
        sp, cp = trigonometry(pitch_rad)
        sr, cr = trigonometry(roll_rad)
        forward = (-sy * cp, cy * cp, sp)
        right0, up0 = (cy, sy, 0.0), (sy * sp, -cy * sp, cp)
        right = tuple(cr * a + sr * b for a, b in zip(right0, up0, strict=True))
        up = tuple(cr * b - sr * a for a, b in zip(right0, up0, strict=True))
        return cls(
            position,
            (right[0], right[1], right[2]),
            (up[0], up[1], up[2]),
            forward,
            round(math.tan(fov_rad / 2), 6),
        )

    def pixel_plane(self, height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coordinates of the pixel centres on the plane at depth 1.

        Returns:
            px, f32 [W], to the right, and py, f32 [H], upwards.
        """
        step = 2.0 * self.half_width / width
        px = (np.arange(width, dtype=np.float64) + 0.5 - width / 2) * step
        py = (height / 2 - 0.5 - np.arange(height, dtype=np.float64)) * step
        return px.astype(np.float32), py.astype(np.float32)
