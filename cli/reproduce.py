"""`edgenas reproduce`: the paper's studies."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from edgenas.cli.completions import architecture_names, data_names, device_names, space_names
from edgenas.cli.lazy_group import NamedGroup
from edgenas.cli.options import json_option, parse_tasks
from edgenas.cli.output import format_seconds, print_json, print_table, progress, say
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.studies.cost import Cost
    from edgenas.studies.plan import Planned, StudySetup
    from edgenas.studies.result import StudyResult
    from edgenas.studies.trainings import Outcome, TrainingStore

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])


@click.group(name="reproduce", cls=NamedGroup)
def command() -> None:
    """Run the studies of the paper, at any scale.

    Each tells what it costs before it starts, can be stopped and run again to go on, and ends in a table and a
    figure. Studies with the same --out share their trainings.

    \b
    Examples:
      edgenas reproduce table9 --estimate-only
      edgenas reproduce table9 --data nyuv2.npz --iterations 320 --seeds 5 --out studies
      edgenas reproduce jared-noise --data nyuv2.npz --iterations 320 --seeds 5 --out studies
      edgenas reproduce synergy --trials 20 --device none
    """


def _study_options(function: F) -> F:
    """What all studies take."""
    decorators = (
        click.option(
            "--data", default="rooms", show_default=True, shell_complete=data_names,
            help="rooms or streets (procedural, embedded), or the path of data.",
        ),
        click.option("--height", type=click.IntRange(32, 4096), help="Rows of procedural frames."),
        click.option("--width", type=click.IntRange(32, 4096), help="Columns of procedural frames."),
        click.option("--frames", type=click.IntRange(1), help="Number of training frames."),
        click.option("--validation-frames", type=click.IntRange(1), help="Number of validation frames."),
        click.option(
            "--space", default="demo", show_default=True, shell_complete=space_names,
            help="Search space: a preset or a .toml file.",
        ),
        click.option(
            "--schedule", default="modern", show_default=True, help="Schedule of the trainings: a name or a .toml file."
        ),
        click.option("--iterations", type=click.IntRange(1), help="Steps, instead of the schedule's."),
        click.option("--batch-size", type=click.IntRange(1), help="Frames per step, instead of the schedule's."),
        click.option("--learning-rate", type=float, help="Peak rate, instead of the schedule's."),
        click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="Seeds; spreads need 4."),
        click.option(
            "--out", default="studies", show_default=True, type=click.Path(path_type=Path),
            help="Folder of the results and of the trainings, which studies share.",
        ),
        click.option("--estimate-only", is_flag=True, help="Tell what it costs, and stop."),
        json_option,
    )  # fmt: skip
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


_architecture_option = click.option(
    "--architecture",
    shell_complete=architecture_names,
    help="Network: a .json file, edgenas-compact-v1, or the baseline of --space.  [default: the MT edge baseline]",
)


@command.command(name="table9")
@_architecture_option
@_study_options
def table9_command(**options: Any) -> None:
    """Table 9: impact of the loss weights on segmentation and depth.

    Either task alone, and both with five weights of the relative error, each for every seed.

    \b
    Examples:
      edgenas reproduce table9 --estimate-only
      edgenas reproduce table9 --architecture edgenas-compact-v1 --data nyuv2.npz --seeds 3
    """
    from edgenas.studies.table9 import plan_table9, table9

    setup = _setup(options)
    _study(options, setup, plan_table9(setup), table9)


@command.command(name="jared-noise")
@_architecture_option
@_study_options
def jared_noise_command(**options: Any) -> None:
    """Does JAReD make the evaluation of depth less noisy than L1?

    The spread of every metric over seeds and over late steps of the schedule, under JAReD and under L1. The trainings
    are those of table9 with both tasks.

    \b
    Examples:
      edgenas reproduce jared-noise --estimate-only --json
      edgenas reproduce jared-noise --data nyuv2.npz --iterations 320 --out studies
    """
    from edgenas.studies.jared_noise import jared_noise, plan_jared_noise

    setup = _setup(options)
    _study(options, setup, plan_jared_noise(setup), jared_noise)


@command.command(name="synergy")
@click.option("--tasks", help="Comma-separated, at least two. All that the data have by default.")
@click.option(
    "--device",
    default="host",
    show_default=True,
    shell_complete=device_names,
    help="Device of the common target; 'none' for none.",
)
@click.option("--configuration", help="Configuration of the device; its default without it.")
@click.option("--predictor", type=click.Path(path_type=Path), help="Folder of a predictor to use instead.")
@click.option(
    "--target-ms",
    type=click.FloatRange(0, min_open=True),
    help="Common latency target of the networks with all tasks; by default that of the MT edge baseline.",
)
@click.option("--trials", default=50, show_default=True, type=click.IntRange(1), help="Of every search.")
@click.option("--search-seed", default=0, show_default=True, type=click.IntRange(0), help="Of every search.")
@click.option(
    "--proxy", default="proxy", show_default=True, help="Schedule of the candidates: a name or a .toml file."
)
@click.option(
    "--proxy-iterations", type=click.IntRange(1), help="Steps per candidate, instead of the schedule's."
)
@_study_options
def synergy_command(**options: Any) -> None:
    """Does a joint search beat transferred single-task searches and the baseline?

    One search for all tasks and one for each task, with equal trials and a common latency target; then every winner and
    the baseline are trained with all tasks, for every seed.

    \b
    Examples:
      edgenas reproduce synergy --trials 20 --device none --estimate-only
      edgenas reproduce synergy --data nyuv2.npz --trials 50 --target-ms 2.5
    """
    from edgenas.cli.reproduce_synergy import run_synergy

    run_synergy(options, _setup(options))


def _setup(options: dict[str, Any]) -> StudySetup:
    from edgenas.studies.plan import StudySetup
    from edgenas.training.config import default_loss_weights
    from edgenas.training.schedule_file import resolve_schedule
    from edgenas.workflow.data import DataRequest

    data = DataRequest(
        options["data"],
        parse_tasks(options.get("tasks")),
        options["height"],
        options["width"],
        options["frames"],
        options["validation_frames"],
    )
    info = data.open().train.info
    names = ("iterations", "batch_size", "learning_rate")
    config = resolve_schedule(
        options["schedule"],
        info.tasks,
        fitting=default_loss_weights(info.tasks, info.depth_unit),
        begin_with="modern",
        changes={name: options[name] for name in names if options[name] is not None},
    )
    return StudySetup(
        data=data,
        architecture=options.get("architecture"),
        space=options["space"],
        config=config,
        schedule=options["schedule"],
        seeds=options["seeds"],
    )


def _study(
    options: dict[str, Any],
    setup: StudySetup,
    plans: list[Planned],
    conclude: Callable[[StudySetup, list[Planned], dict[str, Outcome]], StudyResult],
) -> None:
    """Estimate, trainings, result."""
    from edgenas.studies.cost import estimate_cost
    from edgenas.studies.trainings import TrainingStore

    store = TrainingStore(options["out"])
    cost = estimate_cost(store, plans)
    if options["estimate_only"]:
        print_json(cost.to_dict()) if options["as_json"] else click.echo(cost_line(cost))
        return
    say(cost_line(cost))
    show_study(options, conclude(setup, plans, run_trainings(store, plans, cost)))


def cost_line(cost: Cost) -> str:
    """What a study costs, in one line."""
    if not cost.left:
        return f"{cost.total} {cost.what}, all done."
    done = f" {cost.done} done," if cost.done else ""
    return (
        f"{cost.total} {cost.what}:{done} {cost.left} to do, about {format_seconds(cost.seconds_left)} "
        f"({format_seconds(cost.seconds_each)} each: {cost.basis})."
    )


def run_trainings(store: TrainingStore, plans: list[Planned], cost: Cost) -> dict[str, Outcome]:
    """Makes what is missing, with progress on stderr."""
    steps = sum(plan.config.iterations for plan in store.missing(plans))
    done = [0, cost.done]
    with progress("train") as advance:

        def on_step(plan: Planned, step: Any) -> None:
            advance(done[0] + step.step, steps, f"{plan.label}, seed {plan.config.seed}")

        def on_done(plan: Planned, outcome: Outcome) -> None:
            done[0] += plan.config.iterations
            done[1] += 1
            words = f"diverged: {outcome.failure}" if outcome.failure else format_seconds(outcome.seconds)
            say(f"{done[1]} of {cost.total}: {plan.label}, seed {plan.config.seed}: {words}")

        return store.run(plans, on_step=on_step, on_done=on_done)


def show_study(options: dict[str, Any], result: StudyResult) -> None:
    """Writes the files of a study and prints its table, or its JSON."""
    import shlex

    result.record["command"] = shlex.join(["edgenas", *sys.argv[1:]])
    if all(row[-1] == 0 for row in result.table.rows) and result.name == "table9":
        raise UsageError("Every training diverged. Try a lower --learning-rate.")
    files = result.write(options["out"])
    if options["as_json"]:
        print_json(result.to_dict())
        return
    print_table(result.table.title, result.table.columns, result.table.text_rows())
    for finding in result.findings:
        click.echo(f"- {finding}")
    say(f"Written: {', '.join(map(str, files))}")
