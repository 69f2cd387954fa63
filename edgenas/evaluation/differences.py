"""Several files of one network side by side: what int8 costs, metric by metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgenas.tasks import TASKS

__all__ = ["metric_differences", "metrics_of"]


def metrics_of(result: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """The metrics of an evaluation, {task: {metric: value}}, without tables such as the IoU of every class."""
    return {
        task: {name: value for name, value in values.items() if not isinstance(value, dict)}
        for task, values in result.items()
        if task in TASKS
    }


def metric_differences(
    result: Mapping[str, Any], reference: Mapping[str, Any]
) -> dict[str, dict[str, float | None]]:
    """`result` minus `reference`, {task: {metric: difference}}; None where one of them is undefined."""
    ours, theirs = metrics_of(result), metrics_of(reference)
    differences: dict[str, dict[str, float | None]] = {}
    for task in ours:
        if task not in theirs:
            continue
        differences[task] = {}
        for name, value in ours[task].items():
            other = theirs[task].get(name)
            differences[task][name] = None if value is None or other is None else value - other
    return differences
