"""Furniture built from primitives.

Local frame of every piece: x along its width, its back at y = 0, its front towards +y, z up from the floor.
"""

from __future__ import annotations

import math

from edgenas.datasets.classes import NYUV2_13
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.household import book_row, clutter
from edgenas.datasets.scenes.looks import cloth, coloured, metal, plaster, varnish, wood
from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID, TAPERED, Material, Pose, Scene

__all__ = ["bed", "bookcase", "cabinet", "chair", "desk", "dining_table", "sofa", "television"]

_BED, _CHAIR, _FURNITURE, _SOFA, _TABLE, _TV = (
    NYUV2_13.index(name) for name in ("bed", "chair", "furniture", "sofa", "table", "tv")
)


def _frame(dice: Dice) -> Material:
    """Material of carcasses and legs: wood, lacquer or metal."""
    return dice.choice((wood, wood, varnish, plaster, metal))(dice)


def bed(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float) -> None:
    """A bed whose headboard stands at the wall."""
    frame, linen, cover = _frame(dice), cloth(dice), cloth(dice)
    top = dice.uniform(0.42, 0.65)
    scene.add(BOX, _BED, frame, pose, (0, depth / 2, 0.16), (width, depth, 0.22))
    scene.add(
        BOX, _BED, linen, pose, (0, depth / 2, (0.27 + top) / 2), (width * 0.97, depth * 0.97, top - 0.27)
    )
    folded = dice.uniform(0.25, 0.5) * depth
    size = (width * 1.03, depth - folded, top - 0.14)
    scene.add(
        TAPERED, _BED, cover, pose, (0, folded + size[1] / 2, 0.18 + size[2] / 2), size, taper=(0.04, 0.02)
    )
    for _ in range(dice.integer(0, 3)):  # folds
        place = (dice.uniform(-0.3, 0.3) * width, folded + dice.uniform(0.2, 0.8) * size[1], top + 0.02)
        scene.add(ELLIPSOID, _BED, cover, pose, place, (dice.uniform(0.4, 0.9), dice.uniform(0.2, 0.7), 0.16))
    if dice.chance(0.8):
        scene.add(BOX, _BED, frame, pose, (0, 0.04, 0.55), (width * 1.02, 0.07, dice.uniform(0.8, 1.1)))
    for x in (-0.25, 0.25) if width > 1.3 else (0.0,):
        pillow = dice.choice((linen, cloth(dice)))
        scene.add(
            ELLIPSOID, _BED, pillow, pose, (x * width, 0.32, top + 0.08), (0.62, 0.42, 0.24), pitch_rad=0.3
        )


def sofa(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float) -> None:
    """A sofa or an armchair."""
    cover = cloth(dice)
    seat, back, arm = dice.uniform(0.38, 0.47), dice.uniform(0.75, 0.95), dice.uniform(0.14, 0.24)
    scene.add(BOX, _SOFA, coloured(cover, 0.85), pose, (0, depth / 2, 0.2), (width, depth * 0.96, 0.3))
    scene.add(
        TAPERED, _SOFA, cover, pose, (0, 0.14, back / 2 + 0.05), (width, 0.28, back - 0.1), taper=(0.0, 0.3)
    )
    for side in (-1, 1):
        x = side * (width - arm) / 2
        scene.add(BOX, _SOFA, cover, pose, (x, depth / 2, 0.32), (arm, depth, 0.55))
        if dice.chance(0.5):
            scene.add(
                CYLINDER, _SOFA, cover, pose, (x, depth / 2, 0.59), (arm, arm, depth), pitch_rad=math.pi / 2
            )
    seats = max(1, round((width - 2 * arm) / 0.7))
    each = (width - 2 * arm) / seats
    for index in range(seats):
        x = -width / 2 + arm + each * (index + 0.5)
        scene.add(BOX, _SOFA, cover, pose, (x, depth * 0.6, seat), (each * 0.97, depth * 0.72, 0.16))
        scene.add(BOX, _SOFA, cover, pose, (x, 0.33, seat + 0.27), (each * 0.95, 0.16, 0.42), pitch_rad=0.15)
        if dice.chance(0.35):
            scene.add(
                ELLIPSOID, _SOFA, cloth(dice), pose, (x, 0.5, seat + 0.26), (0.42, 0.18, 0.4), pitch_rad=0.3
            )


def chair(scene: Scene, dice: Dice, pose: Pose) -> None:
    """A dining or an office chair with the middle of its seat at the pose, its back at -y."""
    seat_look, frame = dice.choice((cloth, wood, varnish))(dice), _frame(dice)
    seat, width, depth = dice.uniform(0.42, 0.5), dice.uniform(0.4, 0.52), dice.uniform(0.4, 0.5)
    if dice.chance(0.6):
        scene.add(BOX, _CHAIR, seat_look, pose, (0, 0, seat), (width, depth, 0.06))
    else:
        scene.add(ELLIPSOID, _CHAIR, seat_look, pose, (0, 0, seat), (width * 1.1, depth * 1.1, 0.14))
    top = dice.uniform(0.8, 1.1)
    if dice.chance(0.3):
        scene.add(CYLINDER, _CHAIR, frame, pose, (0, 0, seat / 2), (0.07, 0.07, seat))
        for turn in (0.0, 1.05, 2.1):
            scene.add(BOX, _CHAIR, frame, pose.moved(0, 0, 0, turn), (0, 0, 0.06), (0.6, 0.06, 0.06))
    else:
        for x in (-1, 1):
            for y in (-1, 1):
                place = (x * (width / 2 - 0.03), y * (depth / 2 - 0.03), seat / 2)
                scene.add(BOX, _CHAIR, frame, pose, place, (0.045, 0.045, seat))
    lean = dice.uniform(0.05, 0.25)
    rise = top - seat
    if dice.chance(0.65):
        middle = (0.0, -depth / 2 - lean * rise * 0.4, seat + rise * 0.6)
        scene.add(BOX, _CHAIR, seat_look, pose, middle, (width, 0.06, rise * 0.75), pitch_rad=lean)
    else:
        for share in (0.45, 0.7, 0.95):
            scene.add(
                BOX,
                _CHAIR,
                frame,
                pose,
                (0, -depth / 2 - lean * rise * share * 0.8, seat + rise * share),
                (width, 0.03, 0.07),
            )
    for x in (-1, 1):
        middle = (x * (width / 2 - 0.03), -depth / 2 - lean * rise * 0.35, seat + rise / 2)
        scene.add(BOX, _CHAIR, frame, pose, middle, (0.045, 0.045, rise), pitch_rad=lean)


def _legs(
    scene: Scene, label: int, look: Material, pose: Pose, width: float, depth: float, height: float
) -> None:
    for x in (-1, 1):
        for y in (0.05, depth - 0.05):
            scene.add(BOX, label, look, pose, (x * (width / 2 - 0.05), y, height / 2), (0.06, 0.06, height))


def dining_table(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float) -> None:
    """A dining or coffee table, laid with things."""
    look, height = _frame(dice), dice.choice((dice.uniform(0.38, 0.48), dice.uniform(0.7, 0.78)))
    if dice.chance(0.25):
        side = min(width, depth)
        scene.add(CYLINDER, _TABLE, look, pose, (0, depth / 2, height), (side, side, 0.05))
        scene.add(CYLINDER, _TABLE, look, pose, (0, depth / 2, height / 2), (0.12, 0.12, height))
        scene.add(CYLINDER, _TABLE, look, pose, (0, depth / 2, 0.02), (side * 0.5, side * 0.5, 0.04))
        width = depth = side * 0.7
    else:
        scene.add(BOX, _TABLE, look, pose, (0, depth / 2, height), (width, depth, 0.05))
        _legs(scene, _TABLE, coloured(look, 0.8), pose, width, depth, height)
    if dice.chance(0.25):
        scene.add(
            BOX, _TABLE, cloth(dice), pose, (0, depth / 2, height + 0.03), (width * 0.6, depth * 1.01, 0.012)
        )
    clutter(scene, dice, pose.moved(0, depth / 2, height + 0.026), width, depth, dice.integer(0, 6))


def desk(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float) -> None:
    """A desk, often with a monitor, books and a chair."""
    look, height = _frame(dice), dice.uniform(0.7, 0.78)
    scene.add(BOX, _TABLE, look, pose, (0, depth / 2, height), (width, depth, 0.05))
    if dice.chance(0.5):
        _legs(scene, _TABLE, coloured(look, 0.75), pose, width, depth, height)
    else:
        for side in (-1, 1):
            x = side * (width / 2 - 0.2)
            drawers = look._replace(second=coloured(look, 0.5).colour, pattern="tiles", period=(0.42, 0.23))
            scene.add(BOX, _TABLE, drawers, pose, (x, depth / 2, height / 2), (0.38, depth * 0.9, height))
    top = height + 0.026
    if dice.chance(0.6):
        _screen(scene, dice, pose.moved(dice.uniform(-0.2, 0.2) * width, 0.2, top), dice.uniform(0.4, 0.65))
    if dice.chance(0.6):
        book_row(scene, dice, pose.moved(-width * 0.35, 0.14, top), dice.uniform(0.2, 0.5))
    clutter(scene, dice, pose.moved(0, depth * 0.65, top), width, depth * 0.5, dice.integer(1, 6))
    if dice.chance(0.8):
        spot = pose.moved(
            dice.uniform(-0.25, 0.25) * width,
            depth + dice.uniform(0.05, 0.35),
            0,
            math.pi + dice.uniform(-0.8, 0.8),
        )
        chair(scene, dice, spot)


def cabinet(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float, height: float) -> None:
    """A cupboard, wardrobe, kitchen unit, chest of drawers or refrigerator."""
    look = _frame(dice)
    cells = (width / dice.integer(1, 4), height / dice.integer(1, 4))
    doors = look._replace(
        second=coloured(look, dice.uniform(0.35, 0.6)).colour, pattern="tiles", period=cells
    )
    scene.add(
        BOX,
        _FURNITURE,
        look,
        pose,
        (0, depth / 2 - 0.01, height / 2 + 0.02),
        (width, depth - 0.02, height - 0.06),
    )
    scene.add(
        BOX,
        _FURNITURE,
        doors,
        pose,
        (0, depth - 0.01, height / 2 + 0.03),
        (width * 0.98, 0.03, height * 0.92),
    )
    scene.add(
        BOX,
        _FURNITURE,
        coloured(look, 0.85),
        pose,
        (0, depth / 2, height),
        (width * 1.02, depth * 1.03, 0.04),
    )
    for _ in range(dice.integer(0, 4)):
        place = (dice.uniform(-0.4, 0.4) * width, depth + 0.02, dice.uniform(0.2, 0.9) * height)
        scene.add(BOX, _FURNITURE, metal(dice), pose, place, (0.12, 0.03, 0.025))
    if height < 1.5:
        clutter(scene, dice, pose.moved(0, depth / 2, height + 0.02), width, depth, dice.integer(0, 5))


def bookcase(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float, height: float) -> None:
    """Open shelves with books and things."""
    look, shelves = _frame(dice), max(2, int(height / 0.36))
    back = coloured(look, 0.7)
    scene.add(BOX, _FURNITURE, back, pose, (0, 0.015, height / 2), (width, 0.03, height))
    for side in (-1, 1):
        scene.add(
            BOX, _FURNITURE, look, pose, (side * width / 2, depth / 2, height / 2), (0.035, depth, height)
        )
    for index in range(shelves + 1):
        z = index / shelves * (height - 0.03) + 0.015
        scene.add(BOX, _FURNITURE, look, pose, (0, depth / 2, z), (width, depth, 0.03))
        if index == shelves:
            break
        spot = pose.moved(0, depth * 0.5, z + 0.016)
        if dice.chance(0.75):
            long = width * dice.uniform(0.35, 0.95)
            book_row(
                scene, dice, spot.moved(dice.uniform(-0.5, 0.5) * (width - long - 0.04) - long / 2, 0), long
            )
        else:
            clutter(
                scene,
                dice,
                spot,
                width * 0.85,
                depth * 0.6,
                dice.integer(1, 3),
                tallest=height / shelves - 0.06,
            )


def _screen(scene: Scene, dice: Dice, pose: Pose, width: float) -> None:
    """A flat screen on its foot, its back at the pose."""
    height = width * dice.uniform(0.55, 0.65)
    case = Material((0.06, 0.06, 0.065), grain=0.02)
    dark = dice.chance(0.6)
    picture = Material(
        (0.05, 0.055, 0.07) if dark else (0.2, 0.3, 0.5), (0.12, 0.13, 0.16) if dark else (0.8, 0.7, 0.5), "clouds",
        (0.8, 0.8), 0.05, 0.0 if dark else 0.5,
    )  # fmt: skip
    scene.add(BOX, _TV, case, pose, (0, 0.04, 0.01), (width * 0.4, 0.18, 0.02))
    scene.add(BOX, _TV, case, pose, (0, 0.02, 0.06), (0.08, 0.04, 0.12))
    scene.add(BOX, _TV, case, pose, (0, 0.05, 0.08 + height / 2), (width, 0.05, height))
    scene.add(BOX, _TV, picture, pose, (0, 0.075, 0.08 + height / 2), (width * 0.94, 0.01, height * 0.9))


def television(scene: Scene, dice: Dice, pose: Pose, width: float, depth: float) -> None:
    """A television on its cabinet; an old one is a box."""
    height = dice.uniform(0.4, 0.75)
    cabinet(scene, dice, pose, width, depth, height)
    spot = pose.moved(dice.uniform(-0.1, 0.1) * width, depth * 0.4, height + 0.02)
    size = min(width * 0.95, dice.uniform(0.7, 1.35))
    if dice.chance(0.25):
        case = metal(dice)
        scene.add(BOX, _TV, case, spot, (0, 0, size * 0.32), (size * 0.8, 0.42, size * 0.62))
        glass = Material((0.1, 0.11, 0.12), (0.3, 0.32, 0.34), "clouds", (0.5, 0.5))
        scene.add(ELLIPSOID, _TV, glass, spot, (0, 0.2, size * 0.34), (size * 0.66, 0.1, size * 0.5))
    else:
        _screen(scene, dice, spot, size)
