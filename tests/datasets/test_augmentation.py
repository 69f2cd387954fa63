"""Augmentation against a NumPy reference, on pictures without any symmetry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgenas.datasets.augmentation import Augmentation, Draw, augmented, draw, plain

tf = pytest.importorskip("tensorflow")

FRAMES, HEIGHT, WIDTH = 3, 9, 14
NO_COLOUR = Augmentation(brightness=0, contrast=0, saturation=0, balance=0)


def stored_frames() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(FRAMES, HEIGHT, WIDTH, 3))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors[:, :, 0] = 0
    depth = rng.uniform(0.5, 9, (FRAMES, HEIGHT, WIDTH)).astype(np.float16)
    depth[:, 2] = 0
    return {
        "image": rng.integers(0, 256, (FRAMES, HEIGHT, WIDTH, 3)).astype(np.uint8),
        "segmentation": rng.integers(0, 14, (FRAMES, HEIGHT, WIDTH)).astype(np.uint8),
        "depth": depth,
        "normals": np.rint(vectors * 127).astype(np.int8),
    }


def fixed_draw(
    scale: float, top: float, left: float, flip: bool, colour: tuple[float, ...] = (0,) * 6
) -> Draw:
    return Draw(
        scale=tf.constant([scale], tf.float32), top=tf.constant([top], tf.float32),
        left=tf.constant([left], tf.float32), flip=tf.constant([flip]), colour=tf.constant([colour], tf.float32),
    )  # fmt: skip


def run(index: int, drawn: Draw, limits: Augmentation = NO_COLOUR, unit: str = "m") -> dict[str, Any]:
    stored = {key: tf.constant(value[index : index + 1]) for key, value in stored_frames().items()}
    image, targets = augmented(stored, drawn, limits, unit)
    return {"image": image.numpy()[0], **{key: value.numpy()[0] for key, value in targets.items()}}


def reference(index: int, scale: float, top: float, left: float, flip: bool) -> dict[str, np.ndarray]:
    """Zoom, crop and flip written pixel by pixel."""
    stored = {key: value[index] for key, value in stored_frames().items()}
    image = np.zeros((HEIGHT, WIDTH, 3))
    labels = np.zeros((HEIGHT, WIDTH), int)
    depth = np.zeros((HEIGHT, WIDTH, 1))
    normals = np.zeros((HEIGHT, WIDTH, 3))
    for i in range(HEIGHT):
        for j in range(WIDTH):
            y = top * (HEIGHT - 1) * (1 - 1 / scale) + i / scale
            x = left * (WIDTH - 1) * (1 - 1 / scale) + (WIDTH - 1 - j if flip else j) / scale
            y0, x0 = min(int(y), HEIGHT - 2), min(int(x), WIDTH - 2)
            corner = stored["image"][y0 : y0 + 2, x0 : x0 + 2].astype(float)
            weight = np.outer([1 - (y - y0), y - y0], [1 - (x - x0), x - x0])
            image[i, j] = (corner * weight[..., None]).sum((0, 1)) / 127.5 - 1
            row, column = round(y), round(x)
            labels[i, j] = stored["segmentation"][row, column]
            depth[i, j] = float(stored["depth"][row, column]) / scale
            vector = stored["normals"][row, column].astype(float)
            if vector.any():
                normals[i, j] = vector / np.linalg.norm(vector) * ([-1, 1, 1] if flip else [1, 1, 1])
    return {"image": image, "segmentation": labels, "depth": depth, "normals": normals}


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("scale", "top", "left"), [(1.0, 0.5, 0.5), (1.3, 0.21, 0.83), (1.5, 1.0, 0.0), (2.0, 0.37, 1.0)]
)
def test_batch_agrees_with_the_reference(scale: float, top: float, left: float, flip: bool) -> None:
    got = run(2, fixed_draw(scale, top, left, flip))
    expected = reference(2, scale, top, left, flip)
    for key, values in expected.items():
        # Sources just between two pixels may round either way in float32; there are few.
        close = np.isclose(got[key], values, atol=3e-4).reshape(HEIGHT, WIDTH, -1).all(-1)
        assert close.mean() > 0.97, key


def test_flip_mirrors_and_negates_x() -> None:
    stored = stored_frames()
    got = run(0, fixed_draw(1.0, 0.0, 0.0, True))
    np.testing.assert_array_equal(got["segmentation"], stored["segmentation"][0, :, ::-1])
    np.testing.assert_array_equal(got["depth"][..., 0], stored["depth"][0, :, ::-1].astype(np.float32))
    np.testing.assert_allclose(got["image"], stored["image"][0, :, ::-1] / 127.5 - 1, atol=1e-5)
    straight = run(0, fixed_draw(1.0, 0.0, 0.0, False))["normals"]
    np.testing.assert_allclose(got["normals"], straight[:, ::-1] * [-1, 1, 1], atol=1e-6)
    assert (got["normals"][:, -1] == 0).all(), "invalid stays invalid"


def test_zoom_changes_depth_by_its_unit_and_keeps_invalid_pixels() -> None:
    same, near = (run(1, fixed_draw(s, 0.0, 0.0, False))["depth"] for s in (1.0, 2.0))
    assert near[::2, ::2] == pytest.approx(same[:5, :7] / 2)
    inverse = run(1, fixed_draw(2.0, 0.0, 0.0, False), unit="1/m")["depth"]
    assert inverse == pytest.approx(near * 4)
    assert (near[4] == 0).all() and (inverse[4] == 0).all()


def test_zoom_keeps_the_direction_of_normals() -> None:
    same, near = (run(1, fixed_draw(s, 0.0, 0.0, False))["normals"] for s in (1.0, 2.0))
    np.testing.assert_array_equal(near[::2, ::2], same[:5, :7])


def test_colours_follow_their_definition() -> None:
    limits = Augmentation(brightness=0.2, contrast=0.25, saturation=0.3, balance=0.05)
    colour = (0.5, -0.8, 0.6, 1.0, -0.4, 0.1)
    got = run(0, fixed_draw(1.0, 0, 0, False, colour), limits)["image"]
    image = stored_frames()["image"][0].astype(float)
    saturated = image.mean(-1, keepdims=True) + (1 + 0.3 * 0.6) * (image - image.mean(-1, keepdims=True))
    contrasted = image.mean() * (1 + 0.2 * 0.5) + (1 - 0.25 * 0.8) * (saturated - image.mean())
    expected = np.clip(contrasted * (1 + 0.05 * np.array([1.0, -0.4, 0.1])), 0, 255) / 127.5 - 1
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_colours_leave_targets_alone() -> None:
    colour = (1.0, 1.0, 1.0, 1.0, -1.0, 1.0)
    plain_run, coloured = (
        run(0, fixed_draw(1.2, 0.3, 0.4, True, c), Augmentation()) for c in ((0.0,) * 6, colour)
    )
    for key in ("segmentation", "depth", "normals"):
        np.testing.assert_array_equal(plain_run[key], coloured[key])
    assert np.abs(plain_run["image"] - coloured["image"]).max() > 0.1
    assert np.abs(coloured["image"]).max() <= 1


def test_draws_are_a_function_of_seed_and_step_and_fill_their_ranges() -> None:
    limits = Augmentation()

    def values(seed: int, step: int) -> np.ndarray:
        drawn = draw(limits, 400, seed, tf.constant(step, tf.int64))
        flip = tf.cast(drawn.flip, tf.float32)
        return np.column_stack([drawn.scale, drawn.top, drawn.left, flip, drawn.colour])

    np.testing.assert_array_equal(values(1, 5), values(1, 5))
    assert not np.array_equal(values(1, 5), values(1, 6)) and not np.array_equal(values(1, 5), values(2, 5))
    scale, top, _, flip = values(1, 5).T[:4]
    assert 1 <= scale.min() < 1.02 and 1.48 < scale.max() <= 1.5
    assert 0 <= top.min() < 0.05 and 0.95 < top.max() <= 1
    assert 0.4 < flip.mean() < 0.6
    assert np.abs(np.corrcoef(values(1, 5).T) - np.eye(10)).max() < 0.25


def test_plain_batches_are_the_stored_frames() -> None:
    stored = stored_frames()
    image, targets = plain({key: tf.constant(value[[2, 0]]) for key, value in stored.items()})
    np.testing.assert_allclose(image, stored["image"][[2, 0]] / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(targets["segmentation"], stored["segmentation"][[2, 0]])
    np.testing.assert_array_equal(targets["depth"][..., 0], stored["depth"][[2, 0]].astype(np.float32))
