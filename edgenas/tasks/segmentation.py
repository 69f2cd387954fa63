"""Semantic segmentation: cross-entropy, mIoU and pixel accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID, palette
from edgenas.tasks.base import Accumulator, Array, Task, TaskInfo, Tensor, invalid_argument, require_rank

__all__ = ["Segmentation"]


class Segmentation(Task):
    """Class labels 0..K-1 per pixel, `VOID` ignored."""

    name = "segmentation"
    losses = ("CE",)

    def output_channels(self, info: TaskInfo) -> int:
        """One logit per class."""
        return len(info.class_names)

    def loss_terms(self, target: Tensor, output: Tensor, info: TaskInfo | None = None) -> dict[str, Tensor]:
        """CE: softmax cross-entropy, mean over pixels that are not void."""
        import tensorflow as tf

        require_rank(target, "target", 3, self.name)
        require_rank(output, "output", 4, self.name)
        valid = tf.not_equal(target, VOID)
        # The void label is no row of the logits: ask for class 0 there and mask the answer.
        per_pixel = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.where(valid, target, 0), logits=tf.cast(output, tf.float32)
        )
        mask = tf.cast(valid, tf.float32)
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
