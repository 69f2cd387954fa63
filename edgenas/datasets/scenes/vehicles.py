"""Cars, lorries, buses, trams and two-wheelers built from primitives.

Each function builds its object at a pose: x across, y the direction of travel, z up, on the ground.
"""

from __future__ import annotations

import math

from edgenas.datasets.classes import CITYSCAPES_19
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.looks import coloured, glass, metal, varnish
from edgenas.datasets.scenes.people import rider_on
from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID, TAPERED, Material, Pose, Scene

__all__ = ["bus", "car", "train", "truck", "two_wheeler"]

_RUBBER = Material((0.07, 0.07, 0.08), grain=0.2)
_RED_LAMP = Material((0.75, 0.08, 0.06), grain=0.0, glow=0.15)
_WHITE_LAMP = Material((0.95, 0.95, 0.88), grain=0.0, glow=0.2)
_PLATE = Material((0.85, 0.85, 0.8), (0.1, 0.1, 0.1), "stripes", (0.08, 0.1))


def _label(name: str) -> int:
    return CITYSCAPES_19.index(name)


def _wheels(
    scene: Scene, label: int, pose: Pose, half_track: float, places: list[float], radius: float
) -> None:
    for y in places:
        for side in (-1, 1):
            scene.add(
                CYLINDER, label, _RUBBER, pose, (side * half_track, y, radius), (2 * radius, 2 * radius, 0.24),
                roll_rad=math.pi / 2,
            )  # fmt: skip


def _lamps(scene: Scene, label: int, pose: Pose, half_width: float, half_length: float, z: float) -> None:
    for end, lamp in ((-1, _RED_LAMP), (1, _WHITE_LAMP)):
        for side in (-1, 1):
            scene.add(
                BOX, label, lamp, pose, (side * half_width * 0.78, end * half_length, z), (0.3, 0.06, 0.16),
                casts_shadow=False,
            )  # fmt: skip
        scene.add(
            BOX, label, _PLATE, pose, (0, end * half_length, z * 0.72), (0.5, 0.05, 0.12), casts_shadow=False
        )


def car(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A saloon, estate, small car or van."""
    label = _label("car")
    paint, window = varnish(dice), glass(dice)
    length, width = dice.uniform(3.6, 4.9), dice.uniform(1.65, 1.9)
    tall = dice.chance(0.25)
    waist, height = (
        (1.05, dice.uniform(1.75, 2.0)) if tall else (dice.uniform(0.82, 0.95), dice.uniform(1.4, 1.6))
    )
    body = waist - 0.25
    scene.add(TAPERED, label, paint, pose, (0, 0, 0.25 + body / 2), (width, length, body), taper=(0.08, 0.05))
    cabin = length * (0.8 if tall else dice.uniform(0.52, 0.66))
    back = -0.04 * length if not tall else -0.08 * length
    rise = height - waist
    scene.add(
        TAPERED, label, window, pose, (0, back, waist + rise / 2), (width * 0.92, cabin, rise),
        taper=(0.2, 0.22 if tall else 0.4),
    )  # fmt: skip
    roof = cabin * (0.76 if tall else 0.58)
    scene.add(BOX, label, paint, pose, (0, back, height), (width * 0.74, roof, 0.06))
    scene.add(BOX, label, _RUBBER, pose, (0, 0, 0.3), (width * 1.01, length * 0.96, 0.14))
    _wheels(scene, label, pose, width / 2 - 0.1, [-0.3 * length, 0.31 * length], dice.uniform(0.29, 0.36))
    _lamps(scene, label, pose, width / 2, length / 2 - 0.01, 0.68)


def truck(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A lorry with a box, a tank or an open bed."""
    label = _label("truck")
    paint, load = varnish(dice), varnish(dice)
    length, width = dice.uniform(6, 10), dice.uniform(2.2, 2.5)
    cab, height = 1.9, dice.uniform(2.6, 3.0)
    front = length / 2 - cab / 2
    scene.add(
        TAPERED,
        label,
        paint,
        pose,
        (0, front, 0.5 + (height - 0.5) / 2),
        (width, cab, height - 0.5),
        taper=(0.05, 0.12),
    )
    scene.add(
        BOX, label, glass(dice), pose, (0, front + 0.02, height - 0.75), (width * 0.97, cab * 0.92, 0.75)
    )
    scene.add(BOX, label, metal(dice), pose, (0, -0.2, 0.75), (width * 0.85, length * 0.95, 0.3))
    bed, middle = length - cab - 0.2, -cab / 2 - 0.1
    kind = dice.integer(0, 3)
    if kind == 0:
        scene.add(CYLINDER, label, load, pose, (0, middle, 1.9), (2.0, 2.0, bed), pitch_rad=math.pi / 2)
    elif kind == 1:
        scene.add(BOX, label, load, pose, (0, middle, 1.3), (width, bed, 0.8))
        scene.add(ELLIPSOID, label, load, pose, (0, middle, 1.7), (width * 0.8, bed * 0.8, 1.2))
    else:
        top = dice.uniform(3.0, 3.9)
        striped = load._replace(second=varnish(dice).colour, pattern="stripes", period=(bed, 1.3))
        scene.add(
            BOX,
            label,
            dice.choice((load, striped)),
            pose,
            (0, middle, (0.9 + top) / 2),
            (width * 1.03, bed, top - 0.9),
        )
    _wheels(scene, label, pose, width / 2 - 0.15, [-0.32 * length, -0.18 * length, front], 0.48)
    _lamps(scene, label, pose, width / 2, length / 2 + 0.02, 0.95)


def bus(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A city bus."""
    label = _label("bus")
    paint = varnish(dice)
    length, width, height = dice.uniform(9, 13), 2.5, dice.uniform(2.9, 3.3)
    scene.add(BOX, label, paint, pose, (0, 0, 0.3 + height / 2), (width, length, height))
    panes = glass(dice)._replace(second=shade_of(paint), pattern="windows", period=(1.4, 2.0))
    scene.add(BOX, label, panes, pose, (0, 0, height * 0.68), (width + 0.04, length * 0.95, height * 0.32))
    scene.add(
        BOX, label, glass(dice), pose, (0, 0, height * 0.64), (width * 0.86, length + 0.05, height * 0.42)
    )
    sign = Material((0.08, 0.08, 0.08), (0.95, 0.7, 0.1), "patches", (0.12, 0.15), 0.0, 0.1)
    scene.add(BOX, label, sign, pose, (0, 0, height * 0.98), (width * 0.6, length + 0.06, 0.26))
    _wheels(scene, label, pose, width / 2 - 0.12, [-0.28 * length, 0.33 * length], 0.5)
    _lamps(scene, label, pose, width / 2, length / 2 + 0.03, 0.75)


def shade_of(paint: Material) -> tuple[float, float, float]:
    """The paint's colour a little darker: window frames."""
    return coloured(paint, 0.8).colour


def train(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A tram of one to three cars; the pose is the middle of its rear end."""
    label = _label("train")
    paint, stripe = varnish(dice), varnish(dice)
    panes = glass(dice)._replace(second=shade_of(paint), pattern="windows", period=(1.9, 2.4))
    width, height, start = 2.5, dice.uniform(3.1, 3.5), 0.0
    for _ in range(dice.integer(1, 3)):
        length = dice.uniform(8, 12)
        middle = start + length / 2
        scene.add(
            TAPERED,
            label,
            paint,
            pose,
            (0, middle, 0.35 + height / 2),
            (width, length, height),
            taper=(0.08, 0.05),
        )
        scene.add(
            BOX, label, panes, pose, (0, middle, height * 0.68), (width * 0.985, length * 0.9, height * 0.34)
        )
        scene.add(
            BOX,
            label,
            glass(dice),
            pose,
            (0, middle, height * 0.68),
            (width * 0.8, length * 0.985, height * 0.36),
        )
        scene.add(BOX, label, stripe, pose, (0, middle, 0.62), (width + 0.05, length * 0.99, 0.4))
        scene.add(BOX, label, metal(dice), pose, (0, middle, height + 0.5), (width * 0.5, length * 0.4, 0.3))
        scene.add(BOX, label, _RUBBER, pose, (0, middle, 0.25), (width * 0.8, length * 0.9, 0.4))
        start += length + 0.4
    _lamps(scene, label, pose.moved(0, start / 2 - 0.2), width / 2, start / 2 - 0.15, 0.8)


def two_wheeler(scene: Scene, dice: Dice, pose: Pose, *, motor: bool, ridden: bool) -> None:
    """A motorcycle (motor) or a bicycle, with its rider when ridden."""
    label = _label("motorcycle" if motor else "bicycle")
    paint, frame = varnish(dice), metal(dice)
    radius, base, tyre = (0.31, 0.68, 0.16) if motor else (0.35, 0.53, 0.06)
    for y in (-base, base):
        scene.add(
            CYLINDER,
            label,
            _RUBBER,
            pose,
            (0, y, radius),
            (2 * radius, 2 * radius, tyre),
            roll_rad=math.pi / 2,
        )
        scene.add(
            CYLINDER, label, frame, pose, (0, y, radius), (1.5 * radius, 1.5 * radius, tyre * 1.05),
            roll_rad=math.pi / 2,
        )  # fmt: skip
    seat = 0.8 if motor else 0.95
    if motor:
        scene.add(ELLIPSOID, label, paint, pose, (0, 0.2, 0.75), (0.36, 0.8, 0.42))
        scene.add(BOX, label, frame, pose, (0, 0, 0.42), (0.34, 0.7, 0.36))
        scene.add(TAPERED, label, paint, pose, (0, -0.55, 0.72), (0.3, 0.75, 0.26), taper=(0.2, 0.4))
        scene.add(TAPERED, label, paint, pose, (0, 0.72, 0.85), (0.42, 0.3, 0.5), taper=(0.4, 0.7))
    else:
        for y, z, length, pitch in (
            (0.0, 0.82, 0.9, math.pi / 2),
            (-0.18, 0.6, 0.62, 0.35),
            (0.2, 0.55, 0.78, -0.75),
        ):
            scene.add(BOX, label, paint, pose, (0, y, z), (0.06, 0.06, length), pitch_rad=pitch)
        scene.add(BOX, label, paint, pose, (0, base - 0.08, 0.7), (0.06, 0.06, 0.75), pitch_rad=0.25)
        scene.add(BOX, label, paint, pose, (0, -0.4, 0.36), (0.05, 0.5, 0.05))
        if dice.chance(0.3):
            scene.add(
                TAPERED, label, metal(dice), pose, (0, base + 0.05, 0.9), (0.4, 0.35, 0.3), taper=(-0.3, -0.2)
            )
    scene.add(BOX, label, _RUBBER, pose, (0, -0.25, seat), (0.2, 0.4, 0.09))
    scene.add(BOX, label, frame, pose, (0, base - 0.15, 1.05), (0.66, 0.06, 0.06))
    if ridden:
        rider_on(scene, dice, pose, seat, leaning=dice.uniform(0.1, 0.5))
