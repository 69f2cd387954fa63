"""Semantic segmentation: cross-entropy, mIoU and pixel accuracy."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import UsageError, unknown_name
from edgenas.tasks.base import Accumulator, Array, Task, TaskInfo, Tensor, invalid_argument, require_rank
from edgenas.tasks.target import Target

__all__ = ["VOID", "Segmentation"]

VOID = 255
"""Label of pixels that belong to no class; losses, metrics and pictures leave them out."""

_DEFAULT_LABELS = "seg13"
_FEWEST_CLASSES, _MOST_CLASSES = 2, 254


class SegmentationTarget(Target):
    """Label sets `seg<K>` with classes 0..K-1; an archive may hold several."""

    def find_key(self, keys: Iterable[str], wanted: str = "") -> str | None:
        """The label set asked for, else `seg13` where it is there, else the first.

        Raises:
            UsageError: the archive has no such label set, or one whose number of classes cannot be trained.
        """
        labels = [key for key in keys if re.fullmatch(r"seg[1-9]\d*", key)]
        if wanted and wanted not in labels:
            raise unknown_name("label set", wanted, labels)
        if not labels:
            return None
        chosen = wanted or (_DEFAULT_LABELS if _DEFAULT_LABELS in labels else labels[0])
        if not _FEWEST_CLASSES <= int(chosen[3:]) <= _MOST_CLASSES:
            raise UsageError(
                f"The label set {chosen!r} has {chosen[3:]} classes. Expected {_FEWEST_CLASSES} to {_MOST_CLASSES}: "
                f"labels are 0 to K - 1 in one byte, {VOID} is void, and a single class leaves nothing to decide. "
                "For one class against the rest store seg2."
            )
        return chosen

    def wrong(self, stored: Array, key: str) -> tuple[NDArray[np.bool_], str]:
        """Labels outside of the classes that the key names."""
        classes = int(key[3:])
        return (stored >= classes) & (stored != VOID), f"0 to {classes - 1}, or {VOID} for void"


class Segmentation(Task):
    """Class labels 0..K-1 per pixel, `VOID` ignored."""

    name = "segmentation"
    losses = ("CE",)
    metrics = MappingProxyType({"miou": True, "pixel_accuracy": True})
    quality_metrics = ("miou", "pixel_accuracy")
    metric_titles = MappingProxyType({"miou": ("mIoU", ""), "pixel_accuracy": ("pixel accuracy", "")})
    target = SegmentationTarget(key="seg", dtype="uint8", invalid=VOID)

    def constant_answer(self, truth: Array, info: TaskInfo) -> Array:
        """Log frequencies of the classes."""
        classes = len(info.class_names)
        counts = np.bincount(truth[truth != VOID].ravel(), minlength=classes)[:classes]
        answer: Array = np.log((counts + 1.0) / (counts.sum() + classes))
        return answer

    def output_channels(self, info: TaskInfo) -> int:
        """One logit per class."""
        return len(info.class_names)

    def loss_terms(self, target: Tensor, output: Tensor, info: TaskInfo | None = None) -> dict[str, Tensor]:
        """CE: softmax cross-entropy, mean over pixels that are not void, weighted by `class_weights` of `info`."""
        import tensorflow as tf

        require_rank(target, "target", 3, self.name)
        require_rank(output, "output", 4, self.name)
        valid = tf.not_equal(target, VOID)
        # The void label is no row of the logits: ask for class 0 there and mask the answer.
        per_pixel = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.where(valid, target, 0), logits=tf.cast(output, tf.float32)
        )
        mask = tf.cast(valid, tf.float32)
        class_weights = getattr(info, "class_weights", ())
        if class_weights:
            mask *= tf.gather(tf.constant(class_weights, tf.float32), tf.where(valid, target, 0))
        return {"CE": tf.reduce_sum(per_pixel * mask) / tf.maximum(tf.reduce_sum(mask), 1.0)}

    def new_metrics(self, info: TaskInfo) -> Accumulator:
        """A confusion matrix."""
        return SegmentationMetrics(len(info.class_names))

    def decode(self, output: Array) -> Array:
        """The most likely class, u8; the lowest label where several are equal."""
        classes: Array = np.argmax(output, axis=-1).astype(np.uint8)
        return classes

    def picture(
        self, values: Array, info: TaskInfo, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.uint8]:
        """The classes in the data set's palette; void is black."""
        from edgenas.datasets.classes import palette  # data sets know tasks, so not at the top

        colours = np.zeros((256, 3), np.uint8)
        colours[: len(info.class_names)] = palette(info.class_names)
        picture: NDArray[np.uint8] = colours[np.asarray(values, np.uint8)]
        return picture


class SegmentationMetrics(Accumulator):
    """mIoU and pixel accuracy from an int64 confusion matrix over the pixels that are not void.

    mIoU averages IoU = intersection / union over the classes that occur in the truth or in a prediction
    (union above 0). A class that is never right counts as 0: averaging only over classes with a correct
    pixel, as some public code does, hides exactly those. Both metrics are fractions, 0 to 1.

    Attributes:
        confusion: pixel counts [K, K], row = true class, column = predicted class.
    """

    def __init__(self, classes: int) -> None:
        super().__init__("segmentation", channels=classes)
        self.confusion = np.zeros((classes, classes), np.int64)

    def result(self) -> dict[str, float | None]:
        """{"miou", "pixel_accuracy"}."""
        right = np.diagonal(self.confusion)
        union = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - right
        seen = union > 0
        if not seen.any():
            return {"miou": None, "pixel_accuracy": None}
        return {
            "miou": float(np.mean(right[seen] / union[seen])),
            "pixel_accuracy": float(right.sum() / self.confusion.sum()),
        }

    def _check_target(self, target: Array) -> None:
        if not np.issubdtype(target.dtype, np.integer):
            raise invalid_argument("target", "integer labels for segmentation", f"dtype {target.dtype}")
        wrong = (target < 0) | ((target >= self.channels) & (target != VOID))
        if wrong.any():
            raise invalid_argument(
                "target",
                f"segmentation labels 0 to {self.channels - 1} or {VOID} (void)",
                f"label {int(target[wrong][0])} ({int(wrong.sum())} pixels out of range)",
            )

    def _add_frame(self, target: Array, output: Array) -> None:
        valid = target != VOID
        pairs = target[valid].astype(np.int64) * self.channels + np.argmax(output, axis=-1)[valid]
        self.confusion += np.bincount(pairs, minlength=self.channels**2).reshape(self.confusion.shape)
