"""Metrics of a network over a data set, task by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from edgenas.datasets import Dataset
from edgenas.tasks import get_task

__all__ = ["Metrics", "evaluate_outputs"]

Metrics = dict[str, dict[str, float | None]]
Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


def evaluate_outputs(
    predict: Predict, dataset: Dataset, tasks: Sequence[str], *, batch_size: int = 20
) -> Metrics:
    """Runs `predict` over the whole data set and accumulates every task's metrics.

    Args:
        predict: from images uint8 [B, H, W, 3] to {task: float32 [B, H, W, channels]}, the raw outputs.
        dataset: frames with truth.
        tasks: names of the tasks to score.
        batch_size: frames per call; does not change the result.

    Returns:
        {task: {metric: value}}, None where no valid pixel defines a metric.

    Raises:
        NonFiniteOutputError: the network gave NaN or infinity.
    """
    dataset.stored_arrays()  # every frame is needed: without this procedural ones are rendered one by one, each time
    accumulators = {task: get_task(task).new_metrics(dataset.info) for task in tasks}
    for start in range(0, len(dataset), batch_size):
        arrays = dataset.arrays(range(start, min(start + batch_size, len(dataset))))
        outputs = predict(arrays["image"])
        for task, accumulator in accumulators.items():
            accumulator.update(arrays[task], outputs[task])
    return {task: accumulator.result() for task, accumulator in accumulators.items()}
