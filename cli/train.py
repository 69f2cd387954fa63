"""`edgenas train`."""

from __future__ import annotations

from dataclasses import replace
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
    from edgenas.workflow.data import OpenData

__all__ = ["command"]


@click.command(name="train")
@run_argument
@click.option(
    "--architecture",
    help="Train this .json file, or mt-edge-baseline-v1 of --space, instead of a run's winner.",
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
    "--loss-weights", help="Preset of Table 8; by default that of the run, or the one that fits the data."
)
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
      edgenas train --architecture best.json --data nyuv2.npz --tasks depth --out depth-alone
    """
    from edgenas.workflow.train import train_network

    if architecture is not None and run is not None:
        raise UsageError(
            f"Give either a run or --architecture. Received {run} and --architecture {architecture}."
        )
    network, data, config, folder = (
        _without_run(architecture, options) if architecture is not None else _from_run(run, options)
    )
    with progress("train") as advance:
        trained = train_network(
            network,
            data,
            config,
            folder,
            restart=options["restart"],
            on_step=lambda p: advance(p.step, p.total, f"loss {p.loss:.3f}"),
        )
    if trained.reused:
        say(f"{folder} holds this training already; --restart trains again.")
    if as_json:
        print_json(trained.to_dict())
        return
    metrics_table(f"Validation, {config.iterations} iterations", {"trained": trained.metrics})
    click.echo(f"Model: {trained.model_path}")
    source = f"--trained {folder}" if architecture is not None or options["out"] is not None else run or ""
    click.echo(f"Next: edgenas export --int8 {source}".rstrip())


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
    fitting = TrainingConfig.from_dict(stored["proxy"]).loss_weights
    return network, data, _config(options, data, fitting), options["out"] or folder.train


def _without_run(name: str, options: dict[str, Any]) -> tuple[Architecture, OpenData, TrainingConfig, Path]:
    """An architecture by file or by name, on the data that the options name."""
    from edgenas.space import Architecture, load_space
    from edgenas.training.config import default_loss_weights
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
        space = load_space(options["space"], data.tasks)
        shape = (info.height, info.width)
        network = space.named(name, input_shape=shape, head_channels=info.head_channels)
    wanted = {h.task: h.channels for h in network.heads}
    if any(info.head_channels.get(task) != channels for task, channels in wanted.items()):
        raise UsageError(
            f"The heads of {name} do not fit the data: it has the channels {wanted}, the data need "
            f"{info.head_channels}. Sample the architecture for these data: edgenas space sample --classes N"
        )
    fitting = default_loss_weights(info.tasks, info.depth_unit)
    return network, data, _config(options, data, fitting), options["out"]


def _config(options: dict[str, Any], data: OpenData, fitting: str | LossWeights) -> TrainingConfig:
    """The schedule with what the options change; `fitting` holds where nobody names loss weights."""
    from edgenas.training.schedule_file import resolve_schedule

    if options["epochs"] is not None and options["iterations"] is not None:
        raise UsageError(
            f"Give either --epochs or --iterations. Received --epochs {options['epochs']:g} and --iterations "
            f"{options['iterations']}."
        )
    names = ("iterations", "batch_size", "learning_rate")
    config = resolve_schedule(
        options["schedule"],
        data.tasks,
        fitting=fitting,
        begin_with="modern",
        loss_weights=options["loss_weights"],
        changes={"seed": options["seed"], **{k: options[k] for k in names if options[k] is not None}},
    )
    return config if options["epochs"] is None else config.for_epochs(options["epochs"], len(data.train))
