"""The world `rooms`: bedrooms, living rooms, studies and kitchens, seen by someone who stands in them."""

from __future__ import annotations

import math

from edgenas.datasets.classes import NYUV2_13
from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.floor_plan import WALLS, FloorPlan
from edgenas.datasets.scenes.furniture import (
    bed,
    bookcase,
    cabinet,
    chair,
    desk,
    dining_table,
    sofa,
    television,
)
from edgenas.datasets.scenes.household import door, floor_lamp, floor_things, picture, plant, window
from edgenas.datasets.scenes.light import Light
from edgenas.datasets.scenes.looks import brick, cloth, coloured, concrete, plaster, wood
from edgenas.datasets.scenes.solids import BOX, ELLIPSOID, Material, Pose, Scene

__all__ = ["build_room"]

_CEILING, _FLOOR, _OBJECTS, _TV, _WALL = (
    NYUV2_13.index(n) for n in ("ceiling", "floor", "objects", "tv", "wall")
)

_PIECES = {
    "bedroom": (
        "bed",
        "bed",
        "cabinet",
        "low cabinet",
        "desk",
        "low cabinet",
        "armchair",
        "bookcase",
        "tv",
        "thing",
        "lamp",
    ),
    "living": (
        "sofa",
        "sofa",
        "table",
        "tv",
        "bookcase",
        "armchair",
        "plant",
        "lamp",
        "low cabinet",
        "thing",
        "chair",
    ),
    "study": ("desk", "desk", "bookcase", "bookcase", "cabinet", "chair", "sofa", "thing", "thing", "plant"),
    "kitchen": (
        "table",
        "chair",
        "chair",
        "low cabinet",
        "low cabinet",
        "cabinet",
        "cabinet",
        "thing",
        "tv",
        "plant",
    ),
}
"""What may stand in each kind of room; the same name twice means a second try."""


def build_room(dice: Dice) -> tuple[Scene, Camera, Light]:
    """Makes one furnished room with its camera and its lamp."""
    scene = Scene()
    plan = FloorPlan(dice.uniform(2.8, 6.0), dice.uniform(3.4, 7.0), dice.uniform(2.3, 3.0), (0.0, 0.0))
    x, y = dice.uniform(-0.3, 0.3) * plan.width, dice.uniform(0.25, 0.32 * plan.length)
    plan.camera = (x, y)
    # It looks at something in the far half, so that turned views do not stare at the wall beside them.
    aim_x, aim_y = dice.uniform(-0.48, 0.48) * plan.width, plan.length * dice.uniform(0.65, 1.0)
    camera = Camera.looking(
        (x, y, dice.uniform(1.0, 1.75)),
        yaw_rad=math.atan2(x - aim_x, aim_y - y),
        pitch_rad=dice.uniform(-0.42, 0.06),
        roll_rad=dice.uniform(-0.05, 0.05),
        fov_rad=dice.uniform(0.9, 1.25),
    )
    _shell(scene, dice, plan)
    _openings(scene, dice, plan)
    for piece in dice.shuffled(_PIECES[dice.choice(tuple(_PIECES))]):
        if dice.chance(0.75):
            _place(scene, dice, plan, piece)
    for wall in WALLS:
        for _ in range(dice.integer(0, 3)):
            _hang(scene, dice, plan, wall)
    return scene, camera, _lamp(scene, dice, plan)


def _shell(scene: Scene, dice: Dice, plan: FloorPlan) -> None:
    w, d, h = plan.width, plan.length, plan.height
    origin = Pose()
    paint = plaster(dice)
    accent = dice.choice((plaster, brick, wood, concrete))(dice) if dice.chance(0.35) else paint
    special = dice.choice(WALLS)
    for wall in WALLS:
        span = plan.span(wall)
        look = accent if wall == special else coloured(paint, dice.uniform(0.94, 1.06))
        pose = plan.wall_pose(wall, 0.0)
        scene.add(BOX, _WALL, look, pose, (0, -0.1, h / 2), (span + 0.4, 0.2, h + 0.2), casts_shadow=False)
        if dice.chance(0.7):
            board = Material((0.9, 0.9, 0.88)) if dice.chance(0.5) else wood(dice)
            scene.add(BOX, _WALL, board, pose, (0, 0.005, 0.05), (span, 0.025, 0.1))
    floor = dice.choice((wood, wood, cloth, concrete))(dice)
    if floor.pattern == "planks":
        floor = floor._replace(period=(0.3, dice.uniform(0.1, 0.22)))
    scene.add(BOX, _FLOOR, floor, origin, (0, d / 2, -0.1), (w + 0.2, d + 0.2, 0.2), casts_shadow=False)
    top = plaster(dice)
    pale = Material(coloured(top, 1.25).colour, top.second, dice.choice(("plain", "tiles")), (0.6, 0.6), 0.05)
    scene.add(BOX, _CEILING, pale, origin, (0, d / 2, h + 0.1), (w + 0.2, d + 0.2, 0.2), casts_shadow=False)
    if dice.chance(0.4):
        rug = cloth(dice)
        place = (dice.uniform(-0.2, 0.2) * w, d * dice.uniform(0.4, 0.7), 0.006)
        scene.add(
            BOX,
            _FLOOR,
            rug,
            Pose(),
            place,
            (w * dice.uniform(0.3, 0.6), d * dice.uniform(0.2, 0.4), 0.012),
            casts_shadow=False,
        )


def _openings(scene: Scene, dice: Dice, plan: FloorPlan) -> None:
    for wall in dice.shuffled(WALLS)[: dice.integer(1, 3)]:
        width, height = dice.uniform(0.7, min(2.4, plan.span(wall) - 0.6)), dice.uniform(0.8, 1.5)
        pose = plan.on_wall(dice, wall, width, height, 1.35, 1.6)
        if pose is not None:
            window(scene, dice, pose, width, height)
    for _ in range(dice.integer(0, 2)):
        pose = plan.on_wall(dice, dice.choice(WALLS), 1.05, 2.1, 1.05, 1.051)
        if pose is not None:
            door(scene, dice, pose.moved(0, 0, -pose.z))


def _place(scene: Scene, dice: Dice, plan: FloorPlan, piece: str) -> None:
    """Puts one piece into the room if there is space for it."""
    wall = dice.choice(WALLS[:3])
    if piece in ("chair", "thing", "plant", "lamp"):
        pose = plan.standing(dice, 0.5, 0.5)
        if pose is not None:
            make = {"chair": chair, "thing": floor_things, "plant": plant, "lamp": floor_lamp}[piece]
            make(scene, dice, pose.moved(0, 0.25))
        return
    if piece == "table":
        width, depth = dice.uniform(0.8, 1.7), dice.uniform(0.6, 1.0)
        pose = plan.standing(dice, width + 0.5, depth + 0.5)
        if pose is None:
            return
        inner = pose.moved(0, 0.25)
        dining_table(scene, dice, inner, width, depth)
        for side in (-1, 1):
            if dice.chance(0.6):
                heading = (0.0 if side < 0 else math.pi) + dice.uniform(-0.4, 0.4)
                spot = (
                    dice.uniform(-0.3, 0.3) * width,
                    depth / 2 + side * (depth / 2 + dice.uniform(0.05, 0.3)),
                )
                chair(scene, dice, inner.moved(*spot, 0.0, heading))
        return
    if piece == "bed":
        size, tall = (dice.uniform(0.9, 1.9), dice.uniform(1.9, 2.15)), 1.1
    elif piece == "sofa":
        size, tall = (dice.uniform(1.4, 2.3), dice.uniform(0.8, 1.0)), 0.95
    elif piece == "armchair":
        size, tall = (dice.uniform(0.8, 1.05), dice.uniform(0.75, 0.95)), 0.95
    elif piece == "desk":
        size, tall = (dice.uniform(0.9, 1.7), dice.uniform(0.55, 0.75)), 1.3
    elif piece == "tv":
        size, tall = (dice.uniform(0.9, 1.7), dice.uniform(0.4, 0.5)), 1.7
    elif piece == "low cabinet":
        size, tall = (dice.uniform(0.45, 1.8), dice.uniform(0.35, 0.6)), dice.uniform(0.5, 1.0)
    else:
        size, tall = (dice.uniform(0.6, 1.5), dice.uniform(0.28, 0.6)), dice.uniform(1.3, 2.1)
    pose = plan.against(dice, wall, *size, tall + 0.15)
    if pose is None:
        return
    if piece in ("low cabinet", "cabinet"):
        cabinet(scene, dice, pose, *size, tall)
    elif piece == "bookcase":
        bookcase(scene, dice, pose, size[0], min(size[1], 0.36), tall)
    else:
        make_sized = {"bed": bed, "sofa": sofa, "armchair": sofa, "desk": desk, "tv": television}[piece]
        make_sized(scene, dice, pose, *size)


def _hang(scene: Scene, dice: Dice, plan: FloorPlan, wall: str) -> None:
    width, height = dice.uniform(0.25, 1.0), dice.uniform(0.25, 0.8)
    pose = plan.on_wall(dice, wall, width, height, 1.3, 1.75)
    if pose is None:
        return
    if dice.chance(0.1):
        screen = Material((0.06, 0.065, 0.08), (0.14, 0.15, 0.18), "clouds", (0.9, 0.9), 0.03)
        scene.add(BOX, _TV, screen, pose, (0, 0.05, 0), (width, 0.07, width * 0.58))
    else:
        picture(scene, dice, pose, width, height)


def _lamp(scene: Scene, dice: Dice, plan: FloorPlan) -> Light:
    place = (dice.uniform(-0.3, 0.3) * plan.width, plan.length * dice.uniform(0.2, 0.8), plan.height - 0.12)
    if dice.chance(0.6):
        globe = Material((0.97, 0.95, 0.88), grain=0.0, glow=dice.uniform(0.5, 1.5))
        scene.add(
            ELLIPSOID,
            _OBJECTS,
            globe,
            Pose(),
            (*place[:2], plan.height - 0.06),
            (0.4, 0.4, 0.18),
            casts_shadow=False,
        )
    warm, power = dice.uniform(0, 0.25), dice.uniform(0.7, 1.9)
    level = dice.uniform(0.3, 0.7)
    ambient = (level, level * 0.97, level * (1 - warm * 0.8))
    return Light(
        place, True, (power, power * (1 - warm * 0.35), power * (1 - warm)), ambient, dice.uniform(2.5, 5)
    )
