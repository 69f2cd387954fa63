"""`edgenas data inspect`: what a data set holds, and what is wrong with it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgenas.cli.completions import data_names
from edgenas.cli.options import json_option
from edgenas.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from edgenas.datasets.inspection import Inspection

__all__ = ["command"]


@click.command(name="inspect")
@click.argument("path", shell_complete=data_names)
@click.option("--split", help="Only this split.  [default: train, validation and test, as far as there are]")
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Frames looked at per split, evenly spread.",
)
@click.option("--against", help="A copy that is trusted: the same pictures must have the same targets.")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), help="Write a sheet of a few frames."
)
@json_option
def command(
    path: str, split: str | None, frames: int, against: str | None, picture: Path | None, as_json: bool
) -> None:
    """Look at a data set: its layout, splits, classes and value ranges, and what is wrong with it.

    PATH is what --data takes elsewhere: an .npz archive, a folder in one of the known layouts (see `edgenas data
    layouts`), a prepared folder, rooms or streets. Found are, among others, images or targets that are mirrored or
    belong to another frame, normals with exchanged axes, label ids that are mixed up, millimetres or inverse depth
    in the place of metres, and pictures that are in two splits.

    \b
    Exit code: 0 nothing is wrong (there may be warnings), 1 something is wrong, 2 PATH is no data set.

    \b
    Examples:
      edgenas data inspect nyuv2.npz
      edgenas data inspect /data/cityscapes --picture sheet.png
      edgenas data inspect /data/copy --against /data/original
      edgenas data inspect /data/nyuv2 --split validation --frames 200 --json
    """
    from edgenas.datasets.inspection import inspect_data

    found = inspect_data(path, split=split, frames=frames, against=against)
    if picture is not None and found.samples:
        from edgenas.datasets.inspection.picture import write_sheet

        write_sheet(picture, found)
        say(f"Wrote {picture}.")
    if as_json:
        print_json(found.to_dict())
    else:
        _show(found)
    if found.wrong:
        click.get_current_context().exit(1)


def _show(found: Inspection) -> None:
    report = found.to_dict()
    size = f", {report['height']}x{report['width']}" if report["height"] else ""
    tasks = f", {', '.join(report['tasks'])}" if report["tasks"] else ""
    click.echo(f"{found.source}: {found.kind}{size}{tasks}")
    rows = [
        [name, _count(split["frames"]), _count(split.get("sampled_frames"))]
        for name, split in report["splits"].items()
    ]
    print_table("Splits", ["split", "frames", "looked at"], rows)
    looked_at = {name: split["values"] for name, split in report["splits"].items() if split.get("values")}
    _show_classes(looked_at)
    _show_ranges(looked_at)
    for finding in found.findings:
        click.echo(f"\n{finding.severity.upper()} ({finding.check}, {finding.split})")
        for text in (finding.what, finding.evidence, f"Fix: {finding.fix}"):
            click.echo(textwrap.fill(text, 110, initial_indent="  ", subsequent_indent="  "))
    errors = sum(finding.severity == "error" for finding in found.findings)
    warnings = len(found.findings) - errors
    click.echo(f"\n{_plural(errors, 'error')}, {_plural(warnings, 'warning')}.")


def _plural(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _show_classes(looked_at: dict[str, Any]) -> None:
    columns = {name: values["segmentation"] for name, values in looked_at.items() if "segmentation" in values}
    if not columns:
        return
    names = next(iter(columns.values()))["classes"]
    rows = [
        [
            str(i),
            name,
            *("-" if not c["classes"][name] else f"{c['classes'][name]:.2%}" for c in columns.values()),
        ]
        for i, name in enumerate(names)
    ]
    rows.append(["255", "void (of all pixels)", *(f"{c['void_share']:.2%}" for c in columns.values())])
    print_table("Classes (share of the labelled pixels)", ["label", "class", *columns], rows)


def _show_ranges(looked_at: dict[str, Any]) -> None:
    rows = []
    for name, values in looked_at.items():
        image = values["image"]
        colour = ", ".join(f"{v:.0f}" for v in image["mean_rgb"])
        rows.append([name, "image", f"mean RGB {colour}; {image['darkest']:.0f} to {image['brightest']:.0f}"])
        if "depth" in values:
            rows.append([name, "depth", _depth(values["depth"])])
        if "normals" in values:
            normals = values["normals"]
            mean = ", ".join(f"{v:+.2f}" for v in normals.get("mean_xyz", ()))
            rows.append([name, "normals", f"{normals['valid_share']:.1%} valid; mean x, y, z {mean or '-'}"])
    print_table("Values of the frames looked at", ["split", "array", "values"], rows)


def _depth(depth: dict[str, Any]) -> str:
    share = f"{depth['valid_share']:.1%} valid"
    if "median" not in depth:
        return share
    return (
        f"{share}; median {depth['median']:.3g} {depth['unit']}, 1 to 99% {depth['p1']:.3g} to {depth['p99']:.3g}, "
        f"all {depth['min']:.3g} to {depth['max']:.3g}"
    )
