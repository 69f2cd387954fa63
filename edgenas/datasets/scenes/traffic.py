"""Vehicles and two-wheelers on the road and at the kerb, without collisions."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.solids import Pose, Scene
from edgenas.datasets.scenes.vehicles import bus, car, train, truck, two_wheeler

__all__ = ["place_traffic"]

_GROUND = 0.04


def place_traffic(scene: Scene, dice: Dice, half_road: float, own_x: float, crossing_y: float) -> None:
    """Fills the lanes, the kerb and the crossing road.

    Args:
        scene: receives the solids.
        dice: random choices.
        half_road: half the width of the road, metres.
        own_x: x of the camera, in whose lane the space ahead stays free.
        crossing_y: y of the crossing road, infinite without one.
    """
    rails = dice.chance(0.16)
    if rails:
        side = dice.choice((-1.0, 1.0))
        x = side * (half_road - 1.6) if side < 0 else -half_road * 0.35
        train(scene, dice, Pose.at(x, dice.uniform(9, 35), _GROUND))
    busy = dice.choice((0.15, 0.4, 0.6, 0.9))
    for lane, heading in ((own_x, 0.0), (-half_road * 0.45, math.pi)):
        if rails and lane < 0:
            continue
        y = dice.uniform(11, 30) if lane > 0 else dice.uniform(7, 25)
        while y < 110:
            if dice.chance(busy):
                y += _vehicle(scene, dice, lane + dice.uniform(-0.3, 0.3), y, heading)
            y += dice.uniform(4, 22)
    if half_road > 4.5:
        for side in (-1.0, 1.0):
            if not (rails and side < 0):
                _parked(scene, dice, side, half_road, crossing_y)
    if crossing_y < 60 and dice.chance(0.6):
        make = dice.choice((car, car, bus, truck))
        make(
            scene, dice, Pose.at(dice.uniform(-9, 9), crossing_y, _GROUND, dice.choice((-1, 1)) * math.pi / 2)
        )
    _two_wheelers(scene, dice, half_road)


def _vehicle(scene: Scene, dice: Dice, x: float, y: float, heading: float) -> float:
    """Puts one vehicle into a lane, its rear at y; returns the metres that it takes."""
    make: Callable[[Scene, Dice, Pose], None] = dice.choice((car, car, car, car, car, truck, bus))
    length = 5.0 if make is car else 12.0
    make(scene, dice, Pose.at(x, y + length / 2, _GROUND, heading + dice.uniform(-0.04, 0.04)))
    return length + 2.0


def _parked(scene: Scene, dice: Dice, side: float, half_road: float, crossing_y: float) -> None:
    density, y = dice.choice((0.0, 0.0, 0.5, 0.9)), dice.uniform(4, 10)
    while y < 85 and density > 0:
        if dice.chance(density) and abs(y - crossing_y) > 9:
            heading = (0.0 if side > 0 else math.pi) + dice.uniform(-0.05, 0.05)
            car(scene, dice, Pose.at(side * (half_road - 1.0), y, _GROUND, heading))
        y += dice.uniform(5.2, 8)


def _two_wheelers(scene: Scene, dice: Dice, half_road: float) -> None:
    for motor, probability in ((True, 0.4), (False, 0.5)):
        if not dice.chance(probability):
            continue
        for _ in range(dice.integer(1, 2)):
            ridden = dice.chance(0.65)
            side = dice.choice((-1.0, 1.0))
            x = side * (half_road * dice.uniform(0.72, 0.9) if ridden else half_road + 0.8)
            heading = (
                (0.0 if side > 0 else math.pi)
                + dice.uniform(-0.3, 0.3)
                + (0.0 if ridden else dice.uniform(-1, 1))
            )
            y = 4.5 + 22 * dice.uniform(0, 1) ** 1.5
            two_wheeler(
                scene, dice, Pose.at(x, y, _GROUND if ridden else 0.15, heading), motor=motor, ridden=ridden
            )
