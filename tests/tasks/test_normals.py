from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenas.tasks import get_task

FIXTURE_OK = [HealthCheck.function_scoped_fixture]


def make_normals(seed: int, frames: int = 4, invalid: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(frames, 6, 7, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    output = normals + rng.normal(size=normals.shape) * rng.uniform(0, 1.5, (frames, 6, 7, 1))
    holes = rng.random(normals.shape[:3]) < invalid
    normals[holes] = np.where(rng.random((int(holes.sum()), 1)) < 0.3, np.nan, 0.0)
    return normals.astype(np.float32), (output * rng.uniform(0.1, 9)).astype(np.float32)


def angles_in_numpy(normals: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Angles by the half-angle formula of Kahan, not by the arc cosine that the project uses."""
    angles = []
    for n, p in zip(normals.reshape(-1, 3).astype(float), output.reshape(-1, 3).astype(float), strict=True):
        if np.linalg.norm(n) > 0.5:
            a, b = n * np.linalg.norm(p), p * np.linalg.norm(n)
            angles.append(2 * np.degrees(np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
    return np.array(angles)


@pytest.mark.parametrize("invalid", [0.0, 0.4, 1.0])
def test_loss_agrees_with_numpy(check_losses: Any, invalid: float) -> None:
    normals, output = make_normals(1, invalid=invalid)
    angles = angles_in_numpy(normals, output)
    expected = float((1 - np.cos(np.radians(angles))).mean()) if angles.size else 0.0
    gradients = check_losses("normals", normals, output, {"ICS": expected})
    dead = ~(np.linalg.norm(normals, axis=-1) > 0.5)
    assert (gradients["ICS"][dead] == 0).all()
    assert (gradients["ICS"] != 0).any() == (invalid < 1)


@pytest.mark.parametrize(("scale", "expected"), [(0.0, 1.0), (1e-30, 1.0), (2e-3, 0.0), (1e6, 0.0)])
def test_short_and_long_predictions_have_finite_gradients(
    check_losses: Any, scale: float, expected: float
) -> None:
    normals = np.zeros((1, 2, 2, 3), np.float32)
    normals[..., 2] = 1.0
    gradients = check_losses("normals", normals, (normals * scale).astype(np.float32), {"ICS": expected})
    assert np.abs(gradients["ICS"]).max() <= 1e3


def test_loss_of_opposite_normals_is_two_and_ignores_quantised_length(check_losses: Any) -> None:
    normals = np.full((1, 2, 2, 3), np.round(127 / np.sqrt(3)) / 127 * 0.99, np.float32)
    check_losses("normals", normals, -3 * normals, {"ICS": 2.0})
    check_losses("normals", normals, 3 * normals, {"ICS": 0.0})


@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 4), max_size=3),
    invalid=st.sampled_from([0.0, 0.3, 0.95]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=FIXTURE_OK)
def test_metrics_agree_with_numpy_in_any_split(
    check_accumulator: Any, toy_info: Any, seed: int, cuts: list[int], invalid: float
) -> None:
    normals, output = make_normals(seed, invalid=invalid)
    normals[0, 0, 0] = (0, 1, 0)
    result = check_accumulator("normals", toy_info, normals, output, cuts)
    angles = angles_in_numpy(normals, output)
    expected = {
        "mean_angle_deg": float(angles.mean()),
        "median_angle_deg": float(np.median(angles)),
        "within_11_25": float((angles < 11.25).mean()),
        "within_22_5": float((angles < 22.5).mean()),
        "within_30": float((angles < 30).mean()),
    }
    assert result == pytest.approx(expected, rel=1e-6, abs=1e-5)


def test_known_angles(check_accumulator: Any, toy_info: Any) -> None:
    angles = np.radians([5.0, 20.0, 25.0, 90.0])
    output = np.stack([np.sin(angles), np.zeros(4), np.cos(angles)], axis=-1)[None, None]
    normals = np.zeros((1, 1, 4, 3), np.float32)
    normals[..., 2] = 1.0
    result = check_accumulator("normals", toy_info, normals, output * 7, [])
    assert result == pytest.approx(
        {
            "mean_angle_deg": 35.0,
            "median_angle_deg": 22.5,
            "within_11_25": 0.25,
            "within_22_5": 0.5,
            "within_30": 0.75,
        }
    )


def test_decode_gives_unit_vectors() -> None:
    _, output = make_normals(4)
    output[0, 0, 0] = 0.0
    decoded = get_task("normals").decode(output)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=-1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(decoded[0, 0, 0], (0, 0, 1))


def test_picture(toy_info: Any) -> None:
    values = np.array([[[0, 0, 0], [1, 0, 0], [0, -1, 0], [0, 0, 1], [np.nan, 0, 0]]], np.float32)
    picture = get_task("normals").picture(values, toy_info)
    expected = [[0, 0, 0], [255, 128, 128], [128, 0, 128], [128, 128, 255], [0, 0, 0]]
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[0], expected)
