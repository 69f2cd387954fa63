from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenas.errors import UsageError
from edgenas.tasks import get_task
from edgenas.tasks.depth import DEPTH_MIN, RELATIVE_ERROR_FLOOR

FIXTURE_OK = [HealthCheck.function_scoped_fixture]


def make_depths(seed: int, frames: int = 4, invalid: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.4, 9.0, (frames, 6, 7)).astype(np.float32)
    holes = rng.random(depth.shape) < invalid
    depth[holes] = rng.choice(np.float32([0.0, -1.0, np.nan, np.inf, 2e-5]), holes.sum())
    return depth, rng.normal(3.0, 2.0, (frames, 6, 7, 1)).astype(np.float32)


def losses_in_numpy(depth: np.ndarray, output: np.ndarray, floor: float) -> dict[str, float]:
    pairs = [
        (float(d), float(p))
        for d, p in zip(depth.ravel(), output.ravel(), strict=True)
        if np.isfinite(d) and d > 3e-5
    ]
    count = max(len(pairs), 1)
    return {
        "L1": sum(abs(d - p) for d, p in pairs) / count,
        "RE": sum(abs(d - p) / max(d, floor) for d, p in pairs) / count,
    }


def metrics_in_numpy(depth: np.ndarray, output: np.ndarray) -> dict[str, float]:
    valid = np.isfinite(depth) & (depth > 3e-5)
    d, p = depth[valid].astype(float), np.clip(output[..., 0][valid].astype(float), 3e-5, None)
    ratio = np.maximum(d / p, p / d)
    return {
        "abs_error": float(np.abs(d - p).mean()),
        "rel_error": float((np.abs(d - p) / d).mean()),
        "rmse": float(np.sqrt(((d - p) ** 2).mean())),
        "delta1": float((ratio < 1.25).mean()),
        "delta2": float((ratio < 1.25**2).mean()),
        "delta3": float((ratio < 1.25**3).mean()),
    }


@pytest.mark.parametrize("invalid", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("unit", ["m", "1/m"])
def test_losses_agree_with_numpy(check_losses: Any, toy_info: Any, invalid: float, unit: str) -> None:
    depth, output = make_depths(1, invalid=invalid)
    depth[0, 0, 0] = 4e-3 if invalid < 1 else 0.0  # below both floors' unit-free range: the floor of "m" acts
    floor = RELATIVE_ERROR_FLOOR[unit]
    expected = losses_in_numpy(depth, output, floor)
    gradients = check_losses("depth", depth[..., None], output, expected, replace(toy_info, depth_unit=unit))
    dead = ~(np.isfinite(depth) & (depth > DEPTH_MIN))
    for gradient in gradients.values():
        assert (gradient[dead] == 0).all()


def test_without_info_the_smallest_floor_holds(check_losses: Any) -> None:
    depth = np.full((1, 1, 1, 1), 2e-4, np.float32)
    output = np.full((1, 1, 1, 1), 1e-3 + 2e-4, np.float32)
    check_losses("depth", depth, output, {"L1": 1e-3, "RE": 1.0})


def test_zero_depth_and_zero_output(check_losses: Any) -> None:
    zeros = np.zeros((2, 3, 4, 1), np.float32)
    gradients = check_losses("depth", zeros, zeros, {"L1": 0.0, "RE": 0.0})
    assert not gradients["L1"].any() and not gradients["RE"].any()


def test_unknown_unit(toy_info: Any) -> None:
    strange = replace(toy_info, depth_unit="cm")
    with pytest.raises(UsageError, match="Unknown depth unit 'cm'"):
        get_task("depth").picture(np.ones((2, 2)), strange)


@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 4), max_size=3),
    invalid=st.sampled_from([0.0, 0.3, 0.95]),
    last_axis=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=FIXTURE_OK)
def test_metrics_agree_with_numpy_in_any_split(
    check_accumulator: Any, toy_info: Any, seed: int, cuts: list[int], invalid: float, last_axis: bool
) -> None:
    depth, output = make_depths(seed, invalid=invalid)
    depth[0, 0, 0] = 1.5
    result = check_accumulator("depth", toy_info, depth[..., None] if last_axis else depth, output, cuts)
    assert result == pytest.approx(metrics_in_numpy(depth, output), rel=1e-12)


def test_perfect_depth(check_accumulator: Any, toy_info: Any) -> None:
    depth, _ = make_depths(2, invalid=0.0)
    result = check_accumulator("depth", toy_info, depth, depth[..., None], [2])
    assert result == {
        "abs_error": 0.0,
        "rel_error": 0.0,
        "rmse": 0.0,
        "delta1": 1.0,
        "delta2": 1.0,
        "delta3": 1.0,
    }


def test_negative_predictions_are_clipped(check_accumulator: Any, toy_info: Any) -> None:
    output = np.full((1, 1, 1, 1), -7.0, np.float32)
    result = check_accumulator("depth", toy_info, np.ones((1, 1, 1), np.float32), output, [])
    assert result["abs_error"] == pytest.approx(1.0 - DEPTH_MIN)
    assert result["delta3"] == 0.0
    decoded = get_task("depth").decode(output)
    assert decoded.shape == (1, 1, 1) and decoded.dtype == np.float32
    assert decoded[0, 0, 0] == np.float32(DEPTH_MIN)


@pytest.mark.parametrize(("unit", "sign"), [("m", -1), ("1/m", 1)])
def test_picture_draws_near_bright_and_invalid_black(toy_info: Any, unit: str, sign: int) -> None:
    info = replace(toy_info, depth_unit=unit)
    values = np.linspace(1.0, 5.0, 12, dtype=np.float32).reshape(3, 4)
    values[0, 0] = 0.0
    picture = get_task("depth").picture(values, info)
    assert picture.shape == (3, 4, 3) and picture.dtype == np.uint8
    assert (picture[0, 0] == 0).all()
    luminance = (picture @ np.array([0.2126, 0.7152, 0.0722])).ravel()[1:]
    assert (np.diff(luminance) * sign > 0).all()
    assert (luminance > 20).all()


def test_picture_shares_a_range(toy_info: Any) -> None:
    task = get_task("depth")
    truth = np.array([[1.0, 3.0, 0.0]], np.float32)
    shared = task.value_range(truth)
    assert shared == (1.0, 3.0)
    prediction = np.array([[3.0, 9.0, 2.0]], np.float32)
    one, two = task.picture(truth, toy_info, shared), task.picture(prediction, toy_info, shared)
    np.testing.assert_array_equal(one[0, 1], two[0, 0])
    np.testing.assert_array_equal(two[0, 0], two[0, 1])  # beyond the range: the end colour


@pytest.mark.parametrize("value", [0.0, 2.0, np.nan])
def test_picture_of_constant_or_invalid_depth(toy_info: Any, value: float) -> None:
    picture = get_task("depth").picture(np.full((2, 2), value, np.float32), toy_info)
    assert picture.any() == (value == 2.0)
    assert get_task("depth").value_range(np.full((2, 2), np.nan)) is None
