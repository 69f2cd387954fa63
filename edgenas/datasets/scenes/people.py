"""Walkers and riders."""

from __future__ import annotations

import math

from edgenas.datasets.classes import CITYSCAPES_19
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.looks import cloth, hue, varnish
from edgenas.datasets.scenes.solids import BOX, ELLIPSOID, TAPERED, Material, Pose, Scene

__all__ = ["person", "rider_on"]

_PERSON = CITYSCAPES_19.index("person")
_RIDER = CITYSCAPES_19.index("rider")


def _skin(dice: Dice) -> Material:
    return Material(
        hue(dice.uniform(0.03, 0.08), dice.uniform(0.25, 0.55), dice.uniform(0.35, 0.95)), grain=0.05
    )


def _head(scene: Scene, label: int, dice: Dice, pose: Pose, y: float, z: float, *, helmet: bool) -> None:
    scene.add(ELLIPSOID, label, _skin(dice), pose, (0, y, z), (0.19, 0.22, 0.26))
    cover = (
        varnish(dice)
        if helmet
        else Material(hue(dice.uniform(0, 0.12), 0.4, dice.uniform(0.05, 0.6)), grain=0.3)
    )
    scene.add(ELLIPSOID, label, cover, pose, (0, y - 0.025, z + 0.045), (0.22, 0.23, 0.23))


def person(scene: Scene, dice: Dice, pose: Pose) -> None:
    """Someone who stands or walks, facing along the pose's y."""
    top, trousers, skin = cloth(dice), cloth(dice), _skin(dice)
    height = dice.uniform(1.1, 1.4) if dice.chance(0.12) else dice.uniform(1.55, 1.95)
    leg, stride = height * 0.48, dice.uniform(0, 0.45)
    for side in (-1, 1):
        scene.add(
            TAPERED, _PERSON, trousers, pose, (side * 0.09, side * stride * leg * 0.35, leg / 2 + 0.02),
            (0.15, 0.17, leg), pitch_rad=side * stride * 0.8, taper=(-0.15, -0.2),
        )  # fmt: skip
        scene.add(
            BOX,
            _PERSON,
            _shoe(dice),
            pose,
            (side * 0.09, side * stride * leg * 0.75 + 0.04, 0.04),
            (0.1, 0.26, 0.08),
        )
    torso = height * 0.33
    scene.add(TAPERED, _PERSON, top, pose, (0, 0, leg + torso / 2), (0.4, 0.24, torso), taper=(-0.12, 0.0))
    if dice.chance(0.25):  # a skirt or a long coat
        scene.add(
            TAPERED,
            _PERSON,
            dice.choice((top, trousers)),
            pose,
            (0, 0, leg * 0.78),
            (0.5, 0.36, leg * 0.6),
            taper=(0.3, 0.3),
        )
    for side in (-1, 1):
        swing = -side * stride * 0.7
        scene.add(
            BOX, _PERSON, top, pose, (side * 0.26, -swing * 0.2, leg + torso * 0.55), (0.1, 0.12, torso * 1.05),
            pitch_rad=swing,
        )  # fmt: skip
        scene.add(ELLIPSOID, _PERSON, skin, pose, (side * 0.26, -swing * 0.55, leg), (0.1, 0.12, 0.16))
    _head(scene, _PERSON, dice, pose, 0.0, height - 0.13, helmet=False)
    if dice.chance(0.3):
        place = dice.choice(((0.0, -0.2, leg + torso * 0.6), (0.34, 0.0, leg * 0.8)))
        scene.add(BOX, _PERSON, cloth(dice), pose, place, (0.26, 0.18, 0.36))


def _shoe(dice: Dice) -> Material:
    return Material(hue(dice.uniform(0, 1), 0.3, dice.uniform(0.05, 0.6)), grain=0.1)


def rider_on(scene: Scene, dice: Dice, pose: Pose, seat: float, *, leaning: float) -> None:
    """The rider of a two-wheeler whose seat is at height `seat` (metres), leaning forward (radians)."""
    top, trousers = cloth(dice), cloth(dice)
    torso = 0.62
    lean_y, lean_z = math.sin(leaning) * torso, math.cos(leaning) * torso
    middle = (0.0, -0.2 + lean_y / 2, seat + 0.04 + lean_z / 2)
    scene.add(TAPERED, _RIDER, top, pose, middle, (0.36, 0.24, torso), pitch_rad=-leaning, taper=(-0.15, 0))
    for side in (-1, 1):
        scene.add(
            BOX, _RIDER, trousers, pose, (side * 0.13, 0.0, seat - 0.04), (0.15, 0.46, 0.16), pitch_rad=-0.25
        )
        lift = dice.uniform(-0.06, 0.06)
        scene.add(
            BOX,
            _RIDER,
            trousers,
            pose,
            (side * 0.14, 0.15, seat - 0.34 + lift),
            (0.12, 0.14, 0.52),
            pitch_rad=0.2,
        )
        scene.add(
            BOX, _RIDER, top, pose, (side * 0.24, 0.05 + lean_y * 0.75, seat + lean_z * 0.72), (0.1, 0.55, 0.1),
            pitch_rad=-0.5,
        )  # fmt: skip
    _head(
        scene, _RIDER, dice, pose, -0.16 + lean_y * 1.15, seat + 0.12 + lean_z * 1.08, helmet=dice.chance(0.7)
    )
