"""The two worlds and the one function that makes a frame of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgenas.datasets.classes import CITYSCAPES_19, NYUV2_13, VOID
from edgenas.datasets.records import Frame
from edgenas.datasets.scenes.backdrop import Sky, hood, white_border
from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.dice import Dice
from edgenas.datasets.scenes.light import Light, direct_light
from edgenas.datasets.scenes.raycast import SolidTable, cast_rays
from edgenas.datasets.scenes.rooms import build_room
from edgenas.datasets.scenes.shading import Sensor, lit_colour, surface_colour
from edgenas.datasets.scenes.solids import Scene
from edgenas.datasets.scenes.streets import build_street
from edgenas.datasets.scenes.surface import surface_of

__all__ = ["SPLITS", "VERSION", "WORLDS", "World", "render_frame"]

VERSION = 1
"""Raised whenever any pixel of any frame changes: caches and fingerprints hold it."""

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class World:
    """A kind of procedural scene.

    Attributes:
        name: name of the data set.
        number: part of every frame's seed.
        class_names: segmentation classes; labels are indices into them.
        depth_unit: "m", or "1/m" where the target is inverse depth.
        height: default rows.
        width: default columns.
        build: makes one scene with its camera and light.
        outdoors: with sky and bonnet; otherwise closed and with a white border.
    """

    name: str
    number: int
    class_names: tuple[str, ...]
    depth_unit: str
    height: int
    width: int
    build: Callable[[Dice], tuple[Scene, Camera, Light]]
    outdoors: bool


WORLDS = {
    "rooms": World("rooms", 2, NYUV2_13, "m", 96, 128, build_room, outdoors=False),
    "streets": World("streets", 1, CITYSCAPES_19, "1/m", 128, 256, build_street, outdoors=True),
}


def render_frame(world: World, split: str, seed: int, index: int, height: int, width: int) -> Frame:
    """Makes one frame: a pure function of its arguments.

    Depth is planar (along the optical axis) and exact up to float32, as is the normal of the face that was
    hit; the picture is sampled at pixel centres. Geometry does not depend on the resolution.

    Args:
        world: which kind of scene.
        split: "train" or "validation"; the two never share a scene.
        seed: seed of the data set.
        index: number of the frame, 0 or more.
        height: rows.
        width: columns.

    Returns:
        The frame with all three targets.
    """
    entropy = (world.number, SPLITS.index(split), seed, index)
    dice = Dice(entropy)
    scene, camera, light = world.build(dice)
    table = SolidTable.of(scene.solids)
    depth, solid = cast_rays(table, camera, height, width)
    surface = surface_of(table, camera, depth, solid)
    texture_seed = dice.integer(0, 9999)
    colour = surface_colour(table, surface, 2 * camera.half_width / width, texture_seed)
    colour = lit_colour(table, surface, colour, direct_light(table, camera, surface, light), light)
    if world.outdoors:
        sky = Sky.random(dice)
        linear = sky.colour(camera, height, width, texture_seed).reshape(3, -1)
        colour = sky.hazed(colour, surface.depth)
        void, cover = hood(camera, dice, height, width)
    else:
        linear = np.zeros((3, height * width), dtype=np.float32)
        void, cover = (
            white_border(camera, dice, height, width),
            np.full((3, height, width), 1.4, dtype=np.float32),
        )
    linear[:, surface.pixel] = colour
    linear = np.where(void, cover, linear.reshape(3, height, width))
    image = Sensor.random(dice).develop(linear, camera, np.random.default_rng([*entropy, 1]))

    background = world.class_names.index("sky") if world.outdoors else VOID
    labels = np.array([s.label for s in scene.solids] + [background], dtype=np.uint8)[solid]
    hit = (solid >= 0) & ~void
    target = np.zeros_like(depth)
    np.divide(1, depth, out=target, where=hit) if world.depth_unit == "1/m" else np.copyto(
        target, depth, where=hit
    )
    normals = np.zeros((height * width, 3), dtype=np.float32)
    nx, ny, nz = surface.normal
    for column, axis in enumerate((camera.right, camera.up, tuple(-c for c in camera.forward))):
        normals[surface.pixel, column] = (
            nx * np.float32(axis[0]) + ny * np.float32(axis[1]) + nz * np.float32(axis[2])
        )
    normals = np.where(hit[..., None], normals.reshape(height, width, 3), np.float32(0))
    return Frame(image, segmentation=np.where(void, np.uint8(VOID), labels), depth=target, normals=normals)
