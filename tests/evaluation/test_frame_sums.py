"""Metrics from rows per frame: against the tasks' accumulators, scikit-learn and plain loops, on nasty inputs too."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score

from edgenas.evaluation.bootstrap import frame_intervals, percentile_interval
from edgenas.evaluation.depth_sums import DepthSums
from edgenas.evaluation.frame_sums import FrameSums
from edgenas.evaluation.normals_sums import NormalsSums
from edgenas.evaluation.pictures import ranked_frames
from edgenas.evaluation.segmentation_sums import SegmentationSums
from edgenas.tasks import get_task

_CLASSES = ("a", "b", "c", "d")
_INFO = SimpleNamespace(class_names=_CLASSES, depth_unit="m")
_SEEDS = st.integers(0, 2**32 - 1)


def _example(task: str, seed: int, frames: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Random truth and raw output with void, invalid, tied, opposite and extreme pixels."""
    rng = np.random.default_rng(seed)
    shape = (frames, 5, 6)
    if task == "segmentation":
        labels = rng.integers(0, rng.integers(1, 5), shape).astype(np.uint8)
        labels[rng.random(shape) < rng.choice([0.1, 0.9, 1.0], p=[0.7, 0.2, 0.1])] = 255
        return labels, rng.integers(-2, 3, (*shape, 4)).astype(np.float32)  # ties
    if task == "depth":
        depth = rng.choice([0.0, 1e-5, 1e-4, 0.7, 3.0, 9.9, 6e4], shape).astype(np.float32)
        output = rng.choice([-2.0, 0.0, 1e-6, 0.7, 2.9, 80.0], (*shape, 1)).astype(np.float32)
        return depth, output
    normals = rng.normal(size=(*shape, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    output = np.where(rng.random((*shape, 1)) < 0.2, -normals, rng.normal(size=(*shape, 3)))
    output[rng.random(shape) < 0.1] = 0.0
    normals[rng.random(shape) < 0.2] = 0.0
    return normals.astype(np.float32), output.astype(np.float32)


def _sums(task: str) -> FrameSums:
    return {"segmentation": lambda: SegmentationSums(_CLASSES), "depth": DepthSums, "normals": NormalsSums}[
        task
    ]()


@pytest.mark.parametrize("task", ["segmentation", "depth", "normals"])
@settings(max_examples=60, deadline=None)
@given(seed=_SEEDS)
def test_rows_give_what_the_accumulators_give(task: str, seed: int) -> None:
    target, output = _example(task, seed)
    accumulator, sums = get_task(task).new_metrics(_INFO), _sums(task)
    accumulator.update(target, output)
    sums.update(target[:1], output[:1])
    sums.update(target[1:], output[1:])
    found = {name: float(values[0]) for name, values in sums.metrics(sums.total).items()}
    for name, value in accumulator.result().items():
        if value is None:
            assert math.isnan(found[name]), name
        else:
            # The median comes from bins of 0.1 degrees, of which an even count takes the middle of two.
            assert found[name] == pytest.approx(
                value, rel=1e-9, abs=0.1 if name.startswith("median") else 1e-9
            )


@settings(max_examples=60, deadline=None)
@given(seed=_SEEDS)
def test_segmentation_against_scikit_learn(seed: int) -> None:
    target, output = _example("segmentation", seed)
    sums = SegmentationSums(_CLASSES)
    sums.update(target, output)
    found = {name: float(v[0]) for name, v in sums.metrics(sums.total).items()}
    valid = target != 255
    truth, guess = target[valid], output.argmax(-1)[valid]
    if not truth.size:
        assert all(math.isnan(value) for value in found.values())
        assert set(sums.details()["per_class_iou"].values()) == {None}
        return
    seen = sorted(set(truth) | set(guess))
    iou = jaccard_score(truth, guess, labels=seen, average=None, zero_division=0)
    assert found["miou"] == pytest.approx(iou.mean(), abs=1e-6)
    matrix = confusion_matrix(truth, guess, labels=range(4))
    rows = matrix.sum(1)
    assert found["mean_class_accuracy"] == pytest.approx(
        np.mean([matrix[k, k] / rows[k] for k in range(4) if rows[k]]), abs=1e-6
    )
    share = {int(k): rows[k] / rows.sum() for k in seen}
    weighted = sum(share[int(k)] * value for k, value in zip(seen, iou, strict=True))
    assert found["frequency_weighted_iou"] == pytest.approx(weighted, abs=1e-6)
    per_class = list(sums.details()["per_class_iou"].values())
    assert [k for k in range(4) if per_class[k] is not None] == [int(k) for k in seen]


def test_depth_by_hand() -> None:
    sums = DepthSums()
    truth = np.array([[[2.0, 0.0]], [[4.0, 1.0]]], np.float32)
    sums.update(truth, np.array([[[[1.0], [9.0]]], [[[4.0], [-1.0]]]], np.float32))
    found = {name: float(v[0]) for name, v in sums.metrics(sums.total).items()}
    assert found["rmse_log"] == pytest.approx(
        math.sqrt((math.log(2) ** 2 + 0 + math.log(1 / 3e-5) ** 2) / 3), rel=1e-6
    )
    assert found["sq_rel"] == pytest.approx((1 / 2 + 0 + (1 - 3e-5) ** 2) / 3, rel=1e-6)
    public = sums.adashare()
    # Frame means 1 and (0 + 2) / 2, whatever the number of their valid pixels; raw predictions.
    assert public["abs_error"] == pytest.approx((1.0 + 1.0) / 2)
    assert public["rel_error"] == pytest.approx((0.5 + 1.0) / 2)
    # The negative prediction counts as right: max(-1 / 1, 1 / -1) < 1.25.
    assert public["delta1"] == pytest.approx(2 / 3) and found["delta1"] == pytest.approx(1 / 3)


def test_the_public_segmentation_faults() -> None:
    target = np.array([[[0, 0, 1, 255]]], np.uint8)
    output = np.eye(4, dtype=np.float32)[[[[0, 0, 2, 0]]]]
    sums = SegmentationSums(_CLASSES)
    sums.update(target, output)
    right = {name: float(v[0]) for name, v in sums.metrics(sums.total).items()}
    assert right["miou"] == pytest.approx(1 / 3) and right["pixel_accuracy"] == pytest.approx(2 / 3)
    assert sums.adashare() == pytest.approx({"miou": 1.0, "pixel_accuracy": 0.5})


def test_the_public_normals_are_compressed() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2, 20, 20, 3)) * (1, 1, 0.3) + (0, 0, 1)
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    guess = truth + rng.normal(scale=0.5, size=truth.shape)
    truth[0, 0, :5] = 0.0  # invalid, white in the release
    truth[0, 1, 0] = (1.0, 0.0, 0.0)  # its byte is 255: dropped
    sums = NormalsSums()
    sums.update(truth.astype(np.float32), guess.astype(np.float32))
    angles = []
    for n, m in zip(truth.reshape(-1, 3), guess.reshape(-1, 3), strict=True):
        if not n.any():
            continue
        byte = np.rint((np.array([n[0], -n[2], n[1]]) + 1) * 127.5)
        if byte.max() >= 255:
            continue
        m = m / np.linalg.norm(m)
        other = (np.array([m[0], -m[2], m[1]]) + 1) * 127.5
        angles.append(np.degrees(np.arccos(byte @ other / np.linalg.norm(byte) / np.linalg.norm(other))))
    public = sums.adashare()
    assert len(angles) == sums._public_pixels < 2 * 400 - 5
    assert public["mean_angle_deg"] == pytest.approx(np.mean(angles), abs=1e-4)
    assert public["median_angle_deg"] == pytest.approx(np.median(angles), abs=0.01)
    assert public["within_11_25"] == pytest.approx(np.mean(np.array(angles) <= 11.25), abs=1e-6)
    assert public["mean_angle_deg"] < float(sums.metrics(sums.total)["mean_angle_deg"][0]) / 1.5


def test_nothing_valid_is_undefined_not_nan() -> None:
    for task in ("segmentation", "depth", "normals"):
        sums = _sums(task)
        target, output = _example(task, 0)
        sums.update(np.full_like(target, 255 if task == "segmentation" else 0), output)
        assert np.isnan([v[0] for v in sums.metrics(sums.total).values()]).all()
        low_high = frame_intervals(sums, 10, 0)
        assert set(low_high.values()) == {(None, None)}


def test_intervals_hold_the_value_and_are_reproducible() -> None:
    sums = DepthSums()
    rng = np.random.default_rng(1)
    depth = rng.uniform(1, 5, (40, 4, 4)).astype(np.float32)
    noise = rng.normal(scale=rng.uniform(0.1, 1.0, (40, 1, 1)), size=depth.shape)
    sums.update(depth, (depth + noise)[..., None].astype(np.float32))
    low, high = frame_intervals(sums, 500, 3)["abs_error"]
    value = float(sums.metrics(sums.total)["abs_error"][0])
    assert low is not None and high is not None and low < value < high
    assert (
        (low, high)
        == frame_intervals(sums, 500, 3)["abs_error"]
        != frame_intervals(sums, 500, 4)["abs_error"]
    )
    # Of a mean over frames of equal size the width is known: 2 * 1.96 * sd / sqrt(frames).
    frames = np.abs(noise).mean((1, 2))
    assert high - low == pytest.approx(2 * 1.96 * frames.std() / math.sqrt(40), rel=0.2)
    assert percentile_interval(np.array([np.nan])) == (None, None)


def test_frames_are_ranked_over_tasks() -> None:
    sums = DepthSums()
    depth = np.ones((4, 2, 2), np.float32)
    depth[3] = 0.0  # no valid pixel: no rank
    guess = np.array([1.5, 1.0, 3.0, 1.0], np.float32)[:, None, None, None]
    sums.update(depth, np.broadcast_to(guess, (4, 2, 2, 1)))
    assert ranked_frames({"depth": sums}).tolist() == [1, 0, 2]


def test_the_median_of_many_normals(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    truth = np.broadcast_to(np.array([0, 0, 1], np.float32), (4, 9, 9, 3))
    guess = truth + rng.normal(scale=0.4, size=truth.shape).astype(np.float32)

    def median(limit: int) -> float:
        monkeypatch.setattr("edgenas.tasks.normals.EXACT_ANGLES", limit)
        metrics = get_task("normals").new_metrics(_INFO)
        metrics.update(truth, guess)
        return float(metrics.result()["median_angle_deg"] or np.nan)

    assert median(100) == pytest.approx(median(1000), abs=0.01)
    # Half of the pixels right and half opposite: the middle two lie at both ends.
    guess = np.concatenate([truth[:2], -truth[:2]])
    assert median(1000) == 90.0 and median(100) == pytest.approx(90.0, abs=0.01)
