"""`edgenas train`."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import data_options, json_option, parse_tasks, refuse_data_options, run_argument
from edgenas.cli.output import metrics_table, print_json, progress, say
from edgenas.errors import UsageError
from edgenas.workflow.runs import RunFolder, newest_run

if TYPE_CHECKING:
    from edgenas.space import Architecture
    from edgenas.training.config import TrainingConfig
    from edgenas.training.loss_weights import LossWeights
    from edgenas.training.trainer import Progress
    from edgenas.workflow.data import OpenData
    from edgenas.workflow.train import TrainedNetwork

__all__ = ["command"]


@click.command(name="train")
@run_argument
@click.option(
    "--architecture",
    help="Train this .json file, or edgenas-compact-v1, or mt-edge-baseline-v1 of --space, instead of a run's winner.",
)
@click.option("--space", default="demo", show_default=True, help="Space of a named architecture.")
@data_options
@click.option(
    "--schedule",
    default="modern",
    show_default=True,
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
    from edgenas.workflow.train import train_network

    if architecture is not None and run is not None:
        raise UsageError(
            f"Give either a run or --architecture. Received {run} and --architecture {architecture}."
        )
    network, data, config, folder = (
        _without_run(architecture, options) if architecture is not None else _from_run(run, options)
    )
    seeds = _seeds(options["seeds"])
    every = options["validate_every"] or max(1, math.ceil(config.iterations / 4))
    results: list[TrainedNetwork] = []
    for seed in seeds or [config.seed]:
        place = folder / f"seed-{seed}" if seeds else folder
        with progress(f"seed {seed}" if seeds else "train") as advance:
            trained = train_network(
                network,
                data,
                replace(config, seed=seed),
                place,
                restart=options["restart"],
                on_step=partial(_tell, advance),
                evaluate_at=range(every, config.iterations, every),
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


def _from_run(
    run: Path | None, options: dict[str, Any]
) -> tuple[Architecture, OpenData, TrainingConfig, Path]:
    from edgenas.search.config import read_config
    from edgenas.training.config import TrainingConfig
    from edgenas.workflow.data import OpenData
    from edgenas.workflow.train import architecture_of_run

    tasks = parse_tasks(options["tasks"])
    refuse_data_options("--architecture FILE", but=("tasks",))
    folder = RunFolder(run or newest_run())
    stored = read_config(folder.root)
    network = architecture_of_run(folder.best, allow_infeasible=options["allow_infeasible"])
    data = OpenData.reopen(stored["data"])
    if tasks is not None and tasks != data.tasks:
        if options["out"] is None:
            raise UsageError(
                f"{folder.root} is a run for {', '.join(data.tasks)}. To train its network for {', '.join(tasks)} "
                "alone, name another folder with --out."
            )
        network = network.with_tasks(tasks)
        data = replace(data.request, tasks=tasks).open()
    searched = TrainingConfig.from_dict(stored["proxy"]).loss_weights
    return network, data, _config(options, data, searched), options["out"] or folder.train


def _without_run(name: str, options: dict[str, Any]) -> tuple[Architecture, OpenData, TrainingConfig, Path]:
    """An architecture by file or by name, on the data that the options name."""
    from edgenas.space import Architecture, load_space
    from edgenas.space.shipped import SHIPPED_ARCHITECTURES, shipped_architecture
    from edgenas.workflow.data import DataRequest

    if options["out"] is None:
        raise UsageError("--architecture needs --out, the folder of the trained network.")
    network = Architecture.load(Path(name)) if name.endswith(".json") else None
    tasks, height, width = parse_tasks(options["tasks"]), options["height"], options["width"]
    if network is not None:
        tasks, height, width = (
            tasks or network.tasks,
            height or network.input_height,
            width or network.input_width,
        )
        network = network.with_tasks(tasks)
    data = DataRequest(
        options["data"], tasks, height, width, options["frames"], options["validation_frames"]
    ).open()
    info = data.train.info
    if network is None:
        shape, channels = (info.height, info.width), info.head_channels
        if name in SHIPPED_ARCHITECTURES:
            network = shipped_architecture(name, input_shape=shape, head_channels=channels)
        else:
            space = load_space(options["space"], data.tasks)
            network = space.named(name, input_shape=shape, head_channels=channels)
    wanted = {h.task: h.channels for h in network.heads}
    if any(info.head_channels.get(task) != channels for task, channels in wanted.items()):
        raise UsageError(
            f"The heads of {name} do not fit the data: it has the channels {wanted}, the data need "
            f"{info.head_channels}. Sample the architecture for these data: edgenas space sample --classes N"
        )
    return network, data, _config(options, data), options["out"]


def _config(options: dict[str, Any], data: OpenData, searched: LossWeights | None = None) -> TrainingConfig:
    """The schedule with what the options change.

    Where nobody names loss weights, those hold with which the network was searched if they were chosen for that, else
    the ones that fit the schedule and the data.
    """
    from edgenas.training.config import default_loss_weights
    from edgenas.training.loss_weights import load_loss_weights
    from edgenas.training.schedule_file import load_schedule, resolve_schedule

    info = data.train.info
    preset, _ = load_schedule(options["schedule"], begin_with="modern")
    chosen = searched != load_loss_weights(default_loss_weights(info.tasks, info.depth_unit))
    fitting = (
        searched
        if searched is not None and chosen
        else default_loss_weights(info.tasks, info.depth_unit, preset)
    )

    if options["epochs"] is not None and options["iterations"] is not None:
        raise UsageError(
            f"Give either --epochs or --iterations. Received --epochs {options['epochs']:g} and --iterations "
            f"{options['iterations']}."
        )
    names = (
        "iterations", "batch_size", "learning_rate", "weighting", "accumulate", "precision", "devices",
    )  # fmt: skip
    config = resolve_schedule(
        options["schedule"],
        data.tasks,
        fitting=fitting,
        begin_with="modern",
        loss_weights=options["loss_weights"],
        changes={"seed": options["seed"], **{k: options[k] for k in names if options[k] is not None}},
    )
    return config if options["epochs"] is None else config.for_epochs(options["epochs"], len(data.train))
