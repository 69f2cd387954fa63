"""`edgenas profile`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.options import json_option, parse_tasks
from edgenas.cli.output import format_ms, print_json, progress
from edgenas.device_profiles import Detection, DeviceProfile, load_device, runner_for
from edgenas.errors import EdgenasError, UsageError

if TYPE_CHECKING:
    from edgenas.profiling import ProfileEvent, ProfileResult

__all__ = ["command"]


@click.command(name="profile")
@click.option("--device", default="host", show_default=True, help="Device, see `edgenas devices`.")
@click.option("--configuration", help="Configuration of the device; its default without it.")
@click.option(
    "--space", default="demo", show_default=True, help="Space that the measured networks come from."
)
@click.option("--tasks", default="segmentation,depth,normals", show_default=True)
@click.option(
    "--classes", default=13, show_default=True, type=click.IntRange(2), help="Segmentation classes."
)
@click.option("--height", default=96, show_default=True, type=click.IntRange(32, 4096))
@click.option("--width", default=128, show_default=True, type=click.IntRange(32, 4096))
@click.option(
    "--seconds", default=180.0, show_default=True, type=click.FloatRange(10), help="Time for everything."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the measurements; the user's folder without it."
)
@json_option
def command(device: str, configuration: str | None, as_json: bool, **options: Any) -> None:
    """Measure a device and fit its latency predictor, or tell what is known where it is not at hand.

    Measurements are stored one by one: the same command goes on where it was stopped.

    \b
    Examples:
      edgenas profile --device host
      edgenas profile --device edgetpu --json
    """
    profile = load_device(device)
    chosen = profile.configuration(configuration)
    detection = runner_for(profile, chosen.name).probe()
    if not detection.available:
        _tell_what_is_known(profile, chosen.name, detection, as_json)
        return
    result = _measure(profile, chosen.name, options)
    if as_json:
        print_json({
            "device": profile.name, "configuration": chosen.name, "available": True, "folder": str(result.folder),
            "predictor": str(result.predictor_folder), "card": result.card, "failed": result.failed,
            "seconds": result.seconds,
        })  # fmt: skip
        return
    click.echo(result.predictor.summary(result.card))
    for point in sorted(result.points, key=lambda p: -abs(p.predicted_ms / p.measured_ms - 1))[:3]:
        click.echo(
            f"  worst held-out: {point.name}: measured {format_ms(point.measured_ms)}, "
            f"predicted {format_ms(point.predicted_ms)}"
        )
    for name, error in result.failed.items():
        click.echo(f"  failed: {name}: {error}")
    click.echo(f"Measurements: {result.folder}\nPredictor: {result.predictor_folder}")


def _measure(profile: DeviceProfile, configuration: str, options: dict[str, Any]) -> ProfileResult:
    from edgenas.latency_models import user_predictors
    from edgenas.profiling import profile_device
    from edgenas.space import load_space

    tasks = parse_tasks(options["tasks"]) or ()
    space = load_space(options["space"], tasks)
    shape = (options["height"], options["width"])
    for name, size in zip(("--height", "--width"), shape, strict=True):
        if size % space.coarsest_stride:
            raise UsageError(
                f"Invalid value for {name}. Expected a multiple of {space.coarsest_stride}. Received {size}."
            )
    channels = {"depth": 1, "normals": 3, "segmentation": options["classes"]}
    folder = options["out"]
    if folder is None:
        label = (
            f"{space.name}-{shape[0]}x{shape[1]}-{space.hash[:6]}-{options['classes']}c-seed{options['seed']}"
        )
        folder = user_predictors().parent / "profiles" / profile.name / configuration / label
    with progress("profile") as advance:

        def on_event(event: ProfileEvent) -> None:
            advance(event.done, event.total, f"{event.phase}: {event.text}")

        return profile_device(
            profile, space, folder, input_shape=shape, head_channels={t: channels[t] for t in tasks},
            configuration=configuration, budget_seconds=options["seconds"], seed=options["seed"], on_event=on_event,
        )  # fmt: skip


def _tell_what_is_known(
    profile: DeviceProfile, configuration: str, detection: Detection, as_json: bool
) -> None:
    """Nothing can be measured here: says what was looked for, and what the shipped predictor knows, if any.

    Raises:
        EdgenasError: there is no predictor either.
    """
    from edgenas.latency_models import known_of

    known: str | None = None
    with contextlib.suppress(UsageError):
        known = known_of(profile.name, configuration)
    if as_json:
        print_json({
            "device": profile.name, "configuration": configuration, "available": False,
            "looked_for": list(detection.looked_for), "found": list(detection.found),
            "missing": list(detection.missing), "next_command": detection.next_command, "predictor": known,
        })  # fmt: skip
    else:
        click.echo(f"{profile.title} is not attached to this machine, so nothing was measured.")
        click.echo(detection.explain())
        click.echo(f"Known from the predictor: {known}" if known else "No predictor is shipped for it yet.")
    if known is None:
        raise EdgenasError(
            f"Nothing is known of the latency of '{profile.name}' here: no device, no predictor."
        )
