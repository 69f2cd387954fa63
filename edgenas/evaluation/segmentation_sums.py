"""Segmentation beyond mIoU and pixel accuracy: per class, frequency-weighted, and AdaShare's variants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID
from edgenas.evaluation.frame_sums import FrameSums, Table, ratio

__all__ = ["SegmentationSums"]


class SegmentationSums(FrameSums):
    """Right, true and predicted pixels per class.

    Args:
        class_names: names of the K classes.
    """

    def __init__(self, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = class_names

    def metrics(self, sums: Table) -> dict[str, Table]:
        """miou, pixel_accuracy, mean_class_accuracy and frequency_weighted_iou.

        mean_class_accuracy averages right / true pixels over the classes that occur in the truth;
        frequency_weighted_iou weighs each class's IoU with its share of the true pixels.
        """
        right, true, predicted = self._parts(sums)
        iou = ratio(right, true + predicted - right)
        pixels = true.sum(axis=1)
        return {
            "miou": _mean_of_defined(iou),
            "pixel_accuracy": ratio(right.sum(axis=1), pixels),
            "mean_class_accuracy": _mean_of_defined(ratio(right, true)),
            "frequency_weighted_iou": ratio(np.nansum(np.nan_to_num(iou) * true, axis=1), pixels),
        }

    def adashare(self) -> dict[str, float]:
        """miou and pixel_accuracy with two faults of the public code.

        miou averages only over classes with a right pixel, which hides those that are never right. pixel_accuracy
        keeps ignored pixels in the denominator, as it does on Cityscapes, where ignored is -1 and passes its test
        `label < classes`; it is the mean over frames.
        """
        right, true, predicted = (part[0] for part in self._parts(self.total))
        found = right > 0
        iou = right[found] / (true + predicted - right)[found]
        table = self.table
        per_frame = ratio(self._parts(table)[0].sum(axis=1), table[:, -1])
        return {
            "miou": float(iou.mean()) if found.any() else np.nan,
            "pixel_accuracy": float(per_frame.mean()),
        }

    def badness(self) -> Table:
        """Share of wrong pixels."""
        right, true, _ = self._parts(self.table)
        return 1.0 - ratio(right.sum(axis=1), true.sum(axis=1))

    def details(self) -> dict[str, Any]:
        """per_class_iou: {class: IoU}, None for a class that is neither in the truth nor predicted."""
        right, true, predicted = (part[0] for part in self._parts(self.total))
        iou = ratio(right, true + predicted - right)
        return {
            "per_class_iou": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(self._names, iou, strict=True)
            }
        }

    def _parts(self, sums: Table) -> tuple[Table, Table, Table]:
        classes = len(self._names)
        return sums[:, :classes], sums[:, classes : 2 * classes], sums[:, 2 * classes : 3 * classes]

    def _row(self, target: NDArray[Any], output: NDArray[Any]) -> Table:
        classes = len(self._names)
        valid = target != VOID
        truth, guess = target[valid].astype(np.int64), np.argmax(output, axis=-1)[valid]
        counts = [np.bincount(labels, minlength=classes) for labels in (truth[truth == guess], truth, guess)]
        return np.concatenate([*counts, [target.size]]).astype(np.float64)


def _mean_of_defined(values: Table) -> Table:
    """Mean over the classes where the value is defined, [selections]; NaN where it is nowhere."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))
