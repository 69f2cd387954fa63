"""`edgenas compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edgenas.cli.completions import run_folders
from edgenas.cli.options import json_option
from edgenas.cli.output import print_json, print_table
from edgenas.errors import UsageError

__all__ = ["command"]


@click.command(name="compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), shell_complete=run_folders)
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
    from edgenas.evaluation.references import read_groups
    from edgenas.evaluation.tables import as_csv, as_latex, as_markdown, caption, columns_and_rows
    from edgenas.evaluation.tables import as_json as json_of

    groups, references = read_groups(runs, _singles(single), baseline, split)
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


def _singles(texts: Sequence[str]) -> dict[str, list[Path]]:
    """The folders of --single by task."""
    found: dict[str, list[Path]] = {}
    for text in texts:
        task, equals, folders = text.partition("=")
        paths = [Path(name) for name in folders.split(",") if name]
        if not equals or not paths:
            raise UsageError(f"Invalid value for --single. Expected TASK=FOLDER[,FOLDER]. Received {text!r}.")
        found.setdefault(task.strip(), []).extend(paths)
    return found
