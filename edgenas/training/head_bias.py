"""Starts every head at the best constant answer, so that short trainings do not spend their steps on finding it.

As RetinaNet does for its classifier (arXiv 1708.02002, section 4.1), here for all tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import Dataset
from edgenas.tasks import get_task

__all__ = ["constant_answers", "set_head_biases"]

_FRAMES = 64


def constant_answers(dataset: Dataset, tasks: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Per task the raw output, one number a channel, that fits best if it may not depend on the image.

    See `Task.constant_answer`. From frames spread evenly over the data set; zeros where no pixel is valid.
    """
    indices = np.unique(np.linspace(0, len(dataset) - 1, min(_FRAMES, len(dataset))).astype(int))
    arrays = dataset.arrays([int(i) for i in indices])
    return {
        task: get_task(task).constant_answer(arrays[task], dataset.info).astype(np.float32) for task in tasks
    }


def set_head_biases(model: Any, answers: dict[str, NDArray[np.float32]]) -> None:
    """Writes the answers into the biases of the heads' last convolutions."""
    for task, answer in answers.items():
        model.get_layer(f"{task}_out").bias.assign(answer)
