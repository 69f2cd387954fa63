"""`edgenas devices`: which devices there are, whether they are at hand and what their predictors know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from edgenas.cli.options import json_option
from edgenas.cli.output import print_json
from edgenas.device_profiles import DeviceProfile, list_devices, load_device, runner_for
from edgenas.errors import UsageError
from edgenas.latency_models.registry import card_figures, card_of

__all__ = ["command"]

_NONE = "none yet"
_FIGURES = (
    ("mape_percent", "MAPE {:.1f}%"),
    ("within_10_percent", "{:.0f}% within 10%"),
    ("coverage_percent", "intervals hold {:.0f}%"),
)


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
    """Show one device: each configuration with its predictor's accuracy, hardware numbers with their sources."""
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
    for alias in profile.names:
        if alias in profile.alias_meanings:
            click.echo(f"{alias!r} means {profile.alias_meanings[alias]}")
    click.echo(f"predictor: {row['predictor']}")
    click.echo(f"configurations ({len(profile.configurations)}, default {profile.default_configuration}):")
    width = max(len(c.name) for c in profile.configurations)
    for details in row["configuration_details"]:
        click.echo(
            f"  {details['name']:{width}}  {details['description']}; {_accuracy(details['predictor'])}"
        )
    for key, value in profile.hardware.items():
        click.echo(f"{key} = {value}")
    click.echo(detection.explain())


def _list(as_json: bool) -> None:
    rows = [_describe(profile) for profile in list_devices()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        state = "at hand" if row["available"] else "not attached"
        if row["kind"] == "published":
            state = "known from published measurements"
        also = [alias for alias in row["aliases"] if alias in row["alias_meanings"]]
        known = [details["predictor"] for details in row["configuration_details"]]
        names = row["configurations"]
        heading = f"{row['name']} ({', '.join(also)})" if also else row["name"]
        click.echo(f"{heading}: {row['title']}, {state}")
        shown = (
            ", ".join(names) if len(names) <= 4 else f"{len(names)}, see: edgenas devices show {row['name']}"
        )
        click.echo(f"  configurations: {shown}")
        count = sum(figures is not None for figures in known)
        of = (
            f" of {row['default_configuration']} ({count} of {len(names)} have one)" if len(names) > 1 else ""
        )
        click.echo(f"  predictor{of}: {row['predictor']}")


def _describe(profile: DeviceProfile) -> dict[str, Any]:
    known = {c.name: _figures(profile, c.name) for c in profile.configurations}
    return {
        "name": profile.name,
        "title": profile.title,
        "kind": profile.kind,
        "aliases": list(profile.aliases),
        "alias_meanings": dict(profile.alias_meanings),
        "configurations": [c.name for c in profile.configurations],
        "default_configuration": profile.default_configuration,
        "available": runner_for(profile).probe().available,
        "predictor": _accuracy(known[profile.default_configuration], source=True),
        "configuration_details": [
            {
                "name": c.name,
                "description": c.description,
                "dtype": c.dtype,
                "threads": c.threads,
                "cores": c.cores,
                "bus": c.bus,
                "site": c.site,
                "columns": list(c.columns),
                "predictor": known[c.name],
            }
            for c in profile.configurations
        ],
    }


def _figures(profile: DeviceProfile, configuration: str) -> dict[str, Any] | None:
    """What the card of a predictor says, None without a predictor; a damaged card is told, not raised."""
    try:
        card = card_of(profile, configuration)
    except UsageError as error:
        return {"error": str(error)}
    return None if card is None else card_figures(card)


def _accuracy(figures: Mapping[str, Any] | None, *, source: bool = False) -> str:
    """One line about a predictor.

    Args:
        figures: what its card says, None where there is no predictor.
        source: whether to add what it was fitted on.
    """
    if figures is None:
        return _NONE
    if "error" in figures:
        return str(figures["error"])
    known = [text.format(figures[key]) for key, text in _FIGURES if isinstance(figures[key], int | float)]
    line = "no held-out error is known"
    if known:
        line = f"{', '.join(known)} on {figures['rows'] or '?'} networks held out"
    return "; ".join(filter(None, (line, _source(figures) if source else "")))


def _source(figures: Mapping[str, Any]) -> str:
    if isinstance(figures["sources"], list):
        entries = [entry for entry in figures["sources"] if isinstance(entry, dict) and "source" in entry]
        names = [f"{str(e['source']).split(', http')[0]} ({e.get('licence', 'unstated')})" for e in entries]
        return ", ".join(dict.fromkeys(names))
    if figures["machine"]:
        made = figures["source"] or "measured"
        return f"{made} {figures['date'] or ''} on {figures['machine']}".replace("  ", " ")
    return ""
