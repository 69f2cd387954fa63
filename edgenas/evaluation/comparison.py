"""`compare`: evaluations of several networks on the same frames, grouped by seed, with delta metrics (Eq. 9 to 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenas.evaluation.bootstrap import resampled_means
from edgenas.evaluation.differences import metrics_of
from edgenas.evaluation.frame_sums import Table
from edgenas.evaluation.seeds import training_key
from edgenas.evaluation.stored_runs import StoredRun
from edgenas.scoring import Metrics, delta_task, delta_total

__all__ = ["Comparison", "Group", "Spread", "compare", "group_runs"]

Interval = tuple[float | None, float | None]


@dataclass(frozen=True)
class Spread:
    """A metric over seeds.

    Attributes:
        mean: mean over the seeds that define it; None where none does.
        deviation: sample standard deviation; None for fewer than two seeds.
        interval: 95% bootstrap interval of the mean over seeds; (None, None) for fewer than two.
    """

    mean: float | None
    deviation: float | None = None
    interval: Interval = (None, None)


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but their seed.

    Attributes:
        label: name in the table.
        results: an evaluation per seed.
    """

    label: str
    results: tuple[Mapping[str, Any], ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that were evaluated."""
        return tuple(self.results[0]["tasks"])

    @property
    def tables(self) -> list[dict[str, dict[str, float | None]]]:
        """{task: {metric: value}} of each seed."""
        return [metrics_of(result) for result in self.results]

    @property
    def means(self) -> dict[str, dict[str, float | None]]:
        """{task: {metric: mean over the seeds}}."""
        tables = self.tables
        return {
            task: {name: _mean([table[task].get(name) for table in tables]) for name in tables[0][task]}
            for task in tables[0]
        }


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: the runs.
        metrics: {task: {metric: spread}}.
        delta: {task: dT_i in percent} (Eq. 11), None where it has no reference or is undefined.
        delta_interval: its 95% interval over the seeds of these runs and of the references.
        total: dT in percent (Eq. 12); None where a task has no reference.
        total_interval: its interval.
    """

    group: Group
    metrics: Mapping[str, Mapping[str, Spread]]
    delta: Mapping[str, float | None]
    delta_interval: Mapping[str, Interval]
    total: float | None
    total_interval: Interval


@dataclass(frozen=True)
class Comparison:
    """The whole table.

    Attributes:
        data: the data's source.
        split: the split.
        frames: number of frames.
        tasks: every task of a row, in the order of the paper's tables.
        rows: the lines.
        references: {task: label of the runs that its delta metrics refer to}.
    """

    data: str
    split: str
    frames: int
    tasks: tuple[str, ...]
    rows: tuple[Row, ...]
    references: Mapping[str, str]


def group_runs(runs: Sequence[StoredRun]) -> list[Group]:
    """Puts runs together that differ in nothing but their seed, in the order in which they were given.

    The same weights given twice count once.
    """
    groups: dict[str, list[StoredRun]] = {}
    for run in runs:
        same = groups.setdefault(training_key(run.result), [])
        if all(run.result["model_sha256"] != other.result["model_sha256"] for other in same):
            same.append(run)
    labels = [_label(members) for members in groups.values()]
    named = []
    for number, label in enumerate(labels):
        repeats = labels[:number].count(label)
        named.append(f"{label} ({repeats + 1})" if repeats else label)
    return [
        Group(label, tuple(run.result for run in members))
        for label, members in zip(named, groups.values(), strict=True)
    ]


def compare(
    groups: Sequence[Group],
    references: Mapping[str, Group],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Builds the table.

    Args:
        groups: the rows, all evaluated on the same frames.
        references: per task the runs whose metrics are s_ij of Eq. 9: the single-task baseline.
        resamples: of the bootstrap over seeds.
        seed: of the resampling.
    """
    first = groups[0].results[0]
    found = {task for group in groups for task in group.tasks}
    order = {"segmentation": 0, "depth": 1, "normals": 2}
    tasks = tuple(sorted(found, key=lambda task: (order.get(task, 9), task)))
    rows = tuple(_row(group, references, resamples, seed) for group in groups)
    labels = {task: group.label for task, group in references.items() if task in found}
    return Comparison(first["data"], first["split"], first["frames"], tasks, rows, labels)


def _row(group: Group, references: Mapping[str, Group], resamples: int, seed: int) -> Row:
    tables = group.tables
    metrics = {
        task: {
            name: _spread([table[task].get(name) for table in tables], resamples, seed)
            for name in tables[0][task]
        }
        for task in group.tasks
    }
    compared = [task for task in group.tasks if task in references and references[task] is not group]
    means = group.means
    single = {task: references[task].means[task] for task in compared}
    delta = {task: delta_task(task, means[task], single[task]) for task in compared}
    intervals = {task: _delta_interval(group, references, (task,), resamples, seed) for task in compared}
    whole = bool(compared) and len(compared) == len(group.tasks) and len(group.tasks) > 1
    return Row(
        group,
        metrics,
        delta,
        intervals,
        delta_total(means, single) if whole else None,
        _delta_interval(group, references, group.tasks, resamples, seed) if whole else (None, None),
    )


def _delta_interval(
    group: Group, references: Mapping[str, Group], tasks: tuple[str, ...], resamples: int, seed: int
) -> Interval:
    """The interval of dT (Eq. 12) over these tasks; the runs and each task's references are resampled on their own."""
    if len(group.results) < 2 and all(len(references[task].results) < 2 for task in tasks):
        return None, None
    sources = [group, *(references[task] for task in tasks)]
    names = [[(task, name) for task in tasks for name in group.means[task]]]
    names += [[(task, name) for name in references[task].means[task]] for task in tasks]

    def total(means: list[Table]) -> float | None:
        ours, *theirs = (_as_metrics(row, columns) for row, columns in zip(means, names, strict=True))
        single = {task: metrics[task] for task, metrics in zip(tasks, theirs, strict=True)}
        return delta_total(ours, single)

    rows = [_as_rows(source, columns) for source, columns in zip(sources, names, strict=True)]
    return resampled_means(rows, total, resamples, seed)


def _as_rows(group: Group, columns: Sequence[tuple[str, str]]) -> Table:
    tables = group.tables
    values = [[table[task].get(name) for task, name in columns] for table in tables]
    return np.array([[np.nan if v is None else v for v in row] for row in values], np.float64)


def _as_metrics(means: Table, columns: Sequence[tuple[str, str]]) -> Metrics:
    metrics: dict[str, dict[str, float | None]] = {}
    for value, (task, name) in zip(means.tolist(), columns, strict=True):
        metrics.setdefault(task, {})[name] = None if np.isnan(value) else value
    return metrics


def _spread(values: Sequence[float | None], resamples: int, seed: int) -> Spread:
    defined = np.array([v for v in values if v is not None], np.float64)
    if defined.size < 2:
        return Spread(_mean(values))
    interval = resampled_means([defined[:, None]], lambda means: float(means[0][0]), resamples, seed)
    return Spread(float(defined.mean()), float(defined.std(ddof=1)), interval)


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [v for v in values if v is not None]
    return float(np.mean(defined)) if defined else None


def _label(members: Sequence[StoredRun]) -> str:
    """Of several seeds the folder that holds them, or what their names have in common."""
    labels = [run.label for run in members]
    given = {run.given for run in members}
    if len(members) > 1 and len(given) == 1:
        return given.pop()
    if len(members) == 1:
        return labels[0]
    shared = labels[0]
    for label in labels[1:]:
        while not label.startswith(shared):
            shared = shared[:-1]
    return shared.rstrip("-_.0123456789 ").removesuffix("seed").rstrip("-_. ") or labels[0]
