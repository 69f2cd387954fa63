"""`edgenas train`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.completions import architecture_names, schedule_names, space_names
from edgenas.cli.options import data_options, json_option, parse_tasks, refuse_data_options, run_argument
from edgenas.cli.output import metrics_table, print_json, progress, say
from edgenas.errors import UsageError
from edgenas.workflow.runs import newest_run

if TYPE_CHECKING:
    from edgenas.training.trainer import Progress
    from edgenas.workflow.train import TrainedNetwork
    from edgenas.workflow.training_request import TrainingRequest

__all__ = ["command"]

# Options of the schedule, by the names of `TrainingConfig`.
_CHANGES = ("iterations", "batch_size", "learning_rate", "weighting", "accumulate", "precision", "devices")


@click.command(name="train")
@run_argument
@click.option(
    "--architecture",
    shell_complete=architecture_names,
    help="Train this .json file, or edgenas-compact-v1, or mt-edge-baseline-v1 of --space, instead of a run's winner.",
)
@click.option(
    "--space",
    default="demo",
    show_default=True,
    shell_complete=space_names,
    help="Space of a named architecture.",
)
@data_options
@click.option(
    "--schedule",
    default="modern",
    show_default=True,
    shell_complete=schedule_names,
    help="modern, adashare (20,000 steps of the paper), paper-proxy, proxy, or a .toml file.",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    help="Passes over the training frames, instead of the schedule's steps.",
)
@click.option("--iterations", type=click.IntRange(1), help="Steps, instead of the schedule's.")
@click.option("--batch-size", type=click.IntRange(1), help="Frames per step, instead of the schedule's.")
@click.option("--learning-rate", type=float, help="Peak rate, instead of the schedule's.")
@click.option(
    "--loss-weights",
    help="ce=1,l1=0.95,..., a preset of Table 8 such as nyuv2/ednas, or ours, nyuv2/modern; by default the run's "
    "own choice, or what fits the schedule and the data.",
)
@click.option(
    "--weighting",
    help="What changes the loss weights in training: fixed (nothing), uncertainty, dwa (dynamic weight average).",
)
@click.option(
    "--accumulate", type=click.IntRange(1), help="Parts of a batch, of which one at a time is in memory."
)
@click.option(
    "--mixed-precision",
    "precision",
    type=click.Choice(["bfloat16", "float16"]),
    help="Convolutions in 16 bits; for GPUs, slower on most CPUs.",
)
@click.option("--devices", type=click.IntRange(1), help="GPUs among which a batch is divided.  [default: 1]")
@click.option(
    "--validate-every", type=click.IntRange(1), help="Steps between validations; 4 in all without it."
)
@click.option(
    "--keep",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="The network of the last step, or the best one on the validation split.",
)
@click.option("--checkpoint-every", default=100, show_default=True, type=click.IntRange(1), help="Steps.")
@click.option("--checkpoint-minutes", default=10.0, show_default=True, type=click.FloatRange(min=0.0))
@click.option("--seeds", help="Several trainings, e.g. 0,1,2, into OUT/seed-0, OUT/seed-1, ...")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the result; RUN/train without it.")
@click.option(
    "--allow-infeasible", is_flag=True, help="Take the nearest network where none meets the target."
)
@click.option("--restart", is_flag=True, help="Forget what the folder holds.")
@json_option
def command(run: Path | None, architecture: str | None, as_json: bool, **options: Any) -> None:
    """Train the winner of RUN (the newest run without it) longer, or any architecture.

    Goes on from its last checkpoint when it was interrupted, to the same result.

    \b
    Examples:
      edgenas train runs/001
      edgenas train --architecture mt-edge-baseline-v1 --space demo --data rooms --out baseline
      edgenas train --architecture best.json --data nyuv2.npz --schedule modern --epochs 24 --out net
      edgenas train --architecture best.json --data nyuv2.npz --tasks depth --seeds 0,1,2 --out depth-alone
    """
    if architecture is not None and run is not None:
        raise UsageError(
            f"Give either a run or --architecture. Received {run} and --architecture {architecture}."
        )
    planned = _request(run, architecture, options).plan()
    config, folder = planned.config, planned.folder
    seeds = _seeds(options["seeds"])
    results: list[TrainedNetwork] = []
    for seed in seeds or [config.seed]:
        place = folder / f"seed-{seed}" if seeds else folder
        with progress(f"seed {seed}" if seeds else "train") as advance:
            trained = planned.train(
                place,
                seed=seed,
                restart=options["restart"],
                on_step=partial(_tell, advance),
                validate_every=options["validate_every"],
                keep=options["keep"],
                checkpoint_every=options["checkpoint_every"],
                checkpoint_minutes=options["checkpoint_minutes"],
            )
        if trained.reused:
            say(f"{place} holds this training already; --restart trains again.")
        results.append(trained)
    if as_json:
        told = [trained.to_dict() for trained in results]
        print_json({"folder": str(folder), "seeds": told} if seeds else told[0])
        return
    columns = [f"seed {seed}" for seed in seeds] or ["trained"]
    metrics_table(
        f"Validation, {config.iterations} iterations",
        {column: trained.metrics for column, trained in zip(columns, results, strict=True)},
    )
    for trained in results:
        click.echo(f"Model: {trained.model_path}")
    named = architecture is not None or options["out"] is not None or seeds
    where = shlex.quote(str(folder if named else run or newest_run()))
    source = f"--trained {shlex.quote(str(results[0].folder))}" if named else where
    click.echo(f"Next: edgenas evaluate {where}\n      edgenas export --int8 {source}")


def _tell(advance: Callable[[float, float, str], None], step: Progress) -> None:
    advance(step.step, step.total, f"loss {step.loss:.3f}")


def _seeds(text: str | None) -> list[int]:
    """The numbers of --seeds; none without it.

    Raises:
        UsageError: something else stands there, or --seed is given too.
    """
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts) or len(set(parts)) != len(parts):
        raise UsageError(
            f"Invalid value for --seeds. Expected different whole numbers such as 0,1,2. Received {text!r}."
        )
    if click.get_current_context().get_parameter_source("seed") is click.core.ParameterSource.COMMANDLINE:
        raise UsageError("Give either --seed or --seeds. Received both.")
    return [int(part) for part in parts]


def _request(run: Path | None, architecture: str | None, options: dict[str, Any]) -> TrainingRequest:
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.training_request import TrainingRequest

    tasks = parse_tasks(options["tasks"])
    if architecture is None:
        refuse_data_options("--architecture FILE", but=("tasks",))
    return TrainingRequest(
        run=None if architecture is not None else run or newest_run(),
        architecture=architecture,
        space=options["space"],
        data=DataRequest(
            options["data"],
            tasks,
            options["height"],
            options["width"],
            options["frames"],
            options["validation_frames"],
        ),
        schedule=options["schedule"],
        epochs=options["epochs"],
        loss_weights=options["loss_weights"],
        changes={"seed": options["seed"], **{k: options[k] for k in _CHANGES if options[k] is not None}},
        out=options["out"],
        allow_infeasible=options["allow_infeasible"],
    )
