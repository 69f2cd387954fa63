"""The one loop from frames to metrics: reads ahead, predicts batch by batch, keeps no frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from edgenas.datasets import Dataset
from edgenas.tasks import get_task

__all__ = ["Metrics", "Observer", "Predict", "evaluate_outputs", "observe"]

Metrics = dict[str, dict[str, float | None]]
Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


class Observer(Protocol):
    """What looks at truth and raw output of one task, such as a task's `Accumulator`."""

    def update(self, target: np.ndarray, output: np.ndarray) -> None:
        """Takes in a batch: truth [B, H, W(, 3)] and raw output [B, H, W, channels]."""


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
    accumulators = {task: get_task(task).new_metrics(dataset.info) for task in tasks}
    observe(predict, dataset, {task: [it] for task, it in accumulators.items()}, batch_size=batch_size)
    return {task: accumulator.result() for task, accumulator in accumulators.items()}


def observe(
    predict: Predict,
    dataset: Dataset,
    observers: Mapping[str, Sequence[Observer]],
    *,
    batch_size: int = 20,
    on_frames: Callable[[int], None] | None = None,
) -> None:
    """Shows every frame's truth and output to the observers, task by task, in the order of the frames.

    Where the frames are too many to be held in memory, two batches are there at a time.

    Args:
        predict: see `evaluate_outputs`.
        dataset: frames with truth.
        observers: {task: its observers}.
        batch_size: frames per call.
        on_frames: called with the number of frames done.
    """
    dataset.hold()
    done = 0
    for arrays in _ahead(dataset, batch_size):
        outputs = predict(arrays["image"])
        for task, watching in observers.items():
            for observer in watching:
                observer.update(arrays[task], outputs[task])
        done += len(arrays["image"])
        if on_frames is not None:
            on_frames(done)


def _ahead(dataset: Dataset, batch_size: int) -> Iterator[dict[str, Any]]:
    """The batches in order; the next is read and decoded while one is being used."""
    ranges = [range(i, min(i + batch_size, len(dataset))) for i in range(0, len(dataset), batch_size)]
    with ThreadPoolExecutor(1) as reader:
        coming = [reader.submit(dataset.arrays, ranges[0])] if ranges else []
        for following in [*ranges[1:], None]:
            if not coming:
                return
            arrays = coming.pop().result()
            if following is not None:
                coming.append(reader.submit(dataset.arrays, following))
            yield arrays
