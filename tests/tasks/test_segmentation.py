from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenas.datasets.classes import palette
from edgenas.errors import UsageError
from edgenas.tasks import get_task

CLASSES = 5
FIXTURE_OK = [HealthCheck.function_scoped_fixture]


def make_labels_and_logits(seed: int, frames: int = 4, void: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, (frames, 6, 7)).astype(np.uint8)
    labels[rng.random(labels.shape) < void] = 255
    return labels, rng.normal(size=(frames, 6, 7, CLASSES)).astype(np.float32)


def one_hot_logits(classes: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES, dtype=np.float32)[classes]


def cross_entropy_in_numpy(labels: np.ndarray, logits: np.ndarray) -> float:
    total, count = 0.0, 0
    for label, row in zip(labels.ravel(), logits.reshape(-1, CLASSES).astype(np.float64), strict=True):
        if label != 255:
            total += np.log(np.exp(row - row.max()).sum()) + row.max() - row[label]
            count += 1
    return total / count if count else 0.0


def metrics_in_numpy(labels: np.ndarray, logits: np.ndarray) -> tuple[float, float]:
    predicted, valid = logits.argmax(-1), labels != 255
    ious = []
    for c in range(CLASSES):
        true, guess = valid & (labels == c), valid & (predicted == c)
        if (true | guess).any():
            ious.append((true & guess).sum() / (true | guess).sum())
    return float(np.mean(ious)), float((predicted == labels)[valid].mean())


@pytest.mark.parametrize("void", [0.0, 0.3, 1.0])
def test_cross_entropy_agrees_with_numpy(check_losses: Any, void: float) -> None:
    labels, logits = make_labels_and_logits(1, void=void)
    gradients = check_losses(
        "segmentation", labels.astype(np.int32), logits, {"CE": cross_entropy_in_numpy(labels, logits)}
    )
    assert (gradients["CE"][labels == 255] == 0).all()
    assert (gradients["CE"][labels != 255] != 0).any() == (void < 1)


def test_cross_entropy_of_huge_logits_stays_finite(check_losses: Any) -> None:
    labels = np.zeros((1, 1, 2), np.int32)
    logits = np.zeros((1, 1, 2, CLASSES), np.float32)
    logits[..., 1] = 1e30
    check_losses("segmentation", labels, logits, {"CE": 1e30})


@given(
    seed=st.integers(0, 10**6),
    cuts=st.lists(st.integers(0, 4), max_size=3),
    void=st.sampled_from([0, 0.3, 0.95]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=FIXTURE_OK)
def test_metrics_agree_with_numpy_in_any_split(
    check_accumulator: Any, toy_info: Any, seed: int, cuts: list[int], void: float
) -> None:
    labels, logits = make_labels_and_logits(seed, void=void)
    labels[0, 0, 0] = 1
    result = check_accumulator("segmentation", toy_info, labels, logits, cuts)
    miou, accuracy = metrics_in_numpy(labels, logits)
    assert result == pytest.approx({"miou": miou, "pixel_accuracy": accuracy}, rel=1e-12)


def test_metrics_agree_with_scikit_learn(check_accumulator: Any, toy_info: Any) -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    labels, logits = make_labels_and_logits(3)
    logits[..., 4] -= 100.0  # class 4 is never predicted
    valid = labels != 255
    matrix = sklearn_metrics.confusion_matrix(labels[valid], logits.argmax(-1)[valid], labels=range(CLASSES))
    jaccard = sklearn_metrics.jaccard_score(labels[valid], logits.argmax(-1)[valid], average="macro")
    result = check_accumulator("segmentation", toy_info, labels, logits, [1])
    diagonal = np.diag(matrix)
    assert result["miou"] == pytest.approx(np.mean(diagonal / (matrix.sum(0) + matrix.sum(1) - diagonal)))
    assert result["miou"] == pytest.approx(jaccard)
    assert result["pixel_accuracy"] == pytest.approx(diagonal.sum() / matrix.sum())


def test_a_class_that_is_never_right_counts_as_zero(check_accumulator: Any, toy_info: Any) -> None:
    labels = np.array([[[0, 0, 0, 1]]], np.uint8)
    result = check_accumulator("segmentation", toy_info, labels, one_hot_logits(np.zeros_like(labels)), [])
    assert result == {"miou": pytest.approx((3 / 4 + 0) / 2), "pixel_accuracy": 0.75}


def test_classes_without_truth_and_prediction_are_left_out(check_accumulator: Any, toy_info: Any) -> None:
    labels = np.array([[[2, 2, 3, 255]]], np.uint8)
    guess = np.array([[[2, 2, 3, 4]]])  # class 4 is predicted on a void pixel only
    assert check_accumulator("segmentation", toy_info, labels, one_hot_logits(guess), []) == {
        "miou": 1.0,
        "pixel_accuracy": 1.0,
    }


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_label_out_of_range(toy_info: Any, dtype: type) -> None:
    labels, logits = make_labels_and_logits(1)
    labels[1, 2, 3] = 5
    with pytest.raises(UsageError, match=r"labels 0 to 4 or 255 \(void\).*label 5 \(1 pixels"):
        get_task("segmentation").new_metrics(toy_info).update(labels.astype(dtype), logits)


def test_negative_label(toy_info: Any) -> None:
    labels, logits = make_labels_and_logits(1)
    with pytest.raises(UsageError, match="label -1"):
        get_task("segmentation").new_metrics(toy_info).update(np.full(labels.shape, -1), logits)


def test_decode_and_picture(toy_info: Any) -> None:
    task = get_task("segmentation")
    labels, logits = make_labels_and_logits(2)
    decoded = task.decode(logits)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, logits.argmax(-1))
    picture = task.picture(labels[0], toy_info)
    assert picture.shape == (6, 7, 3) and picture.dtype == np.uint8
    assert (picture[labels[0] == 255] == 0).all()
    np.testing.assert_array_equal(picture[labels[0] == 3][0], palette(toy_info.class_names)[3])
    assert task.value_range(labels[0]) is None


def test_a_void_batch_has_no_loss_but_a_scalar(check_losses: Callable[..., Any]) -> None:
    check_losses(
        "segmentation", np.full((1, 2, 2), 255, np.int32), np.ones((1, 2, 2, 5), np.float32), {"CE": 0.0}
    )
