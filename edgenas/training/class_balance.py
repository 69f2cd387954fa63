"""Weights of the classes in the cross-entropy, from how often they occur in the frames to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgenas.datasets import VOID, Dataset, DatasetInfo

__all__ = ["balanced_info"]

_FRAMES = 256


def balanced_info(dataset: Dataset, power: float) -> DatasetInfo:
    """The description of `dataset` with weights f ** -power of its classes, f their shares of the pixels that count.

    mIoU gives every class the same part, plain cross-entropy gives each the part of its pixels: in a short training
    rare classes are then never predicted. The weights are scaled so that their mean over the pixels is 1. From frames
    spread evenly over the data set; a class that none of them shows counts as if it had one pixel.

    Args:
        dataset: frames to learn from.
        power: 0 to 1; 0 leaves all weights equal.
    """
    info = dataset.info
    if power == 0.0 or "segmentation" not in info.tasks:
        return info
    counts = np.zeros(len(info.class_names), np.int64)
    for index in np.unique(np.linspace(0, len(dataset) - 1, min(_FRAMES, len(dataset))).astype(int)):
        labels = dataset.frame(int(index)).segmentation
        if labels is not None:
            counts += np.bincount(labels[labels != VOID], minlength=len(counts))[: len(counts)]
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    weights = shares**-power
    return replace(info, class_weights=tuple(float(w) for w in weights / (weights * shares).sum()))
