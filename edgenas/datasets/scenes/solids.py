"""Primitives of the ray caster: boxes, tapered boxes, vertical cylinders, ellipsoids.

Every solid is convex and lives in a local frame where it fills [-1, 1]^3: the unit cube, the cube whose sides
lean inwards, the unit cylinder, the unit ball. A ray is brought into that frame, so one rotation and three
half sizes give all solids of a scene.

World frame: x right, y forward, z up, metres. Geometry uses correctly rounded operations only (+ - * / sqrt;
no matrix product, trigonometry rounded to 1e-6), so depth and labels are the same on every CPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = [
    "BOX",
    "CYLINDER",
    "ELLIPSOID",
    "TAPERED",
    "Material",
    "Pose",
    "Scene",
    "Solid",
    "Vector",
    "trigonometry",
]

Vector = tuple[float, float, float]

BOX, TAPERED, CYLINDER, ELLIPSOID = range(4)


def trigonometry(angle_rad: float) -> tuple[float, float]:
    """Sine and cosine, rounded to 1e-6 because the last bit differs between C libraries."""
    return round(math.sin(angle_rad), 6), round(math.cos(angle_rad), 6)


class Material(NamedTuple):
    """What a surface looks like.

    Attributes:
        colour: sRGB in [0, 1].
        second: the colour that the pattern mixes in.
        pattern: a pattern's name, see `textures.PATTERNS`.
        period: repeat of the pattern along the face's two axes, metres.
        grain: strength of the noise, 0 to 1.
        glow: light that the surface sends out itself, 0 to 1.
    """

    colour: Vector
    second: Vector = (0.5, 0.5, 0.5)
    pattern: str = "plain"
    period: tuple[float, float] = (1.0, 1.0)
    grain: float = 0.15
    glow: float = 0.0


class Solid(NamedTuple):
    """One placed primitive.

    Attributes:
        kind: BOX, TAPERED, CYLINDER or ELLIPSOID.
        label: class index.
        centre: world position, metres.
        axes: the local x, y and z axes in the world, unit vectors.
        half: half sizes along the local axes, metres.
        taper: TAPERED only: how much narrower the top is, as a share of the base, along local x and y;
            negative where the top is the wider end.
        material: its look.
        casts_shadow: False for shells that the light must pass.
    """

    kind: int
    label: int
    centre: Vector
    axes: tuple[Vector, Vector, Vector]
    half: Vector
    taper: tuple[float, float]
    material: Material
    casts_shadow: bool = True


@dataclass(frozen=True, slots=True)
class Pose:
    """A place on the ground plan with a heading: the frame in which an object is built.

    Attributes:
        x: metres to the right.
        y: metres forward.
        z: metres up.
        sine: sine of the yaw (anticlockwise from above).
        cosine: cosine of the yaw.
    """

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    sine: float = 0.0
    cosine: float = 1.0

    @classmethod
    def at(cls, x: float, y: float, z: float = 0.0, yaw_rad: float = 0.0) -> Pose:
        """The pose at a point with a yaw."""
        return cls(x, y, z, *trigonometry(yaw_rad))

    def point(self, x: float, y: float, z: float) -> Vector:
        """World position of a local point."""
        return (
            self.x + x * self.cosine - y * self.sine,
            self.y + x * self.sine + y * self.cosine,
            self.z + z,
        )

    def moved(self, x: float, y: float, z: float = 0.0, yaw_rad: float = 0.0) -> Pose:
        """A pose given relative to this one."""
        sine, cosine = trigonometry(yaw_rad)
        return Pose(
            *self.point(x, y, z),
            self.sine * cosine + self.cosine * sine,
            self.cosine * cosine - self.sine * sine,
        )

    def _vector(self, v: Vector) -> Vector:
        return (v[0] * self.cosine - v[1] * self.sine, v[0] * self.sine + v[1] * self.cosine, v[2])


@dataclass(slots=True)
class Scene:
    """Solids collected by a layout.

    Attributes:
        solids: the primitives.
    """

    solids: list[Solid] = field(default_factory=list)

    def add(
        self,
        kind: int,
        label: int,
        material: Material,
        pose: Pose,
        centre: Vector,
        size: Vector,
        *,
        pitch_rad: float = 0.0,
        roll_rad: float = 0.0,
        taper: tuple[float, float] = (0.0, 0.0),
        casts_shadow: bool = True,
    ) -> None:
        """Adds one solid.

        Args:
            kind: BOX, TAPERED, CYLINDER or ELLIPSOID.
            label: class index.
            material: its look.
            pose: frame of the object it belongs to.
            centre: its centre in that frame, metres.
            size: full sizes along its own axes, metres (a cylinder's axis is z).
            pitch_rad: rotation about its local x axis; pi/2 lays its z axis along -y.
            roll_rad: rotation about its local y axis, after the pitch; pi/2 lays z along x.
            taper: for TAPERED, see `Solid`.
            casts_shadow: whether it stops light.
        """
        x_axis, y_axis, z_axis = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
        if pitch_rad:
            s, c = trigonometry(pitch_rad)
            y_axis, z_axis = (0.0, c, s), (0.0, -s, c)
        if roll_rad:
            s, c = trigonometry(roll_rad)
            x_axis, y_axis, z_axis = (
                (c * v[0] + s * v[2], v[1], c * v[2] - s * v[0]) for v in (x_axis, y_axis, z_axis)
            )
        self.solids.append(
            Solid(
                kind,
                label,
                pose.point(*centre),
                (pose._vector(x_axis), pose._vector(y_axis), pose._vector(z_axis)),
                (size[0] / 2, size[1] / 2, size[2] / 2),
                taper if kind == TAPERED else (0.0, 0.0),
                material,
                casts_shadow,
            )
        )
