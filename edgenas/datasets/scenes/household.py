"""Small things: books, vessels, boxes, lamps, plants; and what hangs on walls."""

from __future__ import annotations

import math

from edgenas.datasets.classes import NYUV2_13
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.looks import cloth, coloured, foliage, hue, metal, varnish, wood
from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID, TAPERED, Material, Pose, Scene

__all__ = ["book_row", "clutter", "door", "floor_lamp", "floor_things", "picture", "plant", "window"]

_BOOKS, _OBJECTS, _PICTURE, _WALL, _WINDOW = (
    NYUV2_13.index(name) for name in ("books", "objects", "picture", "wall", "window")
)


def book_row(scene: Scene, dice: Dice, pose: Pose, length: float) -> None:
    """Books that stand side by side from the pose along +x, in a few groups of equal height."""
    x = 0.0
    while x < length - 0.03:
        wide = min(dice.uniform(0.08, 0.35), length - x)
        tall, deep = dice.uniform(0.16, 0.29), dice.uniform(0.13, 0.2)
        spine = Material(
            hue(dice.uniform(0, 1), dice.uniform(0.1, 0.8), dice.uniform(0.1, 0.9)),
            hue(dice.uniform(0, 1), dice.uniform(0.1, 0.8), dice.uniform(0.1, 0.95)),
            "patches", (dice.uniform(0.02, 0.05), 5.0), 0.1,
        )  # fmt: skip
        scene.add(BOX, _BOOKS, spine, pose, (x + wide / 2, 0, tall / 2), (wide * 0.98, deep, tall))
        x += wide


def _book_pile(scene: Scene, dice: Dice, pose: Pose) -> None:
    z = 0.0
    for _ in range(dice.integer(1, 5)):
        thick = dice.uniform(0.015, 0.05)
        turned = pose.moved(0, 0, z, dice.uniform(-0.4, 0.4))
        scene.add(
            BOX,
            _BOOKS,
            varnish(dice),
            turned,
            (0, 0, thick / 2),
            (dice.uniform(0.15, 0.3), dice.uniform(0.13, 0.22), thick),
        )
        z += thick


def _small_thing(scene: Scene, dice: Dice, pose: Pose, tallest: float) -> None:
    look = dice.choice((varnish, metal, cloth))(dice)
    tall = min(dice.uniform(0.07, 0.34), tallest)
    kind = dice.integer(0, 5)
    if kind == 0:  # a bottle or a vase
        wide = tall * dice.uniform(0.25, 0.45)
        scene.add(CYLINDER, _OBJECTS, look, pose, (0, 0, tall * 0.35), (wide, wide, tall * 0.7))
        scene.add(CYLINDER, _OBJECTS, look, pose, (0, 0, tall * 0.8), (wide * 0.4, wide * 0.4, tall * 0.4))
    elif kind == 1:  # a mug
        scene.add(CYLINDER, _OBJECTS, look, pose, (0, 0, 0.05), (0.085, 0.085, 0.1))
    elif kind == 2:  # a bowl or a ball
        scene.add(ELLIPSOID, _OBJECTS, look, pose, (0, 0, tall * 0.35), (tall, tall, tall * 0.7))
    elif kind == 3 and tallest > 0.4:  # a table lamp
        scene.add(CYLINDER, _OBJECTS, look, pose, (0, 0, 0.13), (0.05, 0.05, 0.26))
        scene.add(
            TAPERED,
            _OBJECTS,
            Material((0.93, 0.88, 0.75), glow=0.25),
            pose,
            (0, 0, 0.36),
            (0.26, 0.26, 0.2),
            taper=(0.35, 0.35),
        )
    else:  # a box, a tin, a basket, sheets of paper
        flat = tall * dice.choice((0.05, 0.4, 1.0))
        scene.add(
            BOX,
            _OBJECTS,
            look,
            pose,
            (0, 0, flat / 2),
            (dice.uniform(0.1, 0.32), dice.uniform(0.08, 0.24), flat),
        )


def clutter(
    scene: Scene, dice: Dice, pose: Pose, width: float, depth: float, count: int, *, tallest: float = 0.6
) -> None:
    """Scatters things over a surface of `width` x `depth` metres around the pose, none above `tallest` metres."""
    for _ in range(count):
        spot = pose.moved(
            dice.uniform(-0.42, 0.42) * width, dice.uniform(-0.38, 0.38) * depth, 0, dice.uniform(-0.6, 0.6)
        )
        if dice.chance(0.2):
            _book_pile(scene, dice, spot)
        else:
            _small_thing(scene, dice, spot, tallest)


def floor_things(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A box, a bag, a bin, a suitcase or a heap of clothes on the floor."""
    kind, size = dice.integer(0, 3), dice.uniform(0.25, 0.55)
    look = dice.choice((varnish, cloth, wood))(dice)
    if kind == 0:
        scene.add(BOX, _OBJECTS, look, pose, (0, 0, size * 0.4), (size * 1.2, size, size * 0.8))
    elif kind == 1:
        scene.add(
            TAPERED,
            _OBJECTS,
            look,
            pose,
            (0, 0, size * 0.5),
            (size * 0.8, size * 0.8, size),
            taper=(-0.25, -0.25),
        )
    elif kind == 2:
        for _ in range(4):
            place = (dice.uniform(-0.2, 0.2), dice.uniform(-0.2, 0.2), 0.06)
            scene.add(
                ELLIPSOID,
                _OBJECTS,
                cloth(dice),
                pose,
                place,
                (dice.uniform(0.25, 0.5), dice.uniform(0.2, 0.45), dice.uniform(0.15, 0.35)),
            )
    else:
        scene.add(ELLIPSOID, _OBJECTS, look, pose, (0, 0, size * 0.4), (size, size * 0.7, size * 0.9))
        scene.add(
            BOX, _OBJECTS, coloured(look, 0.6), pose, (0, 0, size * 0.3), (size * 0.7, size * 0.5, size * 0.5)
        )


def plant(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A potted plant."""
    leaves, tall = foliage(dice), dice.uniform(0.6, 1.7)
    scene.add(TAPERED, _OBJECTS, varnish(dice), pose, (0, 0, 0.16), (0.3, 0.3, 0.32), taper=(-0.25, -0.25))
    scene.add(CYLINDER, _OBJECTS, wood(dice), pose, (0, 0, tall * 0.4), (0.04, 0.04, tall * 0.6))
    for _ in range(dice.integer(5, 9)):
        turned = pose.moved(0, 0, 0, dice.uniform(0, 2 * math.pi))
        place = (dice.uniform(0.05, 0.25), 0, 0.3 + (tall - 0.3) * dice.uniform(0.2, 0.95))
        scene.add(
            ELLIPSOID,
            _OBJECTS,
            leaves,
            turned,
            place,
            (dice.uniform(0.2, 0.45), 0.18, 0.14),
            roll_rad=dice.uniform(-0.9, 0.3),
        )


def floor_lamp(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A standard lamp."""
    tall = dice.uniform(1.3, 1.75)
    scene.add(CYLINDER, _OBJECTS, metal(dice), pose, (0, 0, 0.015), (0.3, 0.3, 0.03))
    scene.add(CYLINDER, _OBJECTS, metal(dice), pose, (0, 0, tall / 2), (0.03, 0.03, tall))
    lampshade = Material(hue(0.11, dice.uniform(0.05, 0.4), 0.95), grain=0.03, glow=dice.uniform(0.1, 0.5))
    scene.add(TAPERED, _OBJECTS, lampshade, pose, (0, 0, tall), (0.42, 0.42, 0.3), taper=(0.35, 0.35))


def picture(scene: Scene, dice: Dice, pose: Pose, width: float, height: float) -> None:
    """A framed picture or a poster whose centre is the pose, on a wall towards -y."""
    paper = Material(
        hue(dice.uniform(0, 1), dice.uniform(0, 0.7), dice.uniform(0.2, 0.95)),
        hue(dice.uniform(0, 1), dice.uniform(0.1, 0.8), dice.uniform(0.1, 0.95)),
        dice.choice(("clouds", "patches", "clouds", "stripes", "checks")),
        (dice.uniform(0.1, 0.7), dice.uniform(0.1, 0.7)), 0.3,
    )  # fmt: skip
    if dice.chance(0.75):
        rim = dice.choice((wood, varnish))(dice)
        scene.add(BOX, _PICTURE, rim, pose, (0, 0.015, 0), (width, 0.03, height))
        scene.add(
            BOX,
            _PICTURE,
            Material((0.92, 0.91, 0.88)),
            pose,
            (0, 0.03, 0),
            (width - 0.06, 0.012, height - 0.06),
        )
    margin = dice.uniform(0.08, 0.2)
    scene.add(BOX, _PICTURE, paper, pose, (0, 0.035, 0), (width - margin, 0.012, height - margin))


def window(scene: Scene, dice: Dice, pose: Pose, width: float, height: float) -> None:
    """A window whose centre is the pose: bright panes, blinds or curtains."""
    rim = Material(hue(0.1, dice.uniform(0, 0.3), dice.uniform(0.5, 0.95)), grain=0.03)
    day = dice.uniform(0.0, 1.3)
    view = Material(
        hue(dice.uniform(0.5, 0.62), dice.uniform(0, 0.3), 0.35 + 0.45 * min(day, 1)),
        hue(dice.uniform(0.2, 0.4), 0.4, 0.35),
        "clouds",
        (1.2, 1.2),
        0.2,
        day,
    )
    if dice.chance(0.35):
        slat = dice.uniform(0.04, 0.09)
        blind = Material((0.85, 0.83, 0.76), (0.5, 0.48, 0.42), "planks", (3.0, slat), 0.05, 0.35 * day)
        scene.add(BOX, _WINDOW, blind, pose, (0, 0.03, 0), (width, 0.05, height))
        return
    scene.add(BOX, _WINDOW, view, pose, (0, 0.0, 0), (width, 0.02, height))
    for x in dice.choice(((-0.5, 0.5), (-0.5, 0.0, 0.5))):
        scene.add(BOX, _WINDOW, rim, pose, (x * width, 0.02, 0), (0.07, 0.06, height + 0.07))
    for z in dice.choice(((-0.5, 0.5), (-0.5, 0.05, 0.5))):
        scene.add(BOX, _WINDOW, rim, pose, (0, 0.025, z * height), (width, 0.07, 0.07))
    if dice.chance(0.4):
        fabric = cloth(dice)._replace(pattern="stripes", period=(0.12, 0.12))
        for side in (-1, 1):
            scene.add(
                BOX,
                _WINDOW,
                fabric,
                pose,
                (side * width * 0.52, 0.08, -0.05),
                (width * 0.28, 0.08, height + 0.3),
            )


def door(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A closed door, which the 13-class labels count as wall; the pose is on the floor at the wall."""
    look = dice.choice((wood, varnish))(dice)
    panels = look._replace(second=coloured(look, 0.75).colour, pattern="tiles", period=(0.42, 0.68))
    scene.add(
        BOX, _WALL, coloured(look, 0.9)._replace(pattern="plain"), pose, (0, 0.015, 1.04), (1.04, 0.05, 2.08)
    )
    scene.add(BOX, _WALL, panels, pose, (0, 0.03, 1.0), (0.86, 0.05, 1.98))
    scene.add(ELLIPSOID, _WALL, metal(dice), pose, (0.36, 0.08, 1.0), (0.07, 0.07, 0.07))
