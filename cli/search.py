"""`edgenas search`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.completions import (
    configuration_names,
    device_names,
    run_folders,
    schedule_names,
    space_names,
)
from edgenas.cli.options import data_options, json_option, parse_tasks
from edgenas.cli.output import print_json
from edgenas.cli.search_devices import device_requests, sram_limit
from edgenas.cli.search_result import show_result
from edgenas.cli.search_view import search_view
from edgenas.cli.stop_signals import stopped_in_order
from edgenas.errors import UsageError
from edgenas.workflow.runs import new_run_folder

if TYPE_CHECKING:
    from edgenas.workflow.search_request import SearchRequest

__all__ = ["command"]

_EXECUTION = ("executor", "workers", "address", "cpus_per_trial", "gpus_per_trial", "pause_seconds")
_RESUMABLE = {"resume", "trials", "remeasure", "trial_seconds", "as_json", *_EXECUTION}

# Options that `search_request` takes as they are.
_AS_THEY_ARE = (
    "space", "algorithm", "preset", "population", "tournament", "supernet_steps", "rank_networks", "reward", "require",
    "risk", "max_parameters", "max_activation_kib", "storage", "seed", "loss_weights", "proxy", "pruner", "first_rung",
    "reduction_factor",
)  # fmt: skip

# Options of the schedule, by the names of `TrainingConfig`.
_SCHEDULE = ("iterations", "batch_size", "learning_rate")


@click.command(name="search")
@click.option(
    "--space",
    default="demo",
    show_default=True,
    shell_complete=space_names,
    help="Search space: a preset or a .toml file.",
)
@data_options
@click.option(
    "--device",
    multiple=True,
    default=("host",),
    show_default=True,
    shell_complete=device_names,
    help="Device whose latency counts, or DEVICE-CONFIGURATION; 'none' for none. May be given several times: every "
    "target must be met, and the first device is the one of the Pareto front.",
)
@click.option(
    "--configuration",
    multiple=True,
    shell_complete=configuration_names,
    metavar="[DEVICE=]NAME",
    help="Configuration of the device; with several devices DEVICE=NAME.",
)
@click.option(
    "--predictor",
    multiple=True,
    metavar="[DEVICE=]FOLDER",
    help="Folder of a predictor to use instead of the stored one.",
)
@click.option(
    "--target-ms",
    multiple=True,
    metavar="[DEVICE=]MS",
    help="Latency target, with several devices once for each; by default the predicted latency of the MT edge "
    "baseline.",
)
@click.option(
    "--metric-weight",
    multiple=True,
    metavar="TASK.METRIC=W",
    help="Weight of a metric in its task's quality, such as segmentation.miou=2; TASK=0 leaves a task out. May be "
    "given several times.  [default: 1 for the metrics of the paper, 0 for others]",
)
@click.option("--reward", default="paper", show_default=True, help="Reward preset: paper, hard or soft.")
@click.option(
    "--risk",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Hold the latency that the device exceeds with this probability against the target, not the estimate.",
)
@click.option(
    "--require",
    type=click.Choice(["edgetpu"]),
    help="Reject networks, before they are trained, that would not run on this accelerator as a whole.",
)
@click.option(
    "--max-parameters", type=click.IntRange(1), help="Reject networks with more, before they are trained."
)
@click.option(
    "--max-activation-kib",
    type=click.FloatRange(0, min_open=True),
    help="Reject networks whose feature maps take more at once, before they are trained.",
)
@click.option(
    "--max-sram-kib",
    metavar="[DEVICE=]KIB",
    help="Reject networks that need more SRAM on this Ethos-U, as Vela simulates it, before they are trained; without "
    "DEVICE on the first Ethos-U among the devices. Some seconds for each network.",
)
@click.option(
    "--algorithm",
    type=click.Choice(["evolution", "random", "nsga2", "tpe", "oneshot"]),
    default="evolution",
    show_default=True,
    help="Regularized evolution, or a sampler of Optuna; nsga2 searches the front of quality and latency; oneshot "
    "trains one supernet, and evolution scores networks with weights of it.",
)
@click.option(
    "--supernet-steps", type=click.IntRange(1), help="Of oneshot: steps of the supernet. [default: 4000]"
)
@click.option(
    "--rank-networks",
    type=click.IntRange(0),
    help="Of oneshot: networks trained alone afterwards, to measure how well inherited weights rank; 0 for "
    "none. [default: 8]",
)
@click.option(
    "--preset",
    type=click.Choice(["paper"]),
    help="paper: 2,000 trials, population 50, tournament 10; what is given beside it counts.",
)
@click.option(
    "--trials", type=click.IntRange(1), help="Networks to train and score. [default: 50; oneshot: 500]"
)
@click.option(
    "--population",
    type=click.IntRange(1),
    help="Of evolution, oneshot and nsga2. Default: a quarter of the trials, 4 to 50.",
)
@click.option(
    "--tournament",
    type=click.IntRange(1),
    help="Of evolution and oneshot. Default: a fifth of the population, at least 2.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--proxy",
    default="proxy",
    show_default=True,
    shell_complete=schedule_names,
    help="Schedule of every candidate: proxy, modern, adashare, paper-proxy or a .toml file.",
)
@click.option(
    "--iterations",
    type=click.IntRange(1),
    help="Training steps per trial, instead of the schedule's. [proxy: 480]",
)
@click.option(
    "--batch-size", type=click.IntRange(1), help="Frames per step, instead of the schedule's. [proxy: 8]"
)
@click.option("--learning-rate", type=float, help="Peak rate, instead of the schedule's. [proxy: 0.003]")
@click.option(
    "--loss-weights", help="ce=1,l1=0.95,..., or a preset of Table 8; by default the one that fits."
)
@click.option(
    "--remeasure",
    type=click.IntRange(0),
    metavar="K",
    help="At the end measure the K best networks on each device that can be reached, correct the predictors by them "
    "and recommend anew; also with --resume of a finished run.  [default: 0, the best alone is measured]",
)
@click.option(
    "--pruner",
    type=click.Choice(["halving"]),
    help="halving: end the training of candidates that are behind. Without it all are trained to the end.",
)
@click.option(
    "--first-rung",
    type=click.IntRange(1),
    help="Of halving: steps after which candidates are compared first. [default: half of the schedule]",
)
@click.option(
    "--reduction-factor",
    type=click.IntRange(2),
    help="Of halving: the best one of so many goes on, to so many times as many steps. [default: 2]",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    help="Worker processes of this machine, or a Ray cluster. [default: local]",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Candidates trained at once. [default: 1; with ray as many as fit]",
)
@click.option(
    "--address",
    help="Of the Ray cluster: auto, HOST:PORT or ray://HOST:PORT; without it one is started here.",
)
@click.option(
    "--cpus-per-trial",
    type=click.FloatRange(0, min_open=True),
    help="With ray: cores of a candidate. [default: 1]",
)
@click.option(
    "--gpus-per-trial", type=click.FloatRange(0), help="With ray: GPUs of a candidate. [default: 0]"
)
@click.option(
    "--pause-seconds",
    type=click.FloatRange(0),
    help="How long a full disk or an absent database pauses the search before it ends. [default: 3600]",
)
@click.option(
    "--trial-seconds",
    type=click.FloatRange(0, min_open=True),
    help="End a trial that takes longer. [default: 20 times the baseline, at least 600]",
)
@click.option(
    "--storage",
    metavar="STORAGE",
    help="Where the study is kept: 'journal' for a run folder on a shared disk, 'journal:FILE', or "
    "postgresql://USER@HOST/DATABASE (password in PGPASSWORD or ~/.pgpass). [default: study.db in the run folder]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder; runs/001, runs/002, ... without it."
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    shell_complete=run_folders,
    help="Go on with this run; only --trials, --remeasure, --trial-seconds and where to train may be given too.",
)
@json_option
def command(
    resume: Path | None,
    trials: int | None,
    remeasure: int | None,
    trial_seconds: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find networks that are accurate and meet a latency target.

    Every candidate is trained for a short proxy schedule. Ctrl-C or a kill loses nothing. A target or limits that no
    network seems to meet end the search before anything is trained, with the nearest network.

    \b
    Examples:
      edgenas search --trials 20 --device host
      edgenas search --data nyuv2.npz --tasks segmentation,depth,normals --target-ms 2.5
      edgenas search --algorithm nsga2 --max-parameters 300000
      edgenas search --device edgetpu --device pixel4 --target-ms edgetpu=4 --target-ms pixel4=12
      edgenas search --algorithm oneshot --trials 2000
      edgenas search --preset paper --proxy paper-proxy --pruner halving
      edgenas search --workers 4 --trials 200
      edgenas search --resume runs/001 --trials 40
      edgenas search --resume runs/001 --remeasure 5
    """
    from edgenas.workflow.search import resume_search, start_search

    execution = {name: options.pop(name) for name in _EXECUTION}
    execution = {name: value for name, value in execution.items() if value is not None}
    run_dir = resume or options["out"] or new_run_folder()
    del options["out"]
    with stopped_in_order(lambda: _how_to_go_on(run_dir)), search_view() as on_event:
        if resume is not None:
            _refuse_other_options(click.get_current_context())
            result = resume_search(
                resume,
                trials=trials,
                remeasure=remeasure,
                trial_seconds=trial_seconds,
                execution=execution,
                on_event=on_event,
            )
        else:
            request = _request(
                execution, trials=trials, remeasure=remeasure, trial_seconds=trial_seconds, **options
            )
            result = start_search(request, run_dir, on_event=on_event)
    if as_json:
        print_json({"run": str(result.run_dir), **result.to_dict()})
    else:
        show_result(result)


def _request(execution: dict[str, Any], **options: Any) -> SearchRequest:
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.execution import Execution
    from edgenas.workflow.search_request import search_request

    data = DataRequest(
        source=options["data"],
        tasks=parse_tasks(options["tasks"]),
        height=options["height"],
        width=options["width"],
        frames=options["frames"],
        validation_frames=options["validation_frames"],
    )
    sram_device, max_sram_kib = sram_limit(options["max_sram_kib"])
    devices = device_requests(
        options["device"], options["configuration"], options["predictor"], options["target_ms"]
    )
    return search_request(
        devices,
        **{name: options[name] for name in _AS_THEY_ARE},
        data=data,
        trials=options["trials"],
        metric_weights=options["metric_weight"],
        max_sram_kib=max_sram_kib,
        sram_device=sram_device,
        remeasure=options["remeasure"] or 0,
        schedule={name: options[name] for name in _SCHEDULE if options[name] is not None},
        trial_seconds=options["trial_seconds"],
        execution=Execution(**execution),
        command=("edgenas", *sys.argv[1:]),
    )


def _refuse_other_options(ctx: click.Context) -> None:
    given = [
        name
        for name in ctx.params
        if name not in _RESUMABLE and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(
            "A resumed search has its options in the run folder; only --trials, --remeasure, --trial-seconds and where "
            f"to train (--executor, --workers, ...) can change. Received {flags}. "
            "Leave them out, or start a new run with them."
        )


def _how_to_go_on(run_dir: Path) -> str:
    """What an interrupt before the trials, or while the winner is measured, leaves behind."""
    from edgenas.search.config import CONFIG_FILE, resume_command

    if not (run_dir / CONFIG_FILE).exists():
        return "Interrupted before the search began; nothing was written."
    return f"Interrupted; what was finished is stored in {run_dir}. Go on with: {resume_command(run_dir)}"
