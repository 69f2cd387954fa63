"""What stands beside a street: poles, lights, signs, trees, fences, walls and buildings."""

from __future__ import annotations

import math

from edgenas.datasets.classes import CITYSCAPES_19
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.looks import (
    brick,
    coloured,
    concrete,
    foliage,
    glass,
    hue,
    metal,
    plaster,
    varnish,
    wood,
)
from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID, TAPERED, Material, Pose, Scene

__all__ = ["building", "bush", "fence", "lamp_post", "sign_post", "traffic_light", "tree", "wall"]

_BUILDING, _WALL, _FENCE, _POLE, _LIGHT, _SIGN, _VEGETATION = (
    CITYSCAPES_19.index(name)
    for name in ("building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation")
)


def lamp_post(scene: Scene, dice: Dice, pose: Pose, inward: float) -> None:
    """A street lamp whose arm reaches towards the road, on the side given by the sign of `inward`."""
    look, height, width = metal(dice), dice.uniform(4.5, 8.5), dice.uniform(0.13, 0.24)
    scene.add(CYLINDER, _POLE, look, pose, (0, 0, height / 2), (width, width, height))
    if dice.chance(0.7):
        arm = dice.uniform(0.8, 2.2) * inward
        scene.add(BOX, _POLE, look, pose, (arm / 2, 0, height), (abs(arm), 0.09, 0.09))
        scene.add(BOX, _POLE, look, pose, (arm, 0, height), (0.7, 0.25, 0.14))
    else:
        scene.add(ELLIPSOID, _POLE, Material((0.85, 0.85, 0.8)), pose, (0, 0, height), (0.45, 0.45, 0.45))


def traffic_light(scene: Scene, dice: Dice, pose: Pose, inward: float) -> None:
    """A signal head on a mast, sometimes a second one hung over the road."""
    look, height = metal(dice), dice.uniform(2.6, 3.6)
    case = Material(hue(0.3, 0.2, dice.uniform(0.04, 0.2)), grain=0.05)
    scene.add(CYLINDER, _POLE, look, pose, (0, 0, height / 2), (0.15, 0.15, height))
    places = [(0.0, height - 0.1)]
    if dice.chance(0.5):
        arm, top = dice.uniform(2.5, 4.5) * inward, dice.uniform(5, 6)
        scene.add(CYLINDER, _POLE, look, pose, (0, 0, top / 2), (0.18, 0.18, top))
        scene.add(BOX, _POLE, look, pose, (arm / 2, 0, top), (abs(arm), 0.12, 0.12))
        places.append((arm, top - 0.35))
    lit = dice.integer(0, 2)
    for x, z in places:
        scene.add(BOX, _LIGHT, case, pose, (x, -0.16, z), (0.36, 0.26, 1.0))
        if dice.chance(0.3):
            scene.add(BOX, _LIGHT, case, pose, (x, -0.08, z), (0.55, 0.04, 1.2))
        for index, colour in enumerate(((0.9, 0.08, 0.05), (0.95, 0.6, 0.05), (0.1, 0.85, 0.35))):
            on = index == lit
            lamp = Material(colour if on else (0.1, 0.09, 0.08), grain=0, glow=0.9 if on else 0)
            scene.add(
                ELLIPSOID, _LIGHT, lamp, pose, (x, -0.29, z + 0.31 * (1 - index)), (0.22, 0.08, 0.22),
                casts_shadow=False,
            )  # fmt: skip


def sign_post(scene: Scene, dice: Dice, pose: Pose) -> None:
    """One or two traffic signs on a post: discs, triangles, plates."""
    height = dice.uniform(2.0, 3.0)
    scene.add(CYLINDER, _POLE, metal(dice), pose, (0, 0, height / 2), (0.08, 0.08, height))
    for index in range(dice.integer(1, 2)):
        z, size = height - 0.3 - 0.78 * index, dice.uniform(0.5, 0.8)
        back = hue(dice.choice((0.0, 0.6, 0.15, 0.35, 0.1)), dice.uniform(0, 0.85), dice.uniform(0.5, 0.95))
        face = Material(
            back, (0.95, 0.95, 0.95), dice.choice(("plain", "patches", "stripes")), (0.3, 0.3), 0.05
        )
        inner = Material(
            (0.95, 0.95, 0.92),
            hue(dice.uniform(0, 1), 0.8, 0.3),
            dice.choice(("plain", "patches")),
            (0.16, 0.16),
            0.0,
        )
        shape = dice.integer(0, 3)
        if shape == 0:
            scene.add(CYLINDER, _SIGN, face, pose, (0, -0.06, z), (size, size, 0.03), pitch_rad=math.pi / 2)
            if dice.chance(0.7):
                scene.add(
                    CYLINDER,
                    _SIGN,
                    inner,
                    pose,
                    (0, -0.08, z),
                    (size * 0.7, size * 0.7, 0.03),
                    pitch_rad=math.pi / 2,
                )
        elif shape == 1:
            scene.add(TAPERED, _SIGN, face, pose, (0, -0.06, z), (size * 1.1, 0.03, size), taper=(1.0, 0.0))
            scene.add(
                TAPERED,
                _SIGN,
                inner,
                pose,
                (0, -0.08, z - 0.03),
                (size * 0.7, 0.03, size * 0.62),
                taper=(1.0, 0.0),
            )
        else:
            wide = size * (dice.uniform(1.5, 3) if shape == 3 else 1.0)
            scene.add(BOX, _SIGN, face, pose, (0, -0.06, z), (wide, 0.03, size))
            if dice.chance(0.5):
                scene.add(BOX, _SIGN, inner, pose, (0, -0.08, z), (wide * 0.6, 0.03, size * 0.6))


def tree(scene: Scene, dice: Dice, pose: Pose, *, near: bool) -> None:
    """A tree; far ones have fewer leaf clumps."""
    leaves, height = foliage(dice), dice.uniform(4, 11)
    stem = height * dice.uniform(0.2, 0.42)
    thick = dice.uniform(0.15, 0.45)
    scene.add(
        TAPERED,
        _VEGETATION,
        coloured(wood(dice), 0.6),
        pose,
        (0, 0, stem * 0.7),
        (thick, thick, stem * 1.4),
        taper=(0.3, 0.3),
    )
    if dice.chance(0.2):  # a conifer: stacked tapered boxes would look built, so stacked flat clumps
        for index in range(6 if near else 3):
            share = index / (6 if near else 3)
            width = height * 0.42 * (1.05 - share)
            scene.add(
                ELLIPSOID,
                _VEGETATION,
                coloured(leaves, 0.75),
                pose,
                (0, 0, stem + share * height * 0.75),
                (width, width, height * 0.32),
            )
        return
    spread = height * dice.uniform(0.22, 0.34)
    middle = stem + (height - stem) * 0.55
    for _ in range(dice.integer(9, 14) if near else 5):
        angle, out = dice.uniform(0, 2 * math.pi), dice.uniform(0.1, 0.8) * spread
        z = middle + dice.uniform(-0.38, 0.38) * (height - stem)
        size = dice.uniform(0.5, 1.05) * spread
        scene.add(
            ELLIPSOID, _VEGETATION, coloured(leaves, dice.uniform(0.75, 1.2)), pose.moved(0, 0, 0, angle),
            (out, 0, z), (size * dice.uniform(0.9, 1.5), size, size * dice.uniform(0.6, 1.0)),
        )  # fmt: skip


def bush(scene: Scene, dice: Dice, pose: Pose, length: float) -> None:
    """A row of shrubs or a clipped hedge along the pose's y axis."""
    leaves, height = foliage(dice), dice.uniform(0.7, 2.2)
    if dice.chance(0.4):
        scene.add(
            BOX, _VEGETATION, leaves, pose, (0, 0, height / 2), (dice.uniform(0.6, 1.2), length, height)
        )
        return
    count = max(2, int(length / 2.2))
    for index in range(count):
        y = (index + 0.5) / count * length - length / 2
        size = height * dice.uniform(0.8, 1.3)
        scene.add(
            ELLIPSOID, _VEGETATION, coloured(leaves, dice.uniform(0.8, 1.2)), pose,
            (dice.uniform(-0.3, 0.3), y, size * 0.35), (size * 1.1, length / count * 1.5, size * 1.3),
        )  # fmt: skip


def fence(scene: Scene, dice: Dice, pose: Pose, length: float) -> None:
    """A fence along the pose's y axis: posts and rails, pickets or boards."""
    look = dice.choice((wood, metal, varnish))(dice)
    height, posts = dice.uniform(0.9, 2.0), max(2, int(length / 2.5))
    for index in range(posts + 1):
        y = index / posts * length - length / 2
        scene.add(BOX, _FENCE, look, pose, (0, y, height / 2), (0.1, 0.1, height))
    if dice.chance(0.45):
        boards = look._replace(second=coloured(look, 0.55).colour, pattern="stripes", period=(0.3, 0.3))
        scene.add(BOX, _FENCE, boards, pose, (0, 0, height * 0.52), (0.05, length, height * 0.85))
        return
    for share in dice.choice(((0.35, 0.92), (0.25, 0.6, 0.95), (0.2, 0.4, 0.6, 0.8, 0.98))):
        scene.add(BOX, _FENCE, look, pose, (0, 0, height * share), (0.05, length, 0.08))


def wall(scene: Scene, dice: Dice, pose: Pose, length: float) -> None:
    """A free-standing wall along the pose's y axis."""
    look, height = dice.choice((brick, concrete, plaster))(dice), dice.uniform(1.0, 3.0)
    scene.add(BOX, _WALL, look, pose, (0, 0, height / 2), (0.35, length, height))
    if dice.chance(0.6):
        scene.add(BOX, _WALL, concrete(dice), pose, (0, 0, height), (0.5, length + 0.1, 0.14))


def building(scene: Scene, dice: Dice, pose: Pose, length: float, inward: float) -> None:
    """A building whose front is the plane x = 0 of the pose and which reaches away from the road.

    Args:
        scene: receives the solids.
        dice: random choices.
        pose: middle of the front, on the ground; y runs along the street.
        length: metres along the street.
        inward: sign of the direction of the road along x.
    """
    facade = dice.choice((plaster, plaster, brick, concrete))(dice)
    storey, storeys = dice.uniform(2.8, 3.8), dice.integer(1, 7)
    ground = dice.uniform(3.0, 4.5)
    height, deep = ground + storey * storeys, dice.uniform(8, 14)
    away = -inward
    # The face along x shows the fronts; u runs along y there and v along z.
    bay = length / max(2, round(length / dice.uniform(1.8, 3.6)))
    panes = facade._replace(second=glass(dice).colour, pattern="windows", period=(bay, storey))
    upper = height - ground
    scene.add(BOX, _BUILDING, panes, pose, (away * deep / 2, 0, ground + upper / 2), (deep, length, upper))
    base = dice.choice((facade, coloured(facade, 0.7), concrete(dice), varnish(dice)))
    shop = base._replace(
        second=glass(dice).colour, pattern="windows", period=(length / dice.integer(2, 5), ground * 1.15)
    )
    scene.add(
        BOX, _BUILDING, shop, pose, (away * deep / 2, 0, ground / 2), (deep - 0.1, length * 0.995, ground)
    )
    trim = coloured(facade, dice.uniform(0.6, 1.25))._replace(pattern="plain")
    for z in (ground, height):
        if dice.chance(0.6):
            scene.add(BOX, _BUILDING, trim, pose, (away * deep / 2, 0, z), (deep + 0.3, length + 0.2, 0.3))
    if dice.chance(0.35):
        awning = varnish(dice)._replace(second=(0.9, 0.9, 0.88), pattern="stripes", period=(0.6, 0.6))
        scene.add(
            BOX,
            _BUILDING,
            awning,
            pose,
            (inward * 0.6, 0, ground * 0.82),
            (1.5, length * 0.6, 0.1),
            roll_rad=inward * 0.3,
        )
    if dice.chance(0.5):  # a pitched roof whose ridge runs along the street
        roof = coloured(brick(dice), 0.8)
        rise = dice.uniform(2, 4)
        scene.add(
            TAPERED,
            _BUILDING,
            roof,
            pose,
            (away * deep / 2, 0, height + rise / 2),
            (deep + 0.5, length, rise),
            taper=(0.95, 0.0),
        )
    if dice.chance(0.3):
        for index in range(storeys):
            z = ground + storey * (index + 0.12)
            scene.add(BOX, _BUILDING, trim, pose, (inward * 0.5, 0, z), (1.0, min(length * 0.4, 4), 0.12))
            scene.add(
                BOX, _BUILDING, trim, pose, (inward * 0.97, 0, z + 0.5), (0.06, min(length * 0.4, 4), 0.9)
            )
