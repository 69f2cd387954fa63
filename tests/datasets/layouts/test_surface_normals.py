"""Normals from depth: planes and spheres, seen by any camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgenas.datasets import load_dataset
from edgenas.datasets.layouts.nyuv2_mat import CAMERA
from edgenas.datasets.layouts.surface_normals import Intrinsics, normals_from_depth

ROWS, COLUMNS = 40, 56


def rays(camera: Intrinsics) -> NDArray[np.float64]:
    """The ray of each pixel, [H, W, 3]: x right, y down, z into the scene, z = 1."""
    v, u = np.indices((ROWS, COLUMNS), dtype=np.float64)
    return np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones((ROWS, COLUMNS))], -1)


def angles_deg(found: NDArray[np.float32], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles at valid pixels."""
    valid = (found != 0).any(-1)
    cosine = (found.astype(np.float64) * expected).sum(-1)[valid]
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


CAMERAS = st.builds(
    Intrinsics, st.floats(40, 120), st.floats(40, 120), st.floats(10, COLUMNS - 10), st.floats(10, ROWS - 10)
)


@settings(max_examples=40, deadline=None)
@given(CAMERAS, st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(0.5, 20))
def test_planes(camera: Intrinsics, x: float, y: float, distance: float) -> None:
    normal = np.array([x, y, np.sqrt(1 - min(0.98, x * x + y * y))])  # ours: y up, z towards the camera
    normal /= np.linalg.norm(normal)
    facing = normal * [1, -1, -1]  # in the camera's axes
    inverse = -(rays(camera) @ facing) / distance
    depth = np.where(inverse > 1e-3, 1 / np.maximum(inverse, 1e-3), 0).astype(np.float32)
    found = normals_from_depth(depth, camera)
    steep = inverse.max() > 3 * np.abs(inverse).min()
    assert steep or (found[4:-4, 4:-4] != 0).any(-1).all()
    errors = angles_deg(found, np.broadcast_to(normal, found.shape))
    assert errors.size == 0 or errors.max() < 0.3
    assert not found[depth == 0].any()


@settings(max_examples=25, deadline=None)
@given(CAMERAS, st.floats(3, 8), st.floats(0.5, 1.5))
def test_spheres(camera: Intrinsics, distance: float, radius: float) -> None:
    ray = rays(camera)
    centre = np.array([0.0, 0.0, distance])
    a, b, c = (ray**2).sum(-1), ray @ centre, distance**2 - radius**2
    root = b * b - a * c
    depth = np.where(root > 0, (b - np.sqrt(np.maximum(root, 0))) / a, 0)
    outward = (ray * depth[..., None] - centre) / radius
    found = normals_from_depth(depth.astype(np.float32), camera)
    errors = angles_deg(found, outward * [1, -1, -1])
    # The fit looks at 7x7 pixels: what the sphere bends away over them is what may be wrong.
    pixel = distance / min(camera.fx, camera.fy)
    assert errors.size == 0 or np.median(errors) < 2 + np.degrees(3 * pixel / radius) / 2


def test_edges_and_holes_are_invalid_and_nothing_is_mixed_over_them() -> None:
    camera = Intrinsics(60, 60, 28, 20)
    depth = np.full((ROWS, COLUMNS), 2.0, np.float32)
    depth[:, 28:] = 4.0
    depth[10:14, 10:14] = 0
    depth[5, :28] = 0
    found = normals_from_depth(depth, camera)
    valid = (found != 0).any(-1)
    assert not valid[depth == 0].any() and valid.mean() > 0.9
    np.testing.assert_allclose(found[valid], np.tile([0, 0, 1], (int(valid.sum()), 1)), atol=1e-4)


def test_nothing_valid_gives_nothing() -> None:
    found = normals_from_depth(np.zeros((8, 9), np.float32), Intrinsics(5, 5, 4, 4))
    assert found.shape == (8, 9, 3) and not found.any()


@pytest.mark.shared_data
def test_normals_of_real_depth_agree_with_the_released_ones(shared_data: Path) -> None:
    frames = load_dataset(str(shared_data / "layouts" / "adashare_nyu_v2"), "all")
    for index in range(2):
        frame = frames.frame(index)
        assert frame.depth is not None and frame.normals is not None
        found = normals_from_depth(frame.depth, CAMERA)
        both = (found != 0).any(-1) & (frame.normals != 0).any(-1)
        cosine = (found[both] * frame.normals[both]).sum(-1)
        errors = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
        assert both.mean() > 0.75 and np.median(errors) < 5 and errors.mean() < 8
