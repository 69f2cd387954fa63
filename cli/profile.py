"""`edgenas profile`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.completions import space_names
from edgenas.cli.options import device_options, json_option, parse_tasks
from edgenas.cli.output import format_ms, print_json, print_table, progress, say
from edgenas.device_profiles import Configuration, Detection, DeviceProfile, runner_for
from edgenas.device_profiles.connection import LOCAL
from edgenas.errors import EdgenasError

if TYPE_CHECKING:
    from edgenas.profiling import ProfileEvent, ProfileResult
    from edgenas.profiling.known import Known
    from edgenas.workflow.profile import ProfileRequest

__all__ = ["command"]


@click.command(name="profile")
@device_options
@click.option(
    "--space",
    default="demo",
    show_default=True,
    shell_complete=space_names,
    help="Space that the measured networks come from.",
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
def command(profile: DeviceProfile, chosen: Configuration, as_json: bool, **options: Any) -> None:
    """Measure a device and fit its latency predictor, or tell what is known where it is not at hand.

    Measurements are stored one by one: the same command goes on where it was stopped. Of a device that is not at hand
    the stored predictor tells the latency of the baseline and of the preset spaces, labelled as predicted.

    \b
    Examples:
      edgenas profile --device host
      edgenas profile --device ssh://pi@raspberrypi
      edgenas profile --device edgetpu --json
      edgenas profile --device mobile-cpu --height 128 --width 256 --classes 19
    """
    from edgenas.workflow.profile import ProfileRequest

    request = ProfileRequest(**{**options, "tasks": parse_tasks(options["tasks"]) or ()})
    detection = runner_for(profile, chosen.name).probe()
    if not detection.available:
        _tell_what_is_known(profile, chosen.name, detection, request, as_json)
        return
    result = _measure(profile, chosen.name, request)
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
            f"  worst held-out: {point.name}: {result.card['source']} {format_ms(point.measured_ms)}, "
            f"predicted {format_ms(point.predicted_ms)}"
        )
    for name, error in result.failed.items():
        click.echo(f"  failed: {name}: {error}")
    unstable, networks = result.card.get("networks_unstable", 0), result.card.get("networks_measured", 0)
    if unstable:
        say(
            f"Warning: {unstable} of {networks} networks are left out, as their processes disagree by more than 15%: "
            "other programs disturb. The same command measures them again; it is best given when the machine is idle."
        )
    click.echo(f"Measurements: {result.folder}\nPredictor: {result.predictor_folder}")
    option = f" --configuration {chosen.name}" if len(profile.configurations) > 1 else ""
    click.echo(f"Next: edgenas predict MODEL.tflite --device {shlex.quote(profile.asked_as)}{option}")


def _measure(profile: DeviceProfile, configuration: str, request: ProfileRequest) -> ProfileResult:
    with progress("profile") as advance:

        def on_event(event: ProfileEvent) -> None:
            advance(event.done, event.total, f"{event.phase}: {event.text}")

        return request.measure(profile, configuration, on_event=on_event)


def _tell_what_is_known(
    profile: DeviceProfile, configuration: str, detection: Detection, request: ProfileRequest, as_json: bool
) -> None:
    """Nothing can be measured here: says what was looked for, and what the stored predictor knows, if any.

    Raises:
        EdgenasError: there is no predictor either; or the device has an address, so who names it wants it measured.
    """
    here = profile.connection.via == LOCAL
    known = request.known(profile, configuration)
    if as_json:
        print_json({
            "device": profile.name, "configuration": configuration,
            **detection.to_dict(),
            **({"predictor": None} if known is None else {"source": known.baseline.source, **known.to_dict()}),
        })  # fmt: skip
    else:
        what = "is not attached to this machine" if here else "was not reached"
        click.echo(f"{profile.title} ({configuration}) {what}, so nothing was measured.")
        click.echo(detection.explain())
        if known is None:
            click.echo("There is no predictor of it yet.")
        else:
            _show(known, request)
    if known is None:
        raise EdgenasError(
            f"Nothing is known of the latency of '{profile.name}' ({configuration}) here: no device, no predictor."
        )
    if not here:
        raise EdgenasError(
            f"Nothing was measured on {profile.connection.target}. What was measured before is kept; the same command "
            "goes on when it is there again."
        )


def _show(known: Known, request: ProfileRequest) -> None:
    baseline, spaces = known.baseline, known.spaces
    low, high = baseline.interval_ms
    click.echo(f"Everything below is predicted. Predictor {known.predictor.summary(known.card)}")
    click.echo(
        f"{known.baseline_name} at {request.height}x{request.width}: predicted "
        f"{format_ms(baseline.latency_ms)}, {baseline.confidence:.0%} interval {low:.3g} to {high:.3g} ms"
    )
    if not baseline.in_domain:
        click.echo("  outside of what the predictor has seen: " + "; ".join(baseline.domain_notes))
    count = next(iter(spaces.values())).count
    # Not as the table's title: that would be wrapped to the table's width.
    click.echo(f"predicted ms of {count} random networks of each space (seed {request.seed}):")
    print_table(
        "",
        ("space", "min", "10%", "median", "90%", "max", "in domain"),
        [
            (
                name,
                *(f"{ms:.3g}" for ms in (s.min_ms, s.p10_ms, s.median_ms, s.p90_ms, s.max_ms)),
                f"{s.in_domain_share:.0%}",
            )
            for name, s in spaces.items()
        ],
    )
