"""`edgenas data prepare`: convert a data set once, or verify one that was converted."""

from __future__ import annotations

from pathlib import Path

import click

from edgenas.cli.completions import data_names
from edgenas.cli.options import json_option, parse_tasks
from edgenas.cli.output import print_json, progress, say
from edgenas.errors import EdgenasError, UsageError

__all__ = ["command"]


@click.command(name="prepare")
@click.argument("source", shell_complete=data_names)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write; new, or begun by the same command."
)
@click.option("--labels", help="Label set, as after the # of a source, e.g. seg40 or label_7.")
@click.option("--tasks", help="Comma-separated targets to keep. All that the source has by default.")
@click.option("--height", type=click.IntRange(32, 4096), help="Rows of frames that are made or resized.")
@click.option("--width", type=click.IntRange(32, 4096), help="Columns of frames that are made or resized.")
@click.option("--frames", type=click.IntRange(1), help="Number of training frames.")
@click.option("--validation-frames", type=click.IntRange(1), help="Number of validation frames.")
@click.option("--skip-broken", is_flag=True, help="Leave out frames whose files are missing or damaged.")
@click.option(
    "--verify", is_flag=True, help="SOURCE is a prepared folder: compare every byte with its checksum."
)
@json_option
def command(
    source: str,
    out: Path | None,
    labels: str | None,
    tasks: str | None,
    height: int | None,
    width: int | None,
    frames: int | None,
    validation_frames: int | None,
    skip_broken: bool,
    verify: bool,
    as_json: bool,
) -> None:
    """Convert SOURCE (see `edgenas data layouts`) into a folder that trains from the disk, however large it is.

    All splits, resized when asked; give the folder as --data afterwards. When interrupted, the same command goes on.

    \b
    Examples:
      edgenas data prepare /data/cityscapes --height 256 --width 512 --out cityscapes-256
      edgenas data prepare frames.npz --labels seg40 --out frames-40
      edgenas data prepare --verify cityscapes-256
    """
    if verify:
        _verify(Path(source), as_json)
        return
    if out is None:
        raise UsageError(f"Say where to: edgenas data prepare {source} --out FOLDER")
    from edgenas.datasets.source import leaving_out_broken
    from edgenas.workflow.prepare import prepare_source

    if labels:
        if "#" in source:
            raise UsageError(f"Give the label set once. Received {source} and --labels {labels}.")
        source = f"{source}#{labels}"
    if skip_broken:
        source = leaving_out_broken(source)
    with progress("prepare") as advance:
        done = prepare_source(
            source,
            out,
            tasks=parse_tasks(tasks),
            height=height,
            width=width,
            frames=frames,
            validation_frames=validation_frames,
            on_frame=lambda count, total: advance(count, total, "frames"),
        )
    counts = ", ".join(f"{name} {count}" for name, count in done.frames.items())
    if as_json:
        print_json(
            {
                "folder": str(out),
                "frames": dict(done.frames),
                "bytes": done.stored_bytes,
                "shards_written": done.written,
                "shards_kept": done.kept,
            }
        )
        return
    if not done.written:
        say(f"{out} held all of it already, and every checksum agrees.")
    click.echo(f"{out}: {counts} frames, {done.stored_bytes / 2**20:.0f} MiB")
    click.echo(f"Next: edgenas train --data {out} ...")


def _verify(folder: Path, as_json: bool) -> None:
    from edgenas.datasets.prepared import PreparedIndex, verify_prepared

    with progress("verify") as advance:
        wrong = verify_prepared(folder, on_shard=lambda count, total: advance(count, total, "shards"))
    if as_json:
        print_json({"folder": str(folder), "damaged": wrong})
    if wrong:
        made_from = PreparedIndex.load(folder).source
        raise EdgenasError(
            f"{folder}: {len(wrong)} damaged:\n  " + "\n  ".join(wrong[:10]) + "\n"
            f"Write them again from {made_from or 'the source'} by the `edgenas data prepare` that made the folder."
        )
    if not as_json:
        click.echo(f"{folder}: every byte is as it was written.")
