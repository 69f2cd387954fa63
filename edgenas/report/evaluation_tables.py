"""Metrics with their confidence intervals, and the changes from one network to another in percent."""

from __future__ import annotations

import shlex

from edgenas.report.coerce import Metrics
from edgenas.report.evaluations import StoredEvaluation
from edgenas.report.markup import Cell, Html, code, join, note, table
from edgenas.report.run_data import RunData
from edgenas.report.wording import in_reading_order, metric_name, score
from edgenas.scoring import delta_task, mean_of_defined
from edgenas.tasks import TASKS

__all__ = ["changes_table", "evaluation_tables"]

_MOST_TABLES = 4


def evaluation_tables(run: RunData) -> Html:
    """One table for each selection of frames, with the intervals that were computed."""
    by_frames: dict[str, dict[str, StoredEvaluation]] = {}
    for evaluation in run.evaluations:
        by_frames.setdefault(evaluation.frames, {})[evaluation.network] = evaluation
    parts = [
        _table(frames, list(found.values()), run) for frames, found in list(by_frames.items())[:_MOST_TABLES]
    ]
    known = any(run.card.intervals.values()) if run.card else False
    if not known and not any(evaluation.resamples for evaluation in run.evaluations):
        command = f"edgenas evaluate {shlex.quote(str(run.folder))} --bootstrap 1000"
        parts.append(
            note(
                "There are no confidence intervals of the final networks. Make them with ", code(command), "."
            )
        )
    return join(parts)


def _table(frames: str, found: list[StoredEvaluation], run: RunData) -> Html:
    rows: list[list[Cell]] = []
    for task in in_reading_order({task for it in found for task in it.metrics}):
        names = dict.fromkeys(name for it in found for name in it.metrics.get(task, {}))
        for name in names:
            cells: list[Cell] = [
                score(it.metrics.get(task, {}).get(name), it.intervals.get(task, {}).get(name))
                for it in found
            ]
            rows.append([task, metric_name(task, name, run.config.depth_unit), *cells])
    header: list[Cell] = ["task", "metric", *(it.network for it in found)]
    resamples = max(it.resamples for it in found)
    title = f"Evaluated on {frames}"
    if resamples:
        title += f"; in brackets the 95% interval over frames ({resamples} resamples)"
    return table(title, header, rows, text_columns=2)


def changes_table(columns: list[tuple[str, Metrics, Metrics]]) -> Html | None:
    """The delta metrics: changes in percent, positive where the first network is the better one.

    Args:
        columns: title, metrics and the metrics that they are held against.
    """
    known = [(title, ours, theirs) for title, ours, theirs in columns if ours and theirs]
    tasks = in_reading_order({t for _, ours, theirs in known for t in ours if t in theirs and t in TASKS})
    if not tasks:
        return None
    rows: list[list[Cell]] = []
    deltas = {
        title: [delta_task(t, ours[t], theirs[t]) if t in ours and t in theirs else None for t in tasks]
        for title, ours, theirs in known
    }
    for place, task in enumerate(tasks):
        rows.append([task, *(_percent(found[place]) for found in deltas.values())])
    rows.append(["all tasks", *(_percent(mean_of_defined(found)) for found in deltas.values())])
    words = note(
        "Eq. 9 to 12 of the paper with the network after “against” in the place of the single-task one: the mean over "
        "a task's metrics of the relative improvement. Positive is better."
    )
    return join((table("Delta metrics, change in percent", ["task", *deltas], rows), words))


def _percent(value: float | None) -> str | None:
    if value is None:
        return None
    return "0.0%" if abs(value) < 0.05 else f"{value:+.1f}%".replace("-", "−")
