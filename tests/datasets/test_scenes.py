"""Frames of the two worlds."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from edgenas.datasets.records import Frame
from edgenas.datasets.scenes import WORLDS, render_frame

SMALL = {"rooms": (24, 32), "streets": (24, 48)}
WORLD_NAMES = sorted(WORLDS)

GOLDEN = {"rooms": "39601e0ab859bdf05a62", "streets": "ba76995949f607f4573b"}
"""Hash over labels and over depth rounded to 1e-3 of its unit.

Geometry uses correctly rounded operations only, so it does not depend on the CPU or on NumPy's version. When
scenes are changed on purpose, raise `render.VERSION` with it.
"""


def small_frame(world: str, index: int, split: str = "train", seed: int = 0) -> Frame:
    return render_frame(WORLDS[world], split, seed, index, *SMALL[world])


def targets_of(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    assert frame.segmentation is not None and frame.depth is not None and frame.normals is not None
    return frame.segmentation, frame.depth, frame.normals


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_geometry_is_the_golden_one(world: str) -> None:
    digest = hashlib.sha256()
    for index in (0, 1, 499):
        labels, depth, _ = targets_of(small_frame(world, index))
        digest.update(labels.tobytes())
        digest.update(np.rint(depth.astype(np.float64) * 1000).astype("<i4").tobytes())
    assert digest.hexdigest()[:20] == GOLDEN[world]


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_every_class_appears_within_500_frames(world: str) -> None:
    unseen = set(range(len(WORLDS[world].class_names)))
    for index in range(500):
        labels, _, _ = targets_of(small_frame(world, index))
        present, counts = np.unique(labels, return_counts=True)
        unseen -= {int(label) for label, count in zip(present, counts, strict=True) if count >= 3}
        if not unseen:
            break
    assert not [WORLDS[world].class_names[label] for label in unseen]


@pytest.mark.parametrize("world", WORLD_NAMES)
@pytest.mark.parametrize("index", range(8))
def test_targets_are_valid_and_agree_about_what_is_valid(world: str, index: int) -> None:
    frame = small_frame(world, index)
    labels, depth, normals = targets_of(frame)
    kind = WORLDS[world]
    assert frame.image.shape == (*SMALL[world], 3) and frame.image.dtype == np.uint8
    assert depth.dtype == normals.dtype == np.float32 and labels.dtype == np.uint8
    assert np.isin(labels, [*range(len(kind.class_names)), 255]).all()
    length = np.linalg.norm(normals, axis=-1)
    assert ((depth > 0) == (length > 0)).all()
    assert length[length > 0] == pytest.approx(1.0, abs=1e-5)
    background = labels == 255
    if kind.outdoors:
        background |= labels == kind.class_names.index("sky")
    assert (background == (depth == 0)).all(), "exactly void and sky have no depth"
    metres = 1 / depth[depth > 0] if kind.depth_unit == "1/m" else depth[depth > 0]
    assert metres.min() > 0.05 and metres.max() < (600 if kind.outdoors else 12)


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_frames_have_a_void_band(world: str) -> None:
    kind = WORLDS[world]
    frame = render_frame(kind, "train", 0, 3, kind.height, kind.width)
    labels, _, _ = targets_of(frame)
    assert (labels[-1] == 255).mean() > 0.5
    assert 0.005 < (labels == 255).mean() < 0.2
    if not kind.outdoors:
        assert (labels[:, 0] == 255).all() and (labels[0] == 255).all()
        assert frame.image[labels == 255].mean() > 180, "NYUv2's border is white"


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_a_frame_is_a_pure_function_of_its_name(world: str) -> None:
    first, again = small_frame(world, 7), small_frame(world, 7)
    one, two = first.stored(), again.stored()
    assert list(one) == list(two) and all(np.array_equal(one[key], two[key]) for key in one)
    for other in (small_frame(world, 8), small_frame(world, 7, "validation"), small_frame(world, 7, seed=1)):
        assert not np.array_equal(targets_of(first)[1], targets_of(other)[1])


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_geometry_does_not_depend_on_the_resolution(world: str) -> None:
    height, width = SMALL[world]
    coarse = targets_of(small_frame(world, 5))
    fine = targets_of(render_frame(WORLDS[world], "train", 0, 5, 3 * height, 3 * width))
    same = coarse[0] == fine[0][1::3, 1::3]  # the middle of 3 x 3 pixels is the centre of the coarse one
    assert same.mean() > 0.995
    assert coarse[1][same] == pytest.approx(fine[1][1::3, 1::3][same], rel=1e-3)


def test_rooms_floor_looks_up_and_ceiling_down() -> None:
    names = WORLDS["rooms"].class_names
    up: dict[str, list[float]] = {"floor": [], "ceiling": []}
    for index in range(12):
        labels, _, normals = targets_of(small_frame("rooms", index))
        for name, values in up.items():
            values.extend(normals[labels == names.index(name), 1].tolist())
    assert min(up["floor"]) > -0.5 and np.median(up["floor"]) > 0.85
    assert np.median(up["ceiling"]) < -0.85


def test_rendering_imports_no_tensorflow() -> None:
    code = "import sys, edgenas.datasets.scenes.worker, edgenas.datasets; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
