"""`edgenas benchmark`: the latency of .tflite files on a device, measured there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgenas.cli.options import device_options, json_option
from edgenas.cli.output import print_json, print_table, progress, say
from edgenas.device_profiles import (
    Configuration,
    DeviceProfile,
    Measurement,
    align_operators,
    runner_for,
)
from edgenas.workflow.measure import measure_files, protocol_with

__all__ = ["command"]


@click.command(name="benchmark")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path))
@device_options
@click.option(
    "--processes", type=click.IntRange(1, 100), help="Processes per model; the device's without it."
)
@click.option("--runs", type=click.IntRange(1), help="Fewest timed inferences per process.")
@click.option("--seconds", type=click.FloatRange(0, 3600), help="Shortest timed phase per process.")
@click.option("--operators", is_flag=True, help="Time every operator too, where the runtime tells.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Append every measurement, raw repeats included, to this .jsonl file; what it holds is not measured again "
    "where it is stable.",
)
@json_option
def command(
    models: tuple[Path, ...],
    profile: DeviceProfile,
    chosen: Configuration,
    operators: bool,
    out: Path | None,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Measure the latency of .tflite files on a device: this machine, a board, a phone, an accelerator.

    Every model is measured by several processes; the latency is the median of the fastest, since disturbances only add
    time. Where the two fastest disagree, further processes measure; where they still do, the result is called unstable.
    Ethos-U devices are simulated by Arm's compiler, and labelled so. Exit code 1 if a model could not be measured.

    \b
    Examples:
      edgenas benchmark model_int8.tflite
      edgenas benchmark models/*.tflite --device ssh://pi@raspberrypi --out pi.jsonl
      edgenas benchmark model_int8_edgetpu.tflite --device edgetpu --json
      edgenas benchmark model_int8.tflite --device ethos-u55-128
    """
    runner = runner_for(profile, chosen.name)
    protocol = protocol_with(runner.protocol, **wishes)
    results: list[tuple[Path, Measurement]] = []
    measured = measure_files(models, runner, protocol, operators=operators, out=out, tell=say)
    with progress("benchmark") as advance:
        advance(0, len(models), "")
        for model, measurement in measured:
            results.append((model, measurement))
            advance(len(results), len(models), model.name)
    if as_json:
        print_json([_record(model, measurement) for model, measurement in results])
    else:
        _show(results, operators)
    if not all(measurement.ok for _, measurement in results):
        raise click.exceptions.Exit(1)


def _record(model: Path, measurement: Measurement) -> dict[str, Any]:
    return {
        "file": str(model),
        "latency_ms": measurement.latency_ms if measurement.ok else None,
        "spread": measurement.spread,
        "disagreement": measurement.disagreement,
        **measurement.to_dict(),
    }


def _show(results: Sequence[tuple[Path, Measurement]], operators: bool) -> None:
    good = [(model, m) for model, m in results if m.ok]
    if good:
        first = good[0][1]
        click.echo(
            f"{first.device} ({first.configuration}), {first.source} with {first.runtime} {first.runtime_version}, "
            f"{first.delegate}, on {first.machine}"
        )
        print_table(
            "",
            ("model", f"{first.source} ms", "spread", "processes", "agree within", "remarks"),
            [_row(name, m) for name, (_, m) in zip(_names([model for model, _ in good]), good, strict=True)],
        )
    for model, measurement in results:
        if not measurement.ok:
            say(f"{model}: failed: {measurement.error}")
        elif operators:
            _show_operators(model, measurement)


def _names(models: Sequence[Path]) -> list[str]:
    """File names where they tell the models apart, else the whole paths."""
    names = [model.name for model in models]
    return names if len(set(names)) == len(set(models)) else [str(model) for model in models]


def _row(name: str, m: Measurement) -> tuple[str, ...]:
    agree = "-" if m.disagreement is None else f"{m.disagreement:.1%}"
    remarks = [f"UNSTABLE: {m.unstable}"] if m.unstable else []
    return (
        name,
        f"{m.latency_ms:.4g}",
        f"{m.spread:.1%}",
        str(len(m.repeats_ms)),
        agree,
        "; ".join([*remarks, *m.notes]),
    )


def _show_operators(model: Path, measurement: Measurement) -> None:
    if measurement.operator_ms is None:
        say(f"{model}: no operator times" + (f" ({measurement.notes[0]})" if measurement.notes else ""))
        return
    from edgenas.graph import read_tflite

    graph = read_tflite(model)
    times = align_operators([o.type for o in graph.operators], measurement.operator_ms, graph.wiring)
    click.echo(f"{model}, operators in execution order:")
    if times is None:
        rows = [("-", tag, f"{ms:.4f}") for tag, ms in measurement.operator_ms]
    else:
        rows = [
            (str(index), operator.type, "-" if time_ms is None else f"{time_ms:.4f}")
            for index, (operator, time_ms) in enumerate(zip(graph.operators, times, strict=True))
        ]
    print_table("", ("at", "operator", f"{measurement.source} ms"), rows)
