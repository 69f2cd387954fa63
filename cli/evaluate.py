"""`edgenas evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from edgenas.cli.completions import data_names
from edgenas.cli.options import json_option, parse_tasks, run_argument
from edgenas.cli.output import metrics_table, print_json, progress, say
from edgenas.workflow.runs import newest_run

__all__ = ["command"]


@click.command(name="evaluate")
@run_argument
@click.option(
    "--data",
    shell_complete=data_names,
    help="Frames to evaluate on: a name or path; those of the training without it.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test", "all"]),
    help="Validation of the training's own data; of other data the test split, or every frame.",
)
@click.option("--frames", type=click.IntRange(1), help="So many frames, evenly spread.")
@click.option("--tasks", help="Tasks to evaluate, e.g. depth,segmentation; every task without it.")
@click.option(
    "--against", type=click.Path(path_type=Path), help="Another network; the differences are shown."
)
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for pictures of frames.")
@click.option("--confusion", type=click.Path(path_type=Path), help="CSV file for the confusion matrix.")
@click.option(
    "--bootstrap", default=0, show_default=True, type=click.IntRange(0, 100_000),
    help="Resamples of the frames for a 95% interval of every metric.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Seed of the resampling.")
@click.option("--batch-size", default=20, show_default=True, type=click.IntRange(1), help="Frames at a time.")
@click.option(
    "--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="For .tflite files."
)
@click.option(
    "--store/--no-store", default=True, show_default=True, help="Keep the result beside the network."
)
@click.option("--again", is_flag=True, help="Evaluate even where a stored result is of the same test frames.")
@json_option
def command(run: Path | None, as_json: bool, against: Path | None, **options: Any) -> None:
    """Evaluate RUN: a run, a folder of train or export, a .keras or a .tflite file (the newest run without it).

    Every metric of the paper and of the field, at the size of the truth. An export folder is evaluated file by file,
    with what int8 changes; a folder of several seeds seed by seed. Beside the right values stand, as
    compat.adashare, those of AdaShare's public code with its faults, to compare with published tables.

    \b
    Examples:
      edgenas evaluate runs/001
      edgenas evaluate model.keras --data official_test.npz --json
      edgenas evaluate net_int8.tflite --against net_float32.tflite --bootstrap 1000
      edgenas evaluate runs/001/export --pictures seen --confusion confusion.csv
    """
    from edgenas.workflow.evaluate import EvaluationRequest, Evaluations, evaluate_subject, subjects_of

    request = EvaluationRequest(**{**options, "tasks": parse_tasks(options["tasks"])})
    subjects, labels, several = subjects_of(run or newest_run(), against)
    results = []
    for subject in subjects:
        with progress("evaluate") as advance:
            result = evaluate_subject(
                subject, request, several=several, tell=say, on_frames=partial(_tell, advance)
            )
        results.append(result)
    if as_json:
        print_json(Evaluations(results, labels, against is not None).to_dict())
    else:
        _show(results, labels)


def _tell(advance: Callable[[float, float, str], None], done: int, total: int) -> None:
    advance(done, total, "")


def _show(results: list[dict[str, Any]], labels: list[str]) -> None:
    from edgenas.evaluation.differences import metric_differences, metrics_of
    from edgenas.workflow.evaluate import are_seeds

    columns = {label: metrics_of(result) for label, result in zip(labels, results, strict=True)}
    first = results[0]
    click.echo(f"{first['frames']} frames, {first['split']} of {first['data']}")
    if len(results) > 1 and not are_seeds(results):
        for label, result in zip(labels[:-1], results[:-1], strict=True):
            columns[f"{label} - {labels[-1]}"] = metric_differences(result, results[-1])
    metrics_table("Metrics", columns)
    for label, result in zip(labels, results, strict=True):
        prefix = f"{label}: " if len(results) > 1 else ""
        click.echo(f"{prefix}{result['parameters']} parameters, {result['model']}")
    if "intervals" in first:
        ends = {
            side: {
                task: {name: pair[number] for name, pair in metrics.items()}
                for task, metrics in first["intervals"].items()
            }
            for number, side in enumerate(("low", "high"))
        }
        metrics_table(f"95% interval over frames, {labels[0]}", ends)
    public = {
        label: {"": result["compat"]["adashare"]} for label, result in zip(labels, results, strict=True)
    }
    if any(metrics[""] for metrics in public.values()):  # there is none of a task that a user added
        click.echo("As AdaShare's public code computes them, faults included:")
        metrics_table("compat.adashare", public)
