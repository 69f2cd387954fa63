"""Where things stand in a room: no two in one place, none in front of the camera's nose."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.solids import Pose

__all__ = ["WALLS", "FloorPlan"]

WALLS = ("far", "left", "right", "near")
_YAW = {"far": math.pi, "left": -math.pi / 2, "right": math.pi / 2, "near": 0.0}
_TRIES = 8

_Box = tuple[float, float, float, float]


def _overlaps(a: _Box, b: _Box) -> bool:
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]


@dataclass
class FloorPlan:
    """A rectangular room with x in [-width/2, width/2], y in [0, length], z in [0, height], metres.

    Attributes:
        width: metres across.
        length: metres from the wall behind the camera to the far wall.
        height: metres to the ceiling.
        camera: (x, y) of the camera, around which the floor stays free.
        taken: floor rectangles (x0, x1, y0, y1) in use.
        hung: per wall, rectangles (along0, along1, z0, z1) in use.
    """

    width: float
    length: float
    height: float
    camera: tuple[float, float]
    taken: list[_Box] = field(default_factory=list)
    hung: dict[str, list[_Box]] = field(default_factory=lambda: {wall: [] for wall in WALLS})

    def span(self, wall: str) -> float:
        """Length of a wall, metres."""
        return self.width if wall in ("far", "near") else self.length

    def wall_pose(self, wall: str, along: float) -> Pose:
        """The pose at a wall's foot, y into the room, `along` metres from the wall's middle along its x."""
        x, y = {
            "far": (0.0, self.length),
            "near": (0.0, 0.0),
            "left": (-self.width / 2, self.length / 2),
            "right": (self.width / 2, self.length / 2),
        }[wall]
        return Pose.at(x, y, 0.0, _YAW[wall]).moved(along, 0.0)

    def against(self, dice: Dice, wall: str, width: float, depth: float, tall: float) -> Pose | None:
        """Reserves floor along a wall for a piece of `width` x `depth`, `tall` metres high; None if full."""
        room = self.span(wall) - width
        for _ in range(_TRIES if room > 0 else 0):
            along = dice.uniform(-room / 2, room / 2)
            pose = self.wall_pose(wall, along)
            if self._reserve(pose, width, depth):
                self.hung[wall].append((along - width / 2, along + width / 2, 0.0, tall + 0.1))
                return pose
        return None

    def standing(self, dice: Dice, width: float, depth: float) -> Pose | None:
        """Reserves floor anywhere, at any angle, for something centred on the pose's (0, depth/2)."""
        reach = math.hypot(width, depth) / 2
        for _ in range(_TRIES):
            x = dice.uniform(-self.width / 2 + reach, self.width / 2 - reach)
            y = dice.uniform(0.3 * self.length, self.length - reach)
            if abs(x) > self.width / 2 - reach:
                continue
            turn = dice.choice((0.0, 0.5, 1.0, 1.5)) * math.pi + dice.uniform(-0.3, 0.3)
            pose = Pose.at(x, y, 0.0, turn).moved(0.0, -depth / 2)
            if self._reserve(pose, width, depth):
                return pose
        return None

    def on_wall(
        self, dice: Dice, wall: str, width: float, height: float, low: float, high: float
    ) -> Pose | None:
        """Reserves a rectangle on a wall whose centre lies between `low` and `high`; the pose is its centre."""
        room = self.span(wall) - width - 0.2
        for _ in range(_TRIES if room > 0 else 0):
            along, z = dice.uniform(-room / 2, room / 2), dice.uniform(low, high)
            box = (along - width / 2 - 0.06, along + width / 2 + 0.06, z - height / 2, z + height / 2)
            if box[3] < self.height - 0.05 and not any(_overlaps(box, other) for other in self.hung[wall]):
                self.hung[wall].append(box)
                return self.wall_pose(wall, along).moved(0.0, 0.0, z)
        return None

    def _reserve(self, pose: Pose, width: float, depth: float) -> bool:
        corners = [pose.point(x * width / 2, y * depth, 0.0) for x in (-1, 1) for y in (0, 1)]
        xs, ys = [c[0] for c in corners], [c[1] for c in corners]
        box = (min(xs), max(xs), min(ys), max(ys))
        nearest_x = min(max(self.camera[0], box[0]), box[1])
        nearest_y = min(max(self.camera[1], box[2]), box[3])
        if math.hypot(nearest_x - self.camera[0], nearest_y - self.camera[1]) < 0.75:
            return False
        if any(_overlaps(box, other) for other in self.taken):
            return False
        self.taken.append((box[0] + 0.02, box[1] - 0.02, box[2] + 0.02, box[3] - 0.02))
        return True
