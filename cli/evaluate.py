"""`edgenas evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import json_option, parse_tasks, run_argument
from edgenas.cli.output import metrics_table, print_json, progress, say
from edgenas.errors import UsageError
from edgenas.workflow.runs import newest_run

if TYPE_CHECKING:
    from edgenas.evaluation.data_choice import ChosenData
    from edgenas.evaluation.evaluate import Evaluation
    from edgenas.evaluation.subjects import Subject

__all__ = ["command"]


@click.command(name="evaluate")
@run_argument
@click.option("--data", help="Frames to evaluate on: a name or path; those of the training without it.")
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
    from edgenas.evaluation.subjects import find_subjects

    path = run or newest_run()
    subjects = find_subjects(path)
    others = find_subjects(against)[:1] if against is not None else []
    results = [_evaluated(s, options, path.is_dir() and len(subjects) > 1) for s in [*subjects, *others]]
    labels = _labels(subjects, others)
    if as_json:
        print_json(_as_one(results, labels, bool(others)))
    else:
        _show(results, labels)


def _evaluated(subject: Subject, options: dict[str, Any], several: bool) -> dict[str, Any]:
    """Evaluates, or finds the stored result of the same weights on the same test frames; stores it."""
    from edgenas.evaluation.data_choice import choose_data
    from edgenas.evaluation.evaluate import evaluate, identity_of_evaluation
    from edgenas.evaluation.models import open_model
    from edgenas.evaluation.store import find_evaluation, store_evaluation

    model = open_model(subject.model, threads=options["threads"])
    chosen = choose_data(model, subject.data, options["data"], options["split"], options["frames"])
    tasks = _tasks(chosen, parse_tasks(options["tasks"]))
    say(f"{subject.label}: {chosen.remark}" if several else chosen.remark)
    left_out = [task for task in model.channels if task not in chosen.tasks]
    if left_out:
        say(f"The data have no truth for {', '.join(left_out)}, which the network predicts too.")
    if chosen.held_out and not options["again"] and not (options["pictures"] or options["confusion"]):
        stored = find_evaluation(subject.folder, identity_of_evaluation(subject, chosen, tasks))
        asked = {"resamples": options["bootstrap"], "seed": options["seed"], "over": "frames"}
        if stored is not None and (not options["bootstrap"] or stored.get("bootstrap") == asked):
            say(
                "These weights were evaluated on these frames before; the stored result is shown (--again: anew)."
            )
            return stored
    with progress("evaluate") as advance:
        done = evaluate(
            subject, model, chosen, tasks,
            bootstrap=options["bootstrap"], seed=options["seed"], batch_size=options["batch_size"],
            on_frames=lambda count: advance(count, len(chosen.dataset), ""),
        )  # fmt: skip
    _write_files(subject, chosen, tasks, done, options, several)
    if options["store"]:
        store_evaluation(subject.folder, done.result)
    return done.result


def _tasks(chosen: ChosenData, asked: tuple[str, ...] | None) -> tuple[str, ...]:
    missing = [task for task in asked or () if task not in chosen.tasks]
    if missing:
        raise UsageError(
            f"Invalid value for --tasks. Expected tasks that both the network and the data have: "
            f"{', '.join(chosen.tasks)}. Received {', '.join(missing)}."
        )
    return asked or chosen.tasks


def _write_files(
    subject: Subject,
    chosen: ChosenData,
    tasks: tuple[str, ...],
    done: Evaluation,
    options: dict[str, Any],
    several: bool,
) -> None:
    from edgenas.evaluation.pictures import write_pictures
    from edgenas.storage import write_text_atomic
    from edgenas.text_tables import csv_text

    if options["pictures"] is not None:
        folder = options["pictures"] / subject.label if several else options["pictures"]
        written = write_pictures(folder, chosen.dataset, done.predict, done.sums, tasks)
        say(f"{len(written)} pictures in {folder}")
    if options["confusion"] is not None:
        if done.confusion is None:
            raise UsageError("--confusion needs segmentation, which the network or the data do not have.")
        path = options["confusion"]
        path = path.with_name(f"{path.stem}_{subject.label}{path.suffix}") if several else path
        names, pixels = chosen.dataset.info.class_names, done.confusion.tolist()
        rows = [[name, *row] for name, row in zip(names, pixels, strict=True)]
        write_text_atomic(path, csv_text([["true \\ predicted", *names], *rows]))
        done.result["confusion"] = pixels
        say(f"Confusion matrix in {path}")


def _labels(subjects: list[Subject], others: list[Subject]) -> list[str]:
    labels = [subject.label for subject in subjects]
    return [*labels, *(f"{o.label} (reference)" if o.label in labels else o.label for o in others)]


def _as_one(results: list[dict[str, Any]], labels: list[str], against: bool) -> dict[str, Any]:
    """One object: of several files the first with the others beside it, of several seeds their mean."""
    from edgenas.evaluation.differences import metric_differences
    from edgenas.evaluation.seeds import mean_of_seeds

    if len(results) == 1:
        return results[0]
    if not against and len({result["architecture_hash"] for result in results}) == 1 and _are_seeds(results):
        return mean_of_seeds(results, labels)
    reference = results[-1]
    return {
        **results[0],
        "files": dict(zip(labels, results, strict=True)),
        "differences": {
            f"{label} - {labels[-1]}": metric_differences(result, reference)
            for label, result in zip(labels[:-1], results[:-1], strict=True)
        },
    }


def _are_seeds(results: list[dict[str, Any]]) -> bool:
    return all(result["kind"] == "keras" and result["training"]["config"] for result in results)


def _show(results: list[dict[str, Any]], labels: list[str]) -> None:
    from edgenas.evaluation.differences import metric_differences, metrics_of

    columns = {label: metrics_of(result) for label, result in zip(labels, results, strict=True)}
    first = results[0]
    click.echo(f"{first['frames']} frames, {first['split']} of {first['data']}")
    if len(results) > 1 and not _are_seeds(results):
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
