"""Weights of the classes: from their shares, and what they do to the cross-entropy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgenas.datasets import VOID, DatasetInfo
from edgenas.datasets.in_memory import ArrayDataset
from edgenas.errors import UsageError
from edgenas.tasks import get_task
from edgenas.training.class_balance import balanced_info
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig, default_loss_weights

tf = pytest.importorskip("tensorflow")

INFO = DatasetInfo("toy", 4, 8, ("segmentation",), ("floor", "wall", "chair", "never"), "m", "0" * 16)


def toy(labels: np.ndarray) -> ArrayDataset:
    return ArrayDataset(INFO, {"image": np.zeros((*labels.shape, 3), np.uint8), "segmentation": labels})


def test_weights_follow_the_shares_and_have_the_mean_one() -> None:
    labels = np.zeros((2, 4, 8), np.uint8)
    labels[:, 0] = 1
    labels[0, 1, :2] = 2
    labels[:, 3] = VOID
    counts = np.array([30, 16, 2, 1])  # the class that is never seen counts as one pixel
    weights = np.array(balanced_info(toy(labels), 0.35).class_weights)
    shares = counts / counts.sum()
    np.testing.assert_allclose(weights / weights[0], (shares / shares[0]) ** -0.35)
    assert (weights * shares).sum() == pytest.approx(1.0)


def test_without_balance_or_labels_nothing_changes() -> None:
    labels = np.zeros((1, 4, 8), np.uint8)
    assert balanced_info(toy(labels), 0.0) is INFO
    other = replace(INFO, tasks=())
    assert balanced_info(ArrayDataset(other, {"image": np.zeros((1, 4, 8, 3), np.uint8)}), 0.5) is other
    assert balanced_info(toy(np.full((1, 4, 8), VOID, np.uint8)), 0.5).class_weights == (1.0,) * 4


def test_cross_entropy_is_the_weighted_mean() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, (2, 4, 8)).astype(np.int32)
    target[0, 0] = VOID
    logits = rng.normal(size=(2, 4, 8, 4)).astype(np.float32)
    weights = (0.5, 1.0, 2.0, 3.0)
    info = replace(INFO, class_weights=weights)
    got = float(get_task("segmentation").loss_terms(tf.constant(target), tf.constant(logits), info)["CE"])
    valid = target != VOID
    log_share = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_share[valid], target[valid][:, None], axis=-1)[:, 0]
    assert got == pytest.approx(np.average(-chosen, weights=np.array(weights)[target[valid]]), rel=1e-5)
    nothing = np.full_like(target, VOID)
    terms = get_task("segmentation").loss_terms(tf.constant(nothing), tf.constant(logits), info)
    assert float(terms["CE"]) == 0.0


def test_the_modern_preset_has_weights_of_its_own() -> None:
    assert TRAINING_PRESETS["modern"].class_balance > 0
    assert default_loss_weights(("depth", "normals"), "m", "modern") == "nyuv2/modern"
    assert default_loss_weights(("depth", "normals"), "m", "adashare") == "nyuv2/ednas+jared"
    assert default_loss_weights(("depth",), "1/m", "modern") == "cityscapes/ednas+jared"
    with pytest.raises(UsageError, match="`class_balance`"):
        TrainingConfig(class_balance=1.5)
    with pytest.raises(UsageError, match="`zoom`"):
        TrainingConfig(zoom=0.9)
