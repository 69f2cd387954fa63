"""`edgenas search`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import data_options, json_option, parse_tasks, predictor_option
from edgenas.cli.output import format_ms, metrics_table, print_json, progress, say
from edgenas.device_profiles.measurement import MEASURED
from edgenas.errors import UsageError
from edgenas.workflow.runs import new_run_folder

if TYPE_CHECKING:
    from edgenas.search import Event, SearchResult

__all__ = ["command"]

_RESUMABLE = {"resume", "trials", "as_json"}


@click.command(name="search")
@click.option("--space", default="demo", show_default=True, help="Search space: a preset or a .toml file.")
@data_options
@click.option(
    "--device", default="host", show_default=True, help="Device whose latency counts; 'none' for none."
)
@click.option("--configuration", help="Configuration of the device.")
@predictor_option
@click.option(
    "--target-ms",
    type=click.FloatRange(0, min_open=True),
    help="Latency target; by default the predicted latency of the MT edge baseline.",
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
@click.option("--trials", type=click.IntRange(1), help="Networks to train and score. [default: 50]")
@click.option("--population", type=click.IntRange(1), help="Default: a quarter of the trials, 4 to 50.")
@click.option("--tournament", type=click.IntRange(1), help="Default: a fifth of the population, at least 2.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--iterations", type=click.IntRange(1), help="Training steps per trial. [default: 240]")
@click.option("--batch-size", type=click.IntRange(1), help="Frames per step. [default: 16]")
@click.option("--learning-rate", type=float, help="Peak rate. [default: 0.003]")
@click.option("--loss-weights", help="Preset of Table 8; by default the one that fits the data.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run folder; runs/001, runs/002, ... without it."
)
@click.option(
    "--resume", type=click.Path(path_type=Path), help="Go on with this run; only --trials may be given too."
)
@json_option
def command(resume: Path | None, trials: int | None, as_json: bool, **options: Any) -> None:
    """Find networks that are accurate and meet a latency target.

    Regularized evolution; every candidate is trained for a short proxy schedule. Ctrl-C or a kill loses nothing.

    \b
    Examples:
      edgenas search --trials 20 --device host
      edgenas search --data nyuv2.npz --tasks segmentation,depth,normals --target-ms 2.5
      edgenas search --resume runs/001 --trials 40
    """
    from edgenas.workflow.search import resume_search, start_search

    with progress("search") as advance:

        def on_event(event: Event) -> None:
            _report_event(event, advance)

        if resume is not None:
            _refuse_other_options(click.get_current_context())
            result = resume_search(resume, trials=trials, on_event=on_event)
        else:
            run_dir = options.pop("out") or new_run_folder()
            result = start_search(_request(trials or 50, **options), run_dir, on_event=on_event)
    if as_json:
        print_json(_summary(result))
    else:
        _show(result)


def _request(trials: int, **options: Any) -> Any:
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.search import SearchRequest

    data = DataRequest(
        source=options["data"],
        tasks=parse_tasks(options["tasks"]),
        height=options["height"],
        width=options["width"],
        frames=options["frames"],
        validation_frames=options["validation_frames"],
    )
    schedule = {
        k: options[k] for k in ("iterations", "batch_size", "learning_rate") if options[k] is not None
    }
    population = options["population"] or max(4, min(50, trials // 4))
    device = None if options["device"].lower() == "none" else options["device"]
    return SearchRequest(
        space=options["space"],
        data=data,
        device=device,
        configuration=options["configuration"],
        predictor_dir=options["predictor"],
        target_ms=options["target_ms"],
        reward=options["reward"],
        require=options["require"],
        risk=options["risk"],
        trials=trials,
        population=population,
        tournament=options["tournament"] or min(population, max(2, population // 5)),
        seed=options["seed"],
        loss_weights=options["loss_weights"],
        schedule=schedule,
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
            f"A resumed search has its options in the run folder; only --trials can change. Received {flags}. "
            "Leave them out, or start a new run with them."
        )


def _report_event(event: Event, advance: Any) -> None:
    from edgenas.search import BaselineDone, BaselineStarted, TrialDone

    if isinstance(event, BaselineStarted):
        say(f"Training the MT edge baseline (predicted {format_ms(event.predicted_ms)}).")
    elif isinstance(event, BaselineDone) and not event.reused:
        say(f"Baseline done in {event.seconds:.0f} s.")
    elif isinstance(event, TrialDone):
        best = "nothing feasible yet"
        if event.best_reward is not None:
            best = f"best {event.best_reward:.4f} at {format_ms(event.best_predicted_ms)} predicted"
        outcome = (
            "" if event.status == "completed" else f"; trial {event.number} {event.status}: {event.reason}"
        )
        remark = f"{best}, {event.feasible_share:.0%} feasible, {event.eta_seconds:.0f} s left{outcome}"
        advance(event.done, event.total, remark)


def _summary(result: SearchResult) -> dict[str, Any]:
    return {"run": str(result.run_dir), **result.to_dict()}


def _show(result: SearchResult) -> None:
    click.echo(f"Run folder: {result.run_dir}")
    click.echo(f"Trials: {result.finished} finished, {result.failed} failed, {result.duplicates} duplicates")
    if result.require is not None:
        click.echo(
            f"Required: every operator on {result.require}; {result.rejected} networks rejected untrained"
        )
    if result.best is None:
        if result.nearest is None:
            click.echo("No trial completed.")
            return
        gap = result.to_dict()["nearest"]
        click.echo(
            f"No network meets the target of {format_ms(result.target_ms)}. Nearest: trial {result.nearest.number}, "
            f"predicted {format_ms(gap['predicted_ms'])} ({gap['gap_percent']:+.1f}%)."
        )
        click.echo("Search with a higher --target-ms, or more --trials.")
        return
    best = result.best
    latency = best.latency
    click.echo(
        f"Best: trial {best.number}, quality {best.quality:.4f} (baseline 1), reward {best.reward:.4f}, "
        f"predicted {format_ms(latency.predicted_ms)}, {_checked(result)}, target {format_ms(result.target_ms)}"
    )
    metrics_table(
        "Validation, proxy schedule", {"best": {t: dict(m) for t, m in best.evaluation.metrics.items()}}
    )
    click.echo(f"Next: edgenas train {result.run_dir}")


def _checked(result: SearchResult) -> str:
    """The latency of the recommendation on the device with how it came about, or why there is none."""
    if result.measured_ms is None:
        reason = f" ({result.measured_error})" if result.measured_error else ""
        return f"not {result.measured_source or MEASURED}{reason}"
    return f"{result.measured_source} {format_ms(result.measured_ms)}"
