"""`edgenas devices`: which devices there are, whether they are at hand and what their predictors know."""

from __future__ import annotations

from typing import Any

import click

from edgenas.cli.options import json_option
from edgenas.cli.output import print_json
from edgenas.device_profiles import DeviceProfile, list_devices, load_device, runner_for
from edgenas.errors import EdgenasError
from edgenas.latency_models import known_of

__all__ = ["command"]


@click.group(name="devices", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the devices and what is known of them.

    \b
    Examples:
      edgenas devices
      edgenas devices show edgetpu
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command(name="list")
@json_option
def list_command(as_json: bool) -> None:
    """List the devices."""
    _list(as_json)


@command.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one device: configurations, hardware numbers with their sources, and whether it is attached."""
    profile = load_device(name)
    detection = runner_for(profile).probe()
    row = _describe(profile)
    row["hardware"] = dict(profile.hardware)
    row["source"] = dict(profile.source)
    row["detection"] = {
        "available": detection.available,
        "looked_for": list(detection.looked_for),
        "found": list(detection.found),
        "missing": list(detection.missing),
        "next_command": detection.next_command,
    }
    if as_json:
        print_json(row)
        return
    click.echo(f"{profile.name}: {profile.title}")
    click.echo(
        f"configurations: {', '.join(row['configurations'])} (default {profile.default_configuration})"
    )
    click.echo(f"predictor: {row['predictor']}")
    for key, value in profile.hardware.items():
        click.echo(f"{key} = {value}")
    click.echo(detection.explain())


def _list(as_json: bool) -> None:
    rows = [_describe(profile) for profile in list_devices()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']}: {row['title']}, {'at hand' if row['available'] else 'not attached'}")
        click.echo(f"  configurations: {', '.join(row['configurations'])}")
        click.echo(f"  predictor: {row['predictor']}")


def _describe(profile: DeviceProfile) -> dict[str, Any]:
    try:
        known = known_of(profile.name)
    except EdgenasError:
        known = "none yet"
    return {
        "name": profile.name,
        "title": profile.title,
        "aliases": list(profile.aliases),
        "configurations": [c.name for c in profile.configurations],
        "available": runner_for(profile).probe().available,
        "predictor": known,
    }
