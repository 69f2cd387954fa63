"""Starts every head at the best constant answer, so that short trainings do not spend their steps on finding it.

As RetinaNet does for its classifier (arXiv 1708.02002, section 4.1), here for all tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import VOID, Dataset

__all__ = ["constant_answers", "set_head_biases"]

_FRAMES = 64


def constant_answers(dataset: Dataset, tasks: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Per task the raw output, one number a channel, that fits best if it may not depend on the image.

    Segmentation: log frequencies of the classes. Depth: median of the valid pixels (best for L1). Normals: mean
    direction. From frames spread evenly over the data set; zeros where no pixel is valid.
    """
    indices = np.unique(np.linspace(0, len(dataset) - 1, min(_FRAMES, len(dataset))).astype(int))
    arrays = dataset.arrays([int(i) for i in indices])
    answers = {}
    for task in tasks:
        truth = arrays[task]
        if task == "segmentation":
            classes = len(dataset.info.class_names)
            counts = np.bincount(truth[truth != VOID].ravel(), minlength=classes)[:classes]
            answer = np.log((counts + 1.0) / (counts.sum() + classes))
        elif task == "depth":
            valid = truth[truth > 0]
            answer = np.array([np.median(valid) if valid.size else 0.0])
        else:
            answer = truth.reshape(-1, truth.shape[-1]).mean(axis=0)
        answers[task] = answer.astype(np.float32)
    return answers


def set_head_biases(model: Any, answers: dict[str, NDArray[np.float32]]) -> None:
    """Writes the answers into the biases of the heads' last convolutions."""
    for task, answer in answers.items():
        model.get_layer(f"{task}_out").bias.assign(answer)
