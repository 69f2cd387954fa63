"""`edgenas devices`: which devices there are, whether they are at hand and what their predictors know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from edgenas.cli.completions import device_names
from edgenas.cli.lazy_group import NamedGroup
from edgenas.cli.options import device_file_option, json_option
from edgenas.cli.output import print_json, print_table
from edgenas.device_profiles import DeviceProfile, list_devices, load_device, runner_for, user_folder
from edgenas.device_profiles.connection import parse_address
from edgenas.device_profiles.doctor import examine, examine_device
from edgenas.device_profiles.profile import LITERT, PUBLISHED
from edgenas.device_profiles.template import TEMPLATE_KINDS, device_template
from edgenas.errors import UsageError
from edgenas.latency_models.registry import card_figures, card_of
from edgenas.storage import write_text_atomic

__all__ = ["command"]

_NONE = "none yet"
_FIGURES = (
    ("mape_percent", "MAPE {:.1f}%"),
    ("within_10_percent", "{:.0f}% within 10%"),
    ("coverage_percent", "intervals hold {:.0f}%"),
)


@click.group(name="devices", cls=NamedGroup, invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the devices and what is known of them.

    \b
    Examples:
      edgenas devices
      edgenas devices show edgetpu
      edgenas devices doctor
      edgenas devices new desk-pi --over ssh://pi@raspberrypi
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command(name="list")
@json_option
def list_command(as_json: bool) -> None:
    """List the devices and what is known of them, as `edgenas devices` does.

    \b
    Examples:
      edgenas devices list
      edgenas devices list --json
    """
    _list(as_json)


@command.command()
@click.argument("name", shell_complete=device_names)
@device_file_option
@json_option
def show(name: str, device_file: Path | None, as_json: bool) -> None:
    """Show one device: each configuration with its predictor's accuracy, hardware numbers with their sources.

    \b
    Examples:
      edgenas devices show edgetpu
      edgenas devices show pixel4 --json
    """
    profile = load_device(name, device_file)
    detection = runner_for(profile).probe()
    row = _describe(profile)
    row["connection"] = asdict(profile.connection)
    row["hardware"] = dict(profile.hardware)
    row["source"] = dict(profile.source)
    row["detection"] = detection.to_dict()
    if as_json:
        print_json(row)
        return
    click.echo(f"{profile.name}: {profile.title}")
    for alias in profile.names:
        if alias in profile.alias_meanings:
            click.echo(f"{alias!r} means {profile.alias_meanings[alias]}")
    click.echo(f"predictor: {row['predictor']}")
    click.echo(f"configurations ({len(profile.configurations)}, default {profile.default_configuration}):")
    print_table(
        "",
        ("configuration", "what it is", "predictor"),
        [(d["name"], d["description"], _accuracy(d["predictor"])) for d in row["configuration_details"]],
    )
    for key, value in profile.hardware.items():
        click.echo(f"{key} = {value}")
    click.echo(detection.explain())


@command.command()
@click.argument("name", required=False, shell_complete=device_names)
@device_file_option
@json_option
def doctor(name: str | None, device_file: Path | None, as_json: bool) -> None:
    """Tell what is here to measure with, what is missing, and the command to get it.

    Without NAME: packages, this CPU, Edge TPU (library, bus, rights, compiler), Ethos-U, adb, ssh, and your own device
    files. With the name or the address of a device, that one; exit code 1 if it cannot be used.

    \b
    Examples:
      edgenas devices doctor
      edgenas devices doctor ssh://pi@raspberrypi --json
    """
    everything = name is None and device_file is None
    findings = examine() if everything else [examine_device(load_device(name, device_file))]
    if as_json:
        print_json([{"title": f.title, **f.detection.to_dict()} for f in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok     ' if finding.detection.available else 'MISSING'}  {finding.title}")
            for line in finding.detection.explain().splitlines():
                click.echo(f"           {line}")
    if not everything and not findings[0].detection.available:
        raise click.exceptions.Exit(1)


@command.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(TEMPLATE_KINDS), help="What runs the models.  [default: litert]")
@click.option(
    "--over", help="How it is reached: ssh://USER@HOST[:PORT] or adb://SERIAL. This machine without it."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write; NAME.toml in your folder without it."
)
@json_option
def new(name: str, kind: str | None, over: str | None, out: Path | None, as_json: bool) -> None:
    """Write a commented device file for a device of your own, ready to be edited.

    \b
    Examples:
      edgenas devices new desk-pi --over ssh://pi@raspberrypi
      edgenas devices new coral --kind edgetpu --over ssh://mendel@coral
      edgenas devices new phone --over "adb://?benchmark_model=/opt/benchmark_model" --out phone.toml
    """
    connection, device = parse_address(over) if over is not None else (None, "")
    if device and kind is None:
        kind = load_device(device).kind
    text = device_template(name, LITERT if kind in (None, PUBLISHED) else str(kind), connection)
    path = out or user_folder() / f"{name}.toml"
    if path.exists():
        raise UsageError(
            f"{path} exists already. Edit it, choose another name, or give another file with --out."
        )
    write_text_atomic(path, text)
    option = "" if out is None else f" --device-file {path}"
    if as_json:
        print_json({"device": name, "file": str(path), "next": f"edgenas devices doctor {name}{option}"})
        return
    click.echo(f"{path}: edit it, then")
    click.echo(f"  edgenas devices doctor {name}{option}\n  edgenas profile --device {name}{option}")


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
