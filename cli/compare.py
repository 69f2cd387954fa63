"""`edgenas compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgenas.cli.options import json_option
from edgenas.cli.output import print_json, print_table
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.evaluation.comparison import Group

__all__ = ["command"]


@click.command(name="compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--single", multiple=True, metavar="TASK=FOLDER[,FOLDER]",
    help="Single-task baseline of a task (its seeds); without it, the runs with one task are the baselines.",
)  # fmt: skip
@click.option(
    "--baseline", type=click.Path(path_type=Path), help="Run that the differences refer to in every task."
)
@click.option(
    "--split", type=click.Choice(["train", "validation", "test", "all"]), help="Evaluations on this split."
)
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "latex", "csv"]), default="text", show_default=True,
    help="Layout of the table.",
)  # fmt: skip
@click.option(
    "--bootstrap", default=2000, show_default=True, type=click.IntRange(1, 100_000),
    help="Resamples of the seeds for the 95% intervals.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the resampling.")
@json_option
def command(
    runs: tuple[Path, ...],
    single: tuple[str, ...],
    baseline: Path | None,
    split: str | None,
    form: str,
    bootstrap: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare RUNS that `edgenas evaluate` has evaluated on the same frames, in the layout of the paper's tables.

    Runs that differ only in their seed become one line with mean, standard deviation and intervals. dT says how much
    better (+) a network is than the single-task baselines, in percent (Eq. 9 to 12).

    \b
    Examples:
      edgenas compare runs/001 runs/002 --single depth=depth-only --single segmentation=seg-only
      edgenas compare seeds-l1 seeds-jared singles/depth singles/segmentation --format latex
      edgenas compare runs/001/export --baseline runs/001
    """
    from edgenas.evaluation.comparison import compare
    from edgenas.evaluation.tables import as_csv, as_latex, as_markdown, caption, columns_and_rows
    from edgenas.evaluation.tables import as_json as json_of

    groups, references = _read(runs, single, baseline, split)
    comparison = compare(groups, references, resamples=bootstrap, seed=seed)
    if as_json:
        print_json(json_of(comparison))
    elif form == "text":
        columns, rows = columns_and_rows(comparison)
        print_table("", columns, rows)
        click.echo(caption(comparison))
    else:
        write = {"markdown": as_markdown, "latex": as_latex, "csv": as_csv}[form]
        click.echo(write(comparison), nl=False)


def _read(
    runs: Sequence[Path], single: Sequence[str], baseline: Path | None, split: str | None
) -> tuple[list[Group], dict[str, Group]]:
    """The rows, and per task the runs that its differences refer to."""
    from edgenas.evaluation.comparison import group_runs
    from edgenas.evaluation.stored_runs import read_runs

    if single and baseline is not None:
        raise UsageError("Give either --single or --baseline: both say what the differences refer to.")
    named = [_single(text) for text in single]
    extra = [path for _, paths in named for path in paths] + ([baseline] if baseline is not None else [])
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
    for task, folders in named:
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


def _single(text: str) -> tuple[str, list[Path]]:
    task, equals, folders = text.partition("=")
    paths = [Path(name) for name in folders.split(",") if name]
    if not equals or not paths:
        raise UsageError(f"Invalid value for --single. Expected TASK=FOLDER[,FOLDER]. Received {text!r}.")
    return task.strip(), paths


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
