"""`edgenas space`: list the search spaces, show one, sample architectures from one."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from edgenas.cli.completions import space_names
from edgenas.cli.lazy_group import NamedGroup
from edgenas.cli.options import json_option, parse_tasks
from edgenas.cli.output import print_json, print_table, say
from edgenas.datasets.records import head_channels_for
from edgenas.space import list_presets, load_space
from edgenas.storage import write_text_atomic

__all__ = ["command"]


@click.group(name="space", cls=NamedGroup)
def command() -> None:
    """List search spaces, show one, sample architectures.

    \b
    Examples:
      edgenas space list
      edgenas space sample --space demo --count 3 --out architectures
    """


@command.command(name="list")
@json_option
def list_spaces(as_json: bool) -> None:
    """List the shipped search spaces.

    \b
    Examples:
      edgenas space list
      edgenas space list --json
    """
    rows = [
        {"name": name, "networks": load_space(name).cardinality(), "description": description}
        for name, description in list_presets().items()
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        "Search spaces (three tasks)",
        ["name", "networks", "description"],
        [[str(r["name"]), f"{float(str(r['networks'])):.2g}", str(r["description"])] for r in rows],
    )


@command.command()
@click.argument("name", shell_complete=space_names)
@json_option
def show(name: str, as_json: bool) -> None:
    """Show every decision of a space (preset or .toml file) with its choices.

    \b
    Examples:
      edgenas space show demo
      edgenas space show edgetpu --json
    """
    space = load_space(name)
    if as_json:
        decisions = [
            {"name": d.name, "choices": list(d.choices), "default": d.default} for d in space.decisions()
        ]
        print_json({"name": space.name, "version": space.version, "hash": space.hash, "decisions": decisions})
        return
    rows = [[d.name, ", ".join(map(str, d.choices)), str(d.default)] for d in space.decisions()]
    print_table(f"{space.name}, version {space.version}", ["decision", "choices", "default"], rows)


@command.command()
@click.option(
    "--space", "name", default="demo", show_default=True, help="Search space: a preset or a .toml file."
)
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--baseline", is_flag=True, help="The MT edge baseline (every choice at its default) instead.")
@click.option("--tasks", default="segmentation,depth,normals", show_default=True)
@click.option(
    "--classes", default=13, show_default=True, type=click.IntRange(2, 254), help="Segmentation classes."
)
@click.option("--height", default=96, show_default=True, type=click.IntRange(32))
@click.option("--width", default=128, show_default=True, type=click.IntRange(32))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for HASH.json files; stdout (a list) without it."
)
@json_option
def sample(
    name: str,
    count: int,
    seed: int,
    baseline: bool,
    tasks: str,
    classes: int,
    height: int,
    width: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Sample architectures at random and write them as JSON.

    \b
    Examples:
      edgenas space sample --count 3 --out architectures
      edgenas space sample --baseline --classes 19 --height 128 --width 256
    """
    chosen = parse_tasks(tasks) or ()
    space = load_space(name, chosen)
    rng = np.random.default_rng(seed)
    channels = head_channels_for(space.tasks, classes)
    drawn = [space.default()] if baseline else [space.sample(rng) for _ in range(count)]
    networks = [space.architecture(d, input_shape=(height, width), head_channels=channels) for d in drawn]
    if out is None:
        print_json([network.to_dict() for network in networks])
        return
    files = [out / f"{network.hash}.json" for network in networks]
    for file, network in zip(files, networks, strict=True):
        write_text_atomic(file, network.to_json() + "\n")
    if as_json:
        print_json({"files": [str(file) for file in files]})
        return
    say(f"Wrote {len(networks)} architecture(s) to {out}.")
