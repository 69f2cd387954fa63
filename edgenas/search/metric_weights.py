"""Weights w_ij of Eq. 6 and 7 as a user types them: TASK.METRIC=W, or TASK=0 for a task that does not count."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgenas.errors import UsageError, unknown_name
from edgenas.scoring import HIGHER_IS_BETTER, QUALITY_METRICS

__all__ = ["parse_metric_weights"]

_FLAG = "--metric-weight"


def parse_metric_weights(texts: Sequence[str], tasks: Sequence[str]) -> dict[str, dict[str, float]] | None:
    """Reads weights.

    The quality is the mean over tasks of the weighted mean over metrics, so weights compare metrics of one task. A
    whole task can be left out (weight 0); any other weight for all its metrics would change nothing and is refused.

    Args:
        texts: as "segmentation.miou=2" or "depth=0"; a later one counts more than an earlier one.
        tasks: tasks of the search.

    Returns:
        {task: {metric: weight}} of what was named; None for nothing. A metric outside of `QUALITY_METRICS` that is
        named enters the quality.

    Raises:
        UsageError: a name is unknown, a weight negative or not finite, or nothing would be left to compare.
    """
    found: dict[str, dict[str, float]] = {}
    for text in texts:
        name, sign, number = text.partition("=")
        task, dot, metric = name.strip().partition(".")
        weight = _weight(text, number if sign else "")
        if task not in tasks:
            raise unknown_name("task of this search", task, tasks, "edgenas search --help")
        if not dot:
            if weight != 0.0:
                raise UsageError(
                    f"{_FLAG} {text}: a whole task can only be left out, {task}=0. Its metrics are averaged by their "
                    f"weights, so equal ones change nothing. Name a metric: {task}.{QUALITY_METRICS[task][0]}=2"
                )
            found[task] = dict.fromkeys((*QUALITY_METRICS[task], *found.get(task, {})), 0.0)
            continue
        if metric not in HIGHER_IS_BETTER[task]:
            raise unknown_name(f"{task} metric", metric, HIGHER_IS_BETTER[task])
        found.setdefault(task, {})[metric] = weight
    if not any(any(_weights(task, found).values()) for task in tasks):
        raise UsageError(
            f"Every metric has weight 0: nothing would be left to search for. Give one of {', '.join(tasks)} a "
            f"weight above 0, such as {_FLAG} {tasks[0]}.{QUALITY_METRICS[tasks[0]][0]}=1"
        )
    return found or None


def _weights(task: str, changed: dict[str, dict[str, float]]) -> dict[str, float]:
    return {**dict.fromkeys(QUALITY_METRICS[task], 1.0), **changed.get(task, {})}


def _weight(text: str, number: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not 0.0 <= weight < math.inf:
        raise UsageError(
            f"Invalid value for {_FLAG}. Expected TASK.METRIC=W with W a finite number of 0 or more, such as "
            f"segmentation.miou=2, or TASK=0. Received {text!r}."
        )
    return weight
