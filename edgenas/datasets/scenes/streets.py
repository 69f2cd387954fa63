"""The world `streets`: a road with its sides and its traffic, seen from a car."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgenas.datasets.classes import CITYSCAPES_19
from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.light import Light
from edgenas.datasets.scenes.looks import concrete, foliage, hue
from edgenas.datasets.scenes.people import person
from edgenas.datasets.scenes.solids import BOX, ELLIPSOID, Material, Pose, Scene
from edgenas.datasets.scenes.street_furniture import (
    building,
    bush,
    fence,
    lamp_post,
    sign_post,
    traffic_light,
    tree,
    wall,
)
from edgenas.datasets.scenes.traffic import place_traffic

__all__ = ["build_street"]

_ROAD, _SIDEWALK, _TERRAIN, _BUILDING, _VEGETATION = (
    CITYSCAPES_19.index(name) for name in ("road", "sidewalk", "terrain", "building", "vegetation")
)
_BEHIND, _AHEAD = -12.0, 240.0


@dataclass(frozen=True)
class _Plan:
    """The ground plan: widths from the middle of the road outwards, and where a road crosses."""

    half_road: float
    sidewalk: float
    crossing_y: float
    crossing_half: float
    kerb: float


def build_street(dice: Dice) -> tuple[Scene, Camera, Light]:
    """Makes one street with its camera and its light."""
    scene = Scene()
    crossing = dice.uniform(14, 60) if dice.chance(0.4) else math.inf
    plan = _Plan(
        dice.uniform(3.4, 7.5),
        dice.uniform(1.4, 4.5),
        crossing,
        dice.uniform(3, 5.5),
        dice.uniform(0.1, 0.18),
    )
    camera = _camera(dice, plan)
    _ground(scene, dice, plan)
    for side in (-1.0, 1.0):
        _frontage(scene, dice, plan, side)
        _furniture(scene, dice, plan, side)
    place_traffic(scene, dice, plan.half_road, camera.position[0], plan.crossing_y)
    for side in (-1.0, 1.0):
        _walkers(scene, dice, plan, side)
    _horizon(scene, dice)
    return scene, camera, _light(dice)


def _camera(dice: Dice, plan: _Plan) -> Camera:
    lane = plan.half_road * dice.uniform(0.15, 0.6)
    turned = dice.uniform(-0.45, 0.45) if dice.chance(0.2) else dice.uniform(-0.1, 0.1)
    return Camera.looking(
        (lane, 0.0, dice.uniform(1.2, 1.95)),
        yaw_rad=turned,
        pitch_rad=dice.uniform(-0.09, 0.05),
        roll_rad=dice.uniform(-0.02, 0.02),
        fov_rad=dice.uniform(0.8, 1.3),
    )


def _light(dice: Dice) -> Light:
    height, around = dice.uniform(0.3, 1.3), dice.uniform(0, 2 * math.pi)
    s, c = math.sin(height), math.cos(height)
    place = (c * math.sin(around), c * math.cos(around), s)
    blue = dice.uniform(0.0, 0.12)
    if dice.chance(0.35):  # overcast
        level = dice.uniform(0.35, 0.8)
        return Light(place, False, (0.12, 0.12, 0.12), (level - blue / 2, level, level + blue / 2))
    sun, level = dice.uniform(0.7, 1.25), dice.uniform(0.22, 0.45)
    return Light(place, False, (sun, sun * 0.96, sun * (1 - blue * 2)), (level - blue, level, level + blue))


def _ground(scene: Scene, dice: Dice, plan: _Plan) -> None:
    """Slabs whose tops are the ground: everything, then terrain or paving, road and crossing above it."""
    middle, length = (_BEHIND + _AHEAD) / 2, _AHEAD - _BEHIND
    origin = Pose()
    road = concrete(dice, 0.2, 0.48)._replace(pattern="plain", second=(0.85, 0.85, 0.8))
    marked = (
        road._replace(pattern="dashes", period=(plan.half_road, dice.uniform(6, 12)))
        if dice.chance(0.75)
        else road
    )
    green = dice.chance(0.6)
    base = foliage(dice) if green else concrete(dice)
    scene.add(
        BOX,
        _TERRAIN if green else _SIDEWALK,
        base,
        origin,
        (0, middle, -0.5),
        (500, length + 260, 1.0),
        casts_shadow=False,
    )
    scene.add(
        BOX, _ROAD, marked, origin, (0, middle, -0.46), (2 * plan.half_road, length, 1.0), casts_shadow=False
    )
    if plan.crossing_y < _AHEAD:
        scene.add(
            BOX,
            _ROAD,
            road,
            origin,
            (0, plan.crossing_y, -0.455),
            (240, 2 * plan.crossing_half, 1.0),
            casts_shadow=False,
        )
        if dice.chance(0.6):
            stripes = Material(road.colour, (0.9, 0.9, 0.88), "stripes", (1.0, 1.0), 0.2)
            y = plan.crossing_y - plan.crossing_half - 2.2
            scene.add(
                BOX,
                _ROAD,
                stripes,
                origin,
                (0, y, -0.452),
                (2 * plan.half_road, 2.8, 1.0),
                casts_shadow=False,
            )
    if dice.chance(0.25):  # something drawn on or set into the road
        patch = concrete(dice, 0.2, 0.45)._replace(pattern="plain")
        place = (dice.uniform(-2, 2), dice.uniform(5, 18), -0.453)
        scene.add(
            BOX,
            _ROAD,
            patch,
            origin,
            place,
            (dice.uniform(0.6, 2), dice.uniform(0.6, 5), 1.0),
            casts_shadow=False,
        )
    for side in (-1.0, 1.0):
        paving, kerb = concrete(dice), concrete(dice)
        verge = dice.uniform(0.8, 2.5) if dice.chance(0.4) else 0.0
        x = plan.half_road + plan.sidewalk / 2
        for start, end in _stretches(plan, _BEHIND, _AHEAD):
            y, size = (start + end) / 2, end - start
            height = 1.0 + plan.kerb
            scene.add(
                BOX,
                _SIDEWALK,
                kerb,
                origin,
                (side * (plan.half_road + 0.1), y, -0.5),
                (0.2, size, height),
                casts_shadow=False,
            )
            scene.add(
                BOX,
                _SIDEWALK,
                paving,
                origin,
                (side * x, y, -0.502),
                (plan.sidewalk, size, height),
                casts_shadow=False,
            )
            if verge:
                inner = plan.half_road + 0.2 + verge / 2
                scene.add(
                    BOX,
                    _TERRAIN,
                    foliage(dice),
                    origin,
                    (side * inner, y, -0.485),
                    (verge, size, height),
                    casts_shadow=False,
                )


def _stretches(plan: _Plan, start: float, end: float) -> list[tuple[float, float]]:
    """The parts of [start, end] along the street that no crossing road takes."""
    low, high = plan.crossing_y - plan.crossing_half, plan.crossing_y + plan.crossing_half
    return [(a, b) for a, b in ((start, min(low, end)), (max(high, start), end)) if b - a > 1]


def _frontage(scene: Scene, dice: Dice, plan: _Plan, side: float) -> None:
    """Buildings, walls, fences and gardens along one side."""
    edge = plan.half_road + plan.sidewalk
    town = dice.choice((0.9, 0.7, 0.7, 0.4, 0.12))
    for start, end in _stretches(plan, _BEHIND, 150.0):
        y = start + dice.uniform(0, 3)
        while y < end - 5:
            length = min(dice.uniform(7, 24), end - y)
            pose = Pose.at(side * (edge + dice.uniform(0.0, 0.6)), y + length / 2)
            if dice.chance(town):
                if dice.chance(0.3):
                    pose = pose.moved(side * dice.uniform(2, 6), 0)
                    _hem(scene, dice, pose.moved(-side * 1.8, 0), length)
                building(scene, dice, pose, length, -side)
                y += length + (dice.uniform(1, 6) if dice.chance(0.25) else 0.0)
                continue
            _hem(scene, dice, pose, length)
            for _ in range(dice.integer(0, 3)):
                spot = pose.moved(side * dice.uniform(2, 12), dice.uniform(-length / 2, length / 2))
                tree(scene, dice, spot, near=y < 40)
            if dice.chance(0.3):
                building(scene, dice, pose.moved(side * dice.uniform(9, 20), 0), length * 0.8, -side)
            y += length


def _hem(scene: Scene, dice: Dice, pose: Pose, length: float) -> None:
    """What closes a plot towards the sidewalk."""
    kind = dice.integer(0, 4)
    if kind == 0:
        wall(scene, dice, pose, length)
    elif kind == 1:
        fence(scene, dice, pose, length)
    elif kind in (2, 3):
        bush(scene, dice, pose, length * 0.9)


def _furniture(scene: Scene, dice: Dice, plan: _Plan, side: float) -> None:
    """Poles, lights, signs and trees on the sidewalk."""
    x = side * (plan.half_road + 0.45)
    avenue = dice.uniform(7, 14) if dice.chance(0.3) else 0.0
    y = dice.uniform(3, 16)
    while y < 110:
        if abs(y - plan.crossing_y) > plan.crossing_half + 1:
            spot = Pose.at(x + side * dice.uniform(0, 0.4), y, plan.kerb)
            if dice.chance(0.45):
                lamp_post(scene, dice, spot, -side)
            elif dice.chance(0.75):
                sign_post(scene, dice, Pose.at(spot.x, y, plan.kerb, dice.uniform(-0.5, 0.5)))
            elif y < 70:
                traffic_light(scene, dice, spot, -side)
        y += dice.uniform(6, 24)
    if plan.crossing_y < 80 and dice.chance(0.8):
        traffic_light(scene, dice, Pose.at(x, plan.crossing_y - plan.crossing_half - 1.2, plan.kerb), -side)
    if avenue:
        y = dice.uniform(5, 14)
        while y < 90:
            if abs(y - plan.crossing_y) > plan.crossing_half + 2:
                tree(scene, dice, Pose.at(side * (plan.half_road + 0.9), y, plan.kerb), near=y < 35)
            y += avenue


def _walkers(scene: Scene, dice: Dice, plan: _Plan, side: float) -> None:
    for _ in range(dice.choice((0, 0, 1, 2, 3, 5))):
        x = plan.half_road + dice.uniform(0.5, max(plan.sidewalk, 1.0))
        y = 4 + 40 * dice.uniform(0, 1) ** 1.5
        if abs(y - plan.crossing_y) < plan.crossing_half:
            continue
        person(scene, dice, Pose.at(side * x, y, plan.kerb, dice.uniform(0, 2 * math.pi)))
    if dice.chance(0.15):
        x, y = dice.uniform(-0.9, 0.9) * plan.half_road, dice.uniform(9, 22)
        person(scene, dice, Pose.at(x, y, 0.04, side * math.pi / 2 + dice.uniform(-0.4, 0.4)))


def _horizon(scene: Scene, dice: Dice) -> None:
    """What closes the street far away, now and then nothing."""
    kind = dice.integer(0, 3)
    for index in range(-5, 6):
        pose = Pose.at(index * 26.0 + dice.uniform(-6, 6), _AHEAD + dice.uniform(0, 30))
        if kind == 0 or (kind == 1 and index % 2):
            look = Material(
                hue(dice.uniform(0, 0.7), 0.15, dice.uniform(0.35, 0.75)),
                (0.3, 0.33, 0.38),
                "windows",
                (3.5, 3.5),
                0.1,
            )
            height = dice.uniform(10, 34)
            scene.add(
                BOX,
                _BUILDING,
                look,
                pose,
                (0, 0, height / 2),
                (dice.uniform(14, 30), 14, height),
                casts_shadow=False,
            )
        elif kind in (1, 2):
            size = dice.uniform(10, 22)
            scene.add(
                ELLIPSOID,
                _VEGETATION,
                foliage(dice),
                pose,
                (0, 0, size * 0.25),
                (34, 16, size),
                casts_shadow=False,
            )
