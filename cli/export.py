"""`edgenas export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenas.cli.options import (
    data_options,
    json_option,
    parse_tasks,
    predictor_option,
    refuse_data_options,
    run_argument,
)
from edgenas.cli.output import format_ms, metrics_table, print_json, print_table, say
from edgenas.cli.shipped_lines import shipped_lines
from edgenas.device_profiles.measurement import MEASURED
from edgenas.errors import UsageError
from edgenas.workflow.runs import RunFolder, newest_run

__all__ = ["command"]


@click.command(name="export")
@run_argument
@click.option(
    "--int8/--no-int8", default=True, show_default=True, help="Write the int8 file beside the float32 one."
)
@click.option(
    "--trained", type=click.Path(path_type=Path), help="Folder of `edgenas train --out` instead of a run."
)
@data_options
@click.option(
    "--device", help="Device to predict and measure on; 'none' for none. [default: the run's, else host]"
)
@click.option("--configuration", help="Configuration of the device.")
@predictor_option
@click.option("--calibration-frames", default=128, show_default=True, type=click.IntRange(1))
@click.option("--name", help="Stem of the file names; edgenas_<hash> without it.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files; RUN/export without it.")
@json_option
def command(run: Path | None, trained: Path | None, as_json: bool, **options: Any) -> None:
    """Write verified float32 and int8 .tflite files with a model card.

    Both files are run on real frames and compared with Keras before they get their names; the int8 file is measured
    where the device is at hand, or simulated where the device is a simulation (Ethos-U).

    \b
    Examples:
      edgenas export --int8
      edgenas export runs/001 --name street --device host
    """
    from edgenas.export.request import ExportRequest
    from edgenas.search.config import read_config
    from edgenas.workflow.data import DataRequest, OpenData
    from edgenas.workflow.export import MIN_CALIBRATION_FRAMES, export_trained
    from edgenas.workflow.train import load_trained

    folder, searched_on = None, None
    if trained is None:
        refuse_data_options("--trained FOLDER")
        folder = RunFolder(run or newest_run())
        stored = read_config(folder.root)
        network = load_trained(folder.train)
        searched_on = stored["device"]
        data = OpenData.reopen(stored["data"])
        out = options["out"] or folder.export
    else:
        if run is not None:
            raise UsageError(f"Give either a run or --trained. Received {run} and --trained {trained}.")
        network = load_trained(trained)
        arch = network.architecture
        tasks = parse_tasks(options["tasks"]) or arch.tasks
        data = DataRequest(
            options["data"],
            tasks,
            arch.input_height,
            arch.input_width,
            options["frames"],
            options["validation_frames"],
        ).open()
        out = options["out"] or network.folder
    if options["int8"] and min(options["calibration_frames"], len(data.train)) < MIN_CALIBRATION_FRAMES:
        say(
            f"Warning: fewer than {MIN_CALIBRATION_FRAMES} calibration frames make the int8 scales unreliable."
        )
    wanted = options["device"] or searched_on or "host"
    request = ExportRequest(
        out_dir=out,
        name=options["name"] or f"edgenas_{network.architecture.hash[:8]}",
        formats=("int8",) if options["int8"] else (),
        calibration_frames=options["calibration_frames"],
        device=None if wanted.lower() == "none" else wanted,
        configuration=options["configuration"],
        predictor_dir=options["predictor"],
    )
    result = export_trained(network, data, request, run=folder)
    if as_json:
        print_json({"card": str(result.card_path), "folder": str(out), **result.card})
    else:
        _show(result.card, out)


def _show(card: dict[str, Any], out: Path) -> None:
    metrics_table("Validation", card["metrics"])
    rows = []
    for head, errors in card["head_errors"].items():
        sqnr = errors.get("int8_sqnr_db")
        rows.append([
            head, f"{errors['float32_max_abs']:.2g}",
            "-" if "int8_max_abs" not in errors else f"{errors['int8_max_abs']:.3g}",
            "-" if sqnr is None else f"{sqnr:.1f}",
        ])  # fmt: skip
    print_table("Difference from Keras", ["head", "float32 max", "int8 max", "int8 SQNR dB"], rows)
    latency = card["latency"]
    if latency["device"] is not None:
        interval = latency["predicted_interval_ms"]
        band = f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""
        click.echo(
            f"{latency['file']} on {latency['device']}: predicted {format_ms(latency['predicted_ms'])}{band}, "
            f"{_checked(latency)}"
        )
    for line in shipped_lines(card):
        click.echo(line)
    for kind, file in card["files"].items():
        click.echo(f"{kind}: {out / file['path']} ({file['bytes']} bytes)")
    click.echo(f"Model card: {out / (card['name'] + '.json')}")


def _checked(latency: dict[str, Any]) -> str:
    """The latency on the device with how it came about, or why there is none."""
    source = latency["measured_source"] or MEASURED
    if latency["measured_error"] is not None:
        return f"not {source} ({latency['measured_error']})"
    if latency["measured_ms"] is None:
        return f"not {source}"
    return f"{source} {format_ms(latency['measured_ms'])}"
