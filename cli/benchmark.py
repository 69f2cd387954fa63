"""`edgenas benchmark`: the latency of .tflite files on a device, measured there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import device_options, json_option
from edgenas.cli.output import format_ms, print_json, print_table, progress, say
from edgenas.device_profiles import (
    Configuration,
    DeviceProfile,
    Measurement,
    Protocol,
    align_operators,
    runner_for,
)
from edgenas.errors import EdgenasError, no_such_file

if TYPE_CHECKING:
    from edgenas.device_profiles.stored_measurements import StoredMeasurements

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
    for model in models:
        if not model.is_file():
            raise no_such_file(model)
    runner = runner_for(profile, chosen.name)
    detection = runner.probe()
    if not detection.available:
        raise EdgenasError(
            f"{profile.title} ({chosen.name}) is not available, so nothing was measured.\n{detection.explain()}"
        )
    from edgenas.device_profiles.stored_measurements import StoredMeasurements

    store = StoredMeasurements(out, runner) if out is not None else None
    protocol = _protocol(runner.protocol, wishes)
    results: list[tuple[Path, Measurement]] = []
    with progress("benchmark") as advance:
        advance(0, len(models), "")
        for model, measurement in _measured(runner.measure, models, protocol, operators, store):
            results.append((model, measurement))
            advance(len(results), len(models), model.name)
    if as_json:
        print_json([_record(model, measurement) for model, measurement in results])
    else:
        _show(results, operators)
    if not all(measurement.ok for _, measurement in results):
        raise click.exceptions.Exit(1)


def _protocol(usual: Protocol, wishes: dict[str, Any]) -> Protocol:
    """The device's protocol with what the user asks for."""
    given: dict[str, Any] = {}
    if wishes["processes"]:
        given = {
            "processes": wishes["processes"],
            "max_processes": max(usual.max_processes, wishes["processes"]),
        }
    if wishes["runs"]:
        given["min_runs"] = wishes["runs"]
    if wishes["seconds"] is not None:
        given["min_seconds"] = wishes["seconds"]
        given["max_seconds"] = max(usual.max_seconds, wishes["seconds"])
    return replace(usual, **given)


def _measured(
    measure: Any,
    models: Sequence[Path],
    protocol: Protocol,
    operators: bool,
    store: StoredMeasurements | None,
) -> Iterator[tuple[Path, Measurement]]:
    """Stored measurements first, then new ones, each stored as soon as it is known."""
    due = []
    for model in models:
        stored = store.find(model, protocol) if store is not None else None
        if stored is None:
            due.append(model)
        else:
            say(f"{model}: {stored.source} before, see {store.path if store else ''}")
            yield model, stored
    if due:
        for model, measurement in zip(due, measure(due, protocol, operators=operators), strict=True):
            if store is not None:
                store.add(model, protocol, measurement)
            yield model, measurement


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
        for tag, ms in measurement.operator_ms:
            click.echo(f"  {tag:40s} {ms:9.4f} ms")
        return
    for index, (operator, time_ms) in enumerate(zip(graph.operators, times, strict=True)):
        click.echo(f"  {index:4d} {operator.type:26s} {format_ms(time_ms)}")
