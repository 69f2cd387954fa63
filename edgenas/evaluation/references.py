"""`read_groups`: the evaluations to compare, and those that the differences refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from edgenas.errors import UsageError
from edgenas.evaluation.comparison import Group, group_runs
from edgenas.evaluation.stored_runs import read_runs

__all__ = ["read_groups"]


def read_groups(
    runs: Sequence[Path],
    single: Mapping[str, Sequence[Path]] = MappingProxyType({}),
    baseline: Path | None = None,
    split: str | None = None,
) -> tuple[list[Group], dict[str, Group]]:
    """Reads stored evaluations.

    Args:
        runs: folders or files that `edgenas evaluate` has evaluated.
        single: {task: folders of its single-task baseline, one per seed}.
        baseline: run that the differences refer to in every task, instead.
        split: evaluations on this split only.

    Returns:
        The rows, and per task the runs that its differences refer to.

    Raises:
        UsageError: a run is not evaluated, or what is named as a baseline is none.
    """
    if single and baseline is not None:
        raise UsageError("Give either --single or --baseline: both say what the differences refer to.")
    extra = [path for paths in single.values() for path in paths] + (
        [baseline] if baseline is not None else []
    )
    paths = list(dict.fromkeys([*extra, *runs]))
    found = dict(zip(paths, read_runs(paths, split), strict=True))
    if baseline is not None:
        groups = group_runs([run for path in paths for run in found[path]])
        [reference] = group_runs(found[baseline])[:1]
        # The row of the baseline itself is the same group, so that it is not compared with itself.
        same = next(group for group in groups if group.results[0] in reference.results)
        return groups, dict.fromkeys(same.tasks, same)
    groups = group_runs([run for path in paths for run in found[path]])
    references: dict[str, Group] = {}
    for task, folders in single.items():
        shas = {run.result["model_sha256"] for folder in folders for run in found[folder]}
        fitting = [group for group in groups if group.results[0]["model_sha256"] in shas]
        if len(fitting) != 1 or fitting[0].tasks != (task,):
            shown = "; ".join(f"{group.label}: {', '.join(group.tasks)}" for group in fitting)
            raise UsageError(
                f"Invalid value for --single {task}. Expected one network for {task} alone, with its seeds. "
                f"Received {shown}."
            )
        references[task] = fitting[0]
    return groups, references or _found_by_tasks(groups)


def _found_by_tasks(groups: Sequence[Group]) -> dict[str, Group]:
    """The runs with one task, as baselines of the runs with several."""
    if all(len(group.tasks) == 1 for group in groups):
        return {}
    references: dict[str, Group] = {}
    for group in groups:
        if len(group.tasks) != 1:
            continue
        [task] = group.tasks
        if task in references:
            raise UsageError(
                f"Two single-task baselines for {task}: {references[task].label} and {group.label}. Name the one that "
                f"counts: --single {task}=FOLDER"
            )
        references[task] = group
    return references
