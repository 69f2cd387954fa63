"""Calibration frames: spread over the training data; what is no real image is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets import load_dataset
from edgenas.errors import UsageError
from edgenas.export.calibration import MIN_CALIBRATION_FRAMES, calibrate_on, network_input, refuse_dummies


def real(count: int = 4, height: int = 16, width: int = 24) -> np.ndarray:
    """Smooth pictures, all different."""
    y, x = np.mgrid[0:height, 0:width]
    rows = [127 + 100 * np.sin((x + 3 * i) / 5 + y / 7)[..., None] * [1, 0.5, 0.8] for i in range(count)]
    return np.stack(rows).astype(np.uint8)


def test_frames_are_spread_and_few_of_them_are_warned_of(tiny_archive: Path) -> None:
    train = load_dataset(str(tiny_archive), "train")
    found = calibrate_on(train, 7, (32, 64))
    assert len(found.images) == 7 and found.images[0].shape == (1, 32, 64, 3)
    assert found.positions[0] == 0 and max(np.diff(found.positions)) - min(np.diff(found.positions)) <= 1
    assert str(MIN_CALIBRATION_FRAMES) in found.warnings[0] and "--calibration-frames" in found.warnings[0]
    frame = train.frame(found.positions[3]).image
    np.testing.assert_allclose(found.images[3][0], frame / 127.5 - 1.0, atol=1e-6)
    assert found.to_dict()["frames"] == 7 and found.to_dict()["of"] == len(train)
    assert calibrate_on(train, 0, (32, 64)).images == []


def test_frames_of_another_size_are_resized_as_for_training(tiny_archive: Path) -> None:
    found = calibrate_on(load_dataset(str(tiny_archive), "train"), 3, (16, 32))
    assert found.pixels.shape == (3, 16, 32, 3)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((4, 16, 24, 3), np.uint8) + 90, "one flat colour"),
        (np.random.default_rng(0).integers(0, 256, (4, 16, 24, 3), np.uint8), "random noise"),
        (np.repeat(real(1), 5, 0), "All 5 frames are equal"),
        (real().astype(np.float32) / 255, "Received float32"),
        ((real() > 127).astype(np.uint8), "0 and 1 only"),
        (real(4, 24, 16), "Received shape"),
        (real()[..., 0], "Received shape"),
        (real()[:0], "Received shape"),
    ],
)
def test_dummies_are_refused_with_the_reason(images: np.ndarray, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        refuse_dummies(images, 16, 24)


def test_real_frames_pass() -> None:
    refuse_dummies(real(), 16, 24)
    # One black frame among real ones is no reason: films begin with one.
    refuse_dummies(np.concatenate([real(), np.zeros((1, 16, 24, 3), np.uint8)]), 16, 24)


@pytest.mark.shared_data
def test_real_nyuv2_frames_are_far_from_noise(shared_data: Path) -> None:
    train = load_dataset(str(shared_data / "nyuv2" / "nyuv2_train_96x128.npz"), "train")
    assert calibrate_on(train, 128, (96, 128)).warnings == ()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255))
def test_pixels_become_the_network_input(pixel: int) -> None:
    value = float(network_input(np.full((1, 1, 1, 3), pixel, np.uint8))[0, 0, 0, 0])
    assert value == pytest.approx(pixel / 127.5 - 1.0, abs=1e-6) and -1.0 <= value <= 1.0
