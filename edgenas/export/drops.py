"""How much worse a file is than its float32 twin, per head and metric."""

from __future__ import annotations

from collections.abc import Mapping

from edgenas.tasks import get_task

__all__ = ["metric_drops_percent", "worst_drop"]

Values = Mapping[str, Mapping[str, float | None]]


def metric_drops_percent(reference: Values, metrics: Values) -> dict[str, dict[str, float]]:
    """How much each metric that counts for the quality (Eq. 6) got worse, in percent of the reference's.

    Args:
        reference: {task: {metric: value}} of the float32 file.
        metrics: those of the other file, over the same frames.

    Returns:
        {task: {metric: percent}}; negative where it got better; metrics that are undefined or zero are left out.
    """
    drops: dict[str, dict[str, float]] = {}
    for name, values in reference.items():
        task = get_task(name)
        for metric in task.quality_metrics:
            before, after = values.get(metric), metrics[name].get(metric)
            if before is None or after is None or before == 0:
                continue
            worse = before - after if task.metrics[metric] else after - before
            drops.setdefault(name, {})[metric] = 100.0 * worse / abs(before)
    return drops


def worst_drop(drops: Mapping[str, Mapping[str, float]]) -> tuple[str, str, float] | None:
    """Task, metric and percent of the largest drop; None where there is none to tell of."""
    rows = [(task, metric, percent) for task, row in drops.items() for metric, percent in row.items()]
    return max(rows, key=lambda row: row[2], default=None)
