"""Metrics of a network with their intervals over frames, as the model card has them."""

from __future__ import annotations

from edgenas.datasets import Dataset
from edgenas.evaluation import Metrics, Predict, observe
from edgenas.evaluation.bootstrap import frame_intervals
from edgenas.evaluation.evaluate import sums_of
from edgenas.tasks import get_task

__all__ = ["RESAMPLES", "Intervals", "with_intervals"]

RESAMPLES = 500
"""Resamples of the bootstrap; its seed is 0."""

Intervals = dict[str, dict[str, tuple[float | None, float | None]]]


def with_intervals(predict: Predict, dataset: Dataset, tasks: tuple[str, ...]) -> tuple[Metrics, Intervals]:
    """Runs over the whole data set once.

    Args:
        predict: see `edgenas.evaluation.evaluate_outputs`.
        dataset: frames with truth.
        tasks: tasks to score.

    Returns:
        {task: {metric: value}} and {task: {metric: (low, high)}}, the 95% interval of the bootstrap over frames; tasks
        that users added have no intervals.

    Raises:
        NonFiniteOutputError: the network gave NaN or infinity.
    """
    accumulators = {task: get_task(task).new_metrics(dataset.info) for task in tasks}
    sums = {task: made for task in tasks if (made := sums_of(task, dataset.info.class_names)) is not None}
    observe(predict, dataset, {t: [accumulators[t], *([sums[t]] if t in sums else [])] for t in tasks})
    metrics = {task: accumulator.result() for task, accumulator in accumulators.items()}
    intervals = {
        task: {
            name: ends for name, ends in frame_intervals(rows, RESAMPLES, 0).items() if name in metrics[task]
        }
        for task, rows in sums.items()
    }
    return metrics, intervals
