"""`edgenas space`: list the search spaces, show one, sample architectures from one."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from edgenas.cli.options import json_option, parse_tasks
from edgenas.cli.output import print_json, print_table, say
from edgenas.datasets.records import head_channels_for
from edgenas.space import list_presets, load_space
from edgenas.storage import write_text_atomic

__all__ = ["command"]


@click.group(name="space")
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
    """List the shipped search spaces."""
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
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show every decision of a space (preset or .toml file) with its choices."""
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
) -> None:
    """Sample architectures at random and write them as JSON."""
    chosen = parse_tasks(tasks) or ()
    space = load_space(name, chosen)
    rng = np.random.default_rng(seed)
    channels = head_channels_for(space.tasks, classes)
    drawn = [space.default()] if baseline else [space.sample(rng) for _ in range(count)]
    networks = [space.architecture(d, input_shape=(height, width), head_channels=channels) for d in drawn]
    if out is None:
        print_json([network.to_dict() for network in networks])
        return
    for network in networks:
        write_text_atomic(out / f"{network.hash}.json", network.to_json() + "\n")
    say(f"Wrote {len(networks)} architecture(s) to {out}.")
