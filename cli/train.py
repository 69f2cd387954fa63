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
    from edgenas.workflow.data import OpenData

__all__ = ["command"]


@click.command(name="train")
@run_argument
@click.option(
    "--architecture", type=click.Path(path_type=Path), help="Train this .json file instead of a run's winner."
)
@data_options
@click.option("--preset", default="final", show_default=True, help="Schedule: proxy, final or adashare.")
@click.option("--iterations", type=click.IntRange(1), help="Steps, instead of the preset's.")
@click.option("--batch-size", type=click.IntRange(1), help="Frames per step, instead of the preset's.")
@click.option("--learning-rate", type=float, help="Peak rate, instead of the preset's.")
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
def command(run: Path | None, architecture: Path | None, as_json: bool, **options: Any) -> None:
    """Train the winner of RUN (the newest run without it) longer, or any architecture.

    Goes on from its last checkpoint when it was interrupted, to the same result.

    \b
    Examples:
      edgenas train runs/001
      edgenas train --architecture network.json --data rooms --out trained
    """
    from edgenas.workflow.train import train_network

    if architecture is not None and run is not None:
        raise UsageError(
            f"Give either a run or --architecture. Received {run} and --architecture {architecture}."
        )
    network, data, config, folder = (
        _from_file(architecture, options) if architecture is not None else _from_run(run, options)
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

    refuse_data_options("--architecture FILE")
    folder = RunFolder(run or newest_run())
    stored = read_config(folder.root)
    network = architecture_of_run(folder.best, allow_infeasible=options["allow_infeasible"])
    data = OpenData.reopen(stored["data"])
    weights = TrainingConfig.from_dict(stored["proxy"]).loss_weights
    config = (
        replace(_config(options, data), loss_weights=weights)
        if not options["loss_weights"]
        else _config(options, data)
    )
    return network, data, config, options["out"] or folder.train


def _from_file(path: Path, options: dict[str, Any]) -> tuple[Architecture, OpenData, TrainingConfig, Path]:
    from edgenas.space import Architecture
    from edgenas.workflow.data import DataRequest

    if options["out"] is None:
        raise UsageError("--architecture needs --out, the folder of the trained network.")
    network = Architecture.load(path)
    request = DataRequest(
        options["data"], parse_tasks(options["tasks"]) or network.tasks, options["height"] or network.input_height,
        options["width"] or network.input_width, options["frames"], options["validation_frames"],
    )  # fmt: skip
    data = request.open()
    wanted, found = {h.task: h.channels for h in network.heads}, data.train.info.head_channels
    if any(found.get(task) != channels for task, channels in wanted.items()):
        raise UsageError(
            f"The heads of {path} do not fit the data: expected channels {wanted}, the data need {found}. "
            "Sample the architecture for these data: edgenas space sample --classes N"
        )
    return network, data, _config(options, data), options["out"]


def _config(options: dict[str, Any], data: OpenData) -> TrainingConfig:
    from edgenas.training.config import default_loss_weights, load_training_preset
    from edgenas.training.loss_weights import load_loss_weights

    info = data.train.info
    changes = {k: options[k] for k in ("iterations", "batch_size", "learning_rate") if options[k] is not None}
    weights = load_loss_weights(options["loss_weights"] or default_loss_weights(info.tasks, info.depth_unit))
    return load_training_preset(options["preset"], seed=options["seed"], loss_weights=weights, **changes)
