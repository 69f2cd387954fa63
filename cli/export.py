"""`edgenas export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from edgenas.cli.completions import device_names, run_folders
from edgenas.cli.export_tables import show_export
from edgenas.cli.options import (
    export_data_options,
    json_option,
    parse_tasks,
    predictor_option,
    refuse_data_options,
)
from edgenas.cli.output import print_json, say
from edgenas.errors import EdgenasError, UsageError
from edgenas.export.engines.formats import ENGINES, FORMATS

__all__ = ["command"]

_ENDS = click.Choice(["int8", "uint8", "float32"])


@click.command(name="export")
@click.argument("source", required=False, type=click.Path(path_type=Path), shell_complete=run_folders)
@click.option("--int8/--no-int8", default=None, help="Write the int8 file.  [default: yes, without --format]")
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(list(FORMATS)),
    help="Write this file beside the float32 one; may be given several times.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), default="auto", show_default=True,
    help="Who quantises; auto takes whichever errs less on real frames.",
)  # fmt: skip
@click.option("--input-type", type=_ENDS, default="int8", show_default=True, help="Of the int8 file.")
@click.option("--output-type", type=_ENDS, default="int8", show_default=True, help="Of the int8 file.")
@click.option(
    "--head", "heads", multiple=True, metavar="TASK=FORM",
    help="What the device returns of a head: segmentation=logits, logits-low, argmax or argmax-low; depth=full or low, "
    "and so on. Low: before the last resizes.",
)  # fmt: skip
@click.option("--compare-outputs", is_flag=True, help="Also show what each form of the heads costs.")
@click.option("--max-drop", default=1.0, show_default=True, type=click.FloatRange(0, 100, max_open=True),
    help="Largest drop of a head's metric against float32, in percent, before there is a warning.")  # fmt: skip
@click.option("--repair", is_flag=True, help="Mend an int8 file that drops by more than --max-drop.")
@click.option("--allow-mixed", is_flag=True,
    help="Let --repair give named operators 16-bit activations, which the Edge TPU does not run.")  # fmt: skip
@click.option(
    "--keep", is_flag=True, help="Write the best file although --repair did not help enough; exit code 1."
)
@click.option(
    "--trained", type=click.Path(path_type=Path), help="Folder of `edgenas train --out` instead of a run."
)
@click.option(
    "--architecture", type=click.Path(path_type=Path), help="What the weights of a file are, a .json file."
)
@export_data_options
@click.option(
    "--device",
    shell_complete=device_names,
    help="Device to predict and measure on; 'none' for none. [default: the run's, else host]",
)
@click.option("--configuration", help="Configuration of the device.")
@predictor_option
@click.option("--calibration-frames", default=128, show_default=True, type=click.IntRange(1))
@click.option("--name", help="Stem of the file names; edgenas_<hash> without it.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files; RUN/export without it.")
@json_option
def command(source: Path | None, as_json: bool, **options: Any) -> None:
    """Write verified .tflite files with a model card, float32 and int8 unless others are asked for.

    SOURCE is a run folder, a .keras file, or a .weights.h5 file with --architecture; the newest run without it. Every
    file is run on real frames and compared with Keras before it gets its name; the int8 file is checked against the
    rules of the Edge TPU compiler, and measured where the device is at hand, or simulated where the device is a
    simulation (Ethos-U).

    \b
    Examples:
      edgenas export --int8
      edgenas export runs/001 --name street --device host
      edgenas export model.keras --data nyuv2.npz --format int16x8 --format int8
      edgenas export runs/001 --head segmentation=argmax-low --input-type uint8
    """
    from edgenas.export.request import ExportRequest
    from edgenas.workflow.data import DataRequest
    from edgenas.workflow.export import export_trained
    from edgenas.workflow.export_source import ExportSource

    found = ExportSource.find(source, trained=options["trained"], architecture=options["architecture"])
    if found.run is not None:
        refuse_data_options("--trained FOLDER", but=("height", "width"))
    wanted = options["device"] or found.device
    request = ExportRequest(
        out_dir=options["out"] or found.folder,
        name=options["name"] or found.at(options["height"], options["width"]).name,
        formats=_formats(options["formats"], options["int8"]),
        engine=options["engine"],
        input_type=options["input_type"],
        output_type=options["output_type"],
        heads=_heads(options["heads"]),
        compare_outputs=options["compare_outputs"],
        height=options["height"],
        width=options["width"],
        calibration_frames=options["calibration_frames"],
        repair=options["repair"],
        allow_mixed=options["allow_mixed"],
        keep=options["keep"],
        max_drop_percent=options["max_drop"],
        device=None if wanted.lower() == "none" else wanted,
        configuration=options["configuration"],
        predictor_dir=options["predictor"],
    )
    data = DataRequest(
        options["data"], parse_tasks(options["tasks"]), options["height"], options["width"],
        options["frames"], options["validation_frames"],
    )  # fmt: skip
    result = export_trained(found, found.training_data(data), request)
    if as_json:
        print_json({"card": str(result.card_path), "folder": str(request.out_dir), **result.card})
    else:
        show_export(result.card, request.out_dir)
    for warning in result.warnings:
        say(f"Warning: {warning}")
    if result.failed:
        raise EdgenasError(result.failed)


def _formats(named: Sequence[str], int8: bool | None) -> tuple[str, ...]:
    """--format and --int8 together: int8 where nothing else is named."""
    if int8 is False and "int8" in named:
        raise UsageError("--no-int8 and --format int8 exclude each other. Leave out one of them.")
    wanted = int8 if int8 is not None else not named
    return tuple(dict.fromkeys((*(["int8"] if wanted else []), *named)))


def _heads(pairs: Sequence[str]) -> dict[str, str]:
    heads: dict[str, str] = {}
    for pair in pairs:
        task, equals, form = pair.partition("=")
        if not (task and equals and form) or task in heads:
            raise UsageError(
                f"Invalid value for --head. Expected TASK=FORM, once per task, e.g. segmentation=argmax-low. "
                f"Received {pair!r}."
            )
        heads[task] = form
    return heads
