"""`edgenas data layouts`: the layouts that are read, or the one that a path has."""

from __future__ import annotations

from pathlib import Path

import click

from edgenas.cli.completions import layout_names
from edgenas.cli.options import json_option
from edgenas.cli.output import print_json, print_table
from edgenas.errors import UsageError, no_such_file

__all__ = ["command"]


@click.command(name="layouts")
@click.argument("path", required=False, type=click.Path(path_type=Path), shell_complete=layout_names)
@json_option
def command(path: Path | None, as_json: bool) -> None:
    """List the layouts that edgenas reads; with a PATH, tell which one it has and what is in it.

    \b
    Examples:
      edgenas data layouts
      edgenas data layouts /data/cityscapes --json
    """
    from edgenas.datasets.layouts import LAYOUTS, recognise

    if path is None:
        rows = [
            {"name": layout.name, "description": layout.description, "settings": dict(layout.settings)}
            for layout in LAYOUTS.values()
        ]
        if as_json:
            print_json(rows)
            return
        print_table(
            "Layouts", ["name", "what it is"], [[str(r["name"]), str(r["description"])] for r in rows]
        )
        return
    if not path.exists():
        raise no_such_file(path, "edgenas data layouts")
    layout = recognise(path)
    if layout is None:
        raise UsageError(
            f"{path} has none of the layouts {', '.join(LAYOUTS)}. Describe your own folders in a dataset.toml.\n"
            "See: edgenas data layouts"
        )
    found = {
        "path": str(path),
        "layout": layout.name,
        "label_sets": list(layout.label_sets(path)),
        "splits": layout.splits(path),
    }
    if as_json:
        print_json(found)
        return
    print_table(
        f"{path}: {layout.name}", ["split", "frames"], [[k, str(n)] for k, n in layout.splits(path).items()]
    )
