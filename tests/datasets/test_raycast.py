"""The ray caster against a plain reference: walking along each ray and asking whether a point is inside."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets.scenes.camera import Camera
from edgenas.datasets.scenes.light import Light, direct_light
from edgenas.datasets.scenes.raycast import NEAR, SolidTable, cast_rays
from edgenas.datasets.scenes.solids import BOX, CYLINDER, ELLIPSOID, TAPERED, Material, Pose, Scene, Solid
from edgenas.datasets.scenes.surface import surface_of

GREY = Material((0.5, 0.5, 0.5))
LEVEL = Camera.looking((0.0, 0.0, 1.5), yaw_rad=0.0, pitch_rad=0.0, roll_rad=0.0, fov_rad=1.0)


def is_inside(solid: Solid, points: np.ndarray) -> np.ndarray:
    """Whether world points [..., 3] lie in the solid: written apart from the code under test."""
    local = (points - np.array(solid.centre)) @ np.array(solid.axes).T / np.array(solid.half)
    x, y, z = np.moveaxis(local, -1, 0)
    if solid.kind == ELLIPSOID:
        return x**2 + y**2 + z**2 <= 1
    if solid.kind == CYLINDER:
        return (x**2 + y**2 <= 1) & (abs(z) <= 1)
    narrow_x, narrow_y = (1 - t * (z + 1) / 2 for t in solid.taper)
    return (abs(x) <= narrow_x) & (abs(y) <= narrow_y) & (abs(z) <= 1)


def rays(camera: Camera, height: int, width: int) -> np.ndarray:
    px, py = camera.pixel_plane(height, width)
    across = px[None, :, None] * np.array(camera.right)
    return np.array(camera.forward) + across + py[:, None, None] * np.array(camera.up)


solids = st.builds(
    lambda kind, x, y, z, size, yaw, pitch, roll, taper: (kind, (x, y, z), size, yaw, pitch, roll, taper),
    st.sampled_from([BOX, TAPERED, CYLINDER, ELLIPSOID]),
    st.floats(-1.5, 1.5), st.floats(2.5, 6.0), st.floats(0.0, 3.0),
    st.tuples(*[st.floats(0.4, 2.0)] * 3),
    st.floats(-3, 3), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5),
    st.tuples(st.floats(-0.5, 1.0), st.floats(-0.5, 1.0)),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(solids, min_size=1, max_size=3), st.floats(-0.4, 0.4), st.floats(-0.3, 0.3))
def test_depth_is_where_a_walk_along_the_ray_first_enters_a_solid(
    parts: list, yaw: float, pitch: float
) -> None:
    scene = Scene()
    for label, (kind, centre, size, turn, tilt, roll, taper) in enumerate(parts):
        pose = Pose.at(centre[0], centre[1], centre[2], turn)
        scene.add(kind, label, GREY, pose, (0, 0, 0), size, pitch_rad=tilt, roll_rad=roll, taper=taper)
    camera = Camera.looking((0.0, 0.0, 1.5), yaw_rad=yaw, pitch_rad=pitch, roll_rad=0.1, fov_rad=1.1)
    height, width, step = 12, 16, 0.02
    depth, found = cast_rays(SolidTable.of(scene.solids), camera, height, width)
    walk = np.arange(NEAR, 9.0, step)
    points = np.array(camera.position) + rays(camera, height, width)[:, :, None, :] * walk[:, None]
    inside = np.stack([is_inside(solid, points) for solid in scene.solids])
    starts_inside = inside[..., 0].any(0)
    reached = inside.any(0)
    first = np.where(reached.any(-1), walk[reached.argmax(-1)], np.inf)
    # A grazed corner thinner than a step is seen by the caster alone, never the other way round.
    assert np.isfinite(depth[np.isfinite(first) & ~starts_inside]).all()
    both = np.isfinite(depth) & np.isfinite(first) & ~starts_inside
    assert (depth[both] <= first[both] + 1e-3).all()
    for index, solid in enumerate(scene.solids):
        mine = (found == index) & np.isfinite(depth)
        hit = np.array(camera.position) + rays(camera, height, width)[mine] * depth[mine][:, None].astype(
            float
        )
        onwards = hit + 1e-3 * rays(camera, height, width)[mine]
        back = hit - 1e-3 * rays(camera, height, width)[mine]
        assert (~is_inside(solid, back)).all(), "the caster went through a surface"
        assert is_inside(solid, onwards).mean() > 0.9 if mine.sum() > 10 else True


def test_a_wall_across_the_view_has_the_same_planar_depth_everywhere() -> None:
    scene = Scene()
    scene.add(BOX, 0, GREY, Pose(), (0, 5.5, 0), (100, 1, 100))
    table = SolidTable.of(scene.solids)
    depth, solid = cast_rays(table, LEVEL, 24, 32)
    assert depth == pytest.approx(5.0, abs=1e-5)
    surface = surface_of(table, LEVEL, depth, solid)
    assert np.stack(surface.normal) == pytest.approx(np.array([[0.0], [-1.0], [0.0]]) * np.ones(24 * 32))


def test_the_ground_follows_its_equation() -> None:
    scene = Scene()
    scene.add(BOX, 0, GREY, Pose(), (0, 0, -0.5), (4000, 4000, 1))
    depth, _ = cast_rays(SolidTable.of(scene.solids), LEVEL, 40, 40)
    _, py = LEVEL.pixel_plane(40, 40)
    assert depth[30] == pytest.approx(1.5 / -py[30], rel=1e-5)
    assert np.isinf(depth[5]).all()


@pytest.mark.parametrize("kind", [BOX, TAPERED, CYLINDER, ELLIPSOID])
def test_normals_agree_with_differences_of_depth(kind: int) -> None:
    scene = Scene()
    scene.add(
        kind, 0, GREY, Pose.at(0.3, 4, 1.4, 0.6), (0, 0, 0), (2, 1.6, 2.4), pitch_rad=0.4, taper=(0.5, 0.3)
    )
    table = SolidTable.of(scene.solids)
    height, width = 200, 200
    depth, solid = cast_rays(table, LEVEL, height, width)
    surface = surface_of(table, LEVEL, depth, solid)
    normal = np.full((height * width, 3), np.nan)
    normal[surface.pixel] = np.stack(surface.normal, axis=1)
    normal = normal.reshape(height, width, 3)
    points = rays(LEVEL, height, width) * np.where(np.isfinite(depth), depth, np.nan)[..., None]
    down, right = points[2:, 1:-1] - points[:-2, 1:-1], points[1:-1, 2:] - points[1:-1, :-2]
    measured = np.cross(down, right)
    measured /= np.linalg.norm(measured, axis=-1, keepdims=True)
    cosine = (measured * normal[1:-1, 1:-1]).sum(-1)
    angle = np.degrees(np.arccos(np.clip(cosine[np.isfinite(cosine)], -1, 1)))
    assert len(angle) > 2000
    assert np.median(angle) < 1.0
    assert np.mean(angle < 5) > 0.93, "only the rows along edges differ"
    facing = (normal * rays(LEVEL, height, width)).sum(-1)
    assert np.nanmax(facing) < 1e-3, "a visible surface looks at the camera"


@pytest.mark.parametrize("lamp", [False, True])
def test_shadows_are_where_the_light_is_hidden(lamp: bool) -> None:
    scene = Scene()
    scene.add(BOX, 0, GREY, Pose(), (0, 0, -0.5), (40, 40, 1), casts_shadow=False)
    scene.add(BOX, 1, GREY, Pose.at(0, 6, 0, 0.4), (0, 0, 0.5), (1, 1, 1))
    scene.add(ELLIPSOID, 2, GREY, Pose.at(-1.5, 7, 1.2), (0, 0, 0), (1, 1, 1))
    table = SolidTable.of(scene.solids)
    depth, solid = cast_rays(table, LEVEL, 48, 64)
    surface = surface_of(table, LEVEL, depth, solid)
    s, c = math.sin(0.7), math.cos(0.7)
    light = Light((2.0, 5.0, 4.0) if lamp else (c, 0.0, s), lamp, (1, 1, 1), (0, 0, 0), 100.0)
    strength = direct_light(table, LEVEL, surface, light)
    points = np.stack(surface.offset, axis=1) + np.array(LEVEL.position)
    towards = np.array(light.place) - points if lamp else np.broadcast_to(light.place, points.shape)
    walk = np.linspace(0.01, 0.999 if lamp else 8.0, 800)
    along = (
        points[:, None, :]
        + 0.01 * np.stack(surface.normal, axis=1)[:, None]
        + towards[:, None] * walk[:, None]
    )
    hidden = np.zeros(len(points), dtype=bool)
    for blocker in scene.solids[1:]:
        hidden |= is_inside(blocker, along).any(1)
    turned_away = (np.stack(surface.normal, axis=1) * towards).sum(1) <= 0
    assert ((strength == 0) == (hidden | turned_away)).mean() > 0.99
    assert 0.02 < hidden.mean() < 0.5
