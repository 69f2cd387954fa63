"""`edgenas latency`: import public latency tables, fit predictors, test them, adapt them to new devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgenas.cli.completions import device_names
from edgenas.cli.lazy_group import NamedGroup
from edgenas.cli.options import json_option, predictor_option
from edgenas.cli.output import print_json, print_table, say
from edgenas.errors import UsageError
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.read import FORMATS, LOG_FORMATS, read_columns

__all__ = ["command"]

_FIGURES = (
    ("rows", "rows", "{:d}"),
    ("MAPE %", "mape_percent", "{:.2f}"),
    ("RMSPE %", "rmspe_percent", "{:.2f}"),
    ("within 5%", "within_5_percent", "{:.1f}"),
    ("within 10%", "within_10_percent", "{:.1f}"),
    ("Spearman", "spearman", "{:.3f}"),
    ("in interval %", "coverage_percent", "{:.1f}"),
)

_format_option = click.option(
    "--format", "format_", required=True, type=click.Choice(FORMATS), help="Format of the table."
)
_operators_option = click.option(
    "--operators", type=click.Path(path_type=Path), help="Operators of the networks (mobile-ml-benchmark)."
)


@click.group(name="latency", cls=NamedGroup)
def command() -> None:
    """Import latency tables, fit predictors, test them, adapt them to new devices.

    \b
    Examples:
      edgenas latency evaluate edgetpu --table nasbench201_edge.csv --format nasbench201
      edgenas latency adapt --from cortex-a76 --samples mine.csv --format nasbench201 --column myphone_ms --out myphone
    """


@command.command(name="import")
@click.argument("format_", metavar="FORMAT", type=click.Choice((*FORMATS, *LOG_FORMATS)))
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_operators_option
@click.option("--out", type=click.Path(path_type=Path), help="Table to write, .csv; needed but for logs.")
@click.option(
    "--models",
    type=click.Path(path_type=Path),
    help="The .tflite files that logs are of; beside them without it.",
)
@click.option("--column", help="For logs: name of the device in the table.")
@click.option("--allow-partial", is_flag=True, help="Put flagged logs into the table too.")
@json_option
def import_command(
    format_: str,
    files: tuple[Path, ...],
    operators: Path | None,
    out: Path | None,
    models: Path | None,
    column: str | None,
    allow_partial: bool,
    as_json: bool,
) -> None:
    """Read public releases as they are, or logs of benchmark tools, into one table of ours (format "edgenas").

    Logs (benchmark-model: stdout, CSV and protos; litert-benchmark; edgetpu-compiler) are shown with everything that
    was read, and what is wrong with them; --out writes their latencies with the networks of --models.

    \b
    Examples:
      edgenas latency import nasbench201 nasbench201_edge.csv --out measurements.csv
      edgenas latency import mobile-ml-benchmark e2e.csv --operators ops.csv --out phones.csv --json
      edgenas latency import benchmark-model phone/*.txt --models models --column myphone --out myphone.csv
      edgenas latency import edgetpu-compiler model_edgetpu.log --json
    """
    if format_ in LOG_FORMATS:
        if operators is not None:
            raise UsageError("Logs have no file of operators. Leave out --operators.")
        _import_logs(format_, files, out, models, column, allow_partial, as_json)
        return
    if models is not None or column is not None or allow_partial:
        raise UsageError(f"--models, --column and --allow-partial are for logs ({', '.join(LOG_FORMATS)}).")
    if out is None:
        raise UsageError("Missing option '--out': name the table to write, e.g. --out measurements.csv.")
    from edgenas.latency_models.tables.store import write_table

    columns = read_columns(format_, files, operators=operators)
    write_table(columns, out)
    _tell_notes(columns)
    if as_json:
        print_json([
            {"column": c.name, "networks": len(c), "failed": int(c.failed.sum()), "notes": list(c.notes)}
            for c in columns
        ])  # fmt: skip
        return
    click.echo(f"{out}: {len(columns)} columns, {sum(len(c) for c in columns)} measurements")


def _import_logs(
    format_: str,
    files: tuple[Path, ...],
    out: Path | None,
    models: Path | None,
    column: str | None,
    allow_partial: bool,
    as_json: bool,
) -> None:
    from edgenas.cli.log_tables import print_logs
    from edgenas.latency_models.tables.logs import column_of_logs, read_logs

    if out is None and (models is not None or column is not None or allow_partial):
        raise UsageError(
            "--models, --column and --allow-partial are for a table. Name it with --out FILE.csv."
        )
    if out is not None and format_ == "edgetpu-compiler":
        raise UsageError("A compiler's log holds no latency: there is no table to write. Leave out --out.")
    if out is not None and not column:
        raise UsageError("The table needs the name of the device that the logs are of: --column NAME.")
    records = read_logs(format_, files)
    if as_json:
        print_json([record.to_dict() for record in records])
    else:
        print_logs(records)
    for record in records:
        if record.error:
            say(f"{record.file}: {record.error}")
    if out is not None and column:
        from edgenas.latency_models.tables.store import write_table

        measured = column_of_logs(records, column, models=models, allow_partial=allow_partial, tell=say)
        write_table([measured], out)
        _tell_notes([measured])
        say(f"{out}: {len(measured)} networks measured on {column}")
    if any(record.error for record in records):
        click.get_current_context().exit(1)


@command.command(name="evaluate")
@click.argument("device", required=False)
@click.option("--table", "tables", required=True, multiple=True, type=click.Path(path_type=Path))
@_format_option
@_operators_option
@click.option("--device", "device_option", help="Only this device or column of the table.")
@predictor_option
@json_option
def evaluate_command(
    device: str | None,
    tables: tuple[Path, ...],
    format_: str,
    operators: Path | None,
    device_option: str | None,
    predictor: Path | None,
    as_json: bool,
) -> None:
    """Compare the measurements of a table with predictions, column by column.

    A column is compared with the predictor of the configuration that a device file names it for, or with --predictor.

    \b
    Examples:
      edgenas latency evaluate --table nasbench201_edge.csv --format nasbench201 --json
      edgenas latency evaluate pixel4 --table e2e.csv --operators ops.csv --format mobile-ml-benchmark
    """
    from edgenas.latency_models.evaluate_tables import evaluate_tables

    if device and device_option and device != device_option:
        raise UsageError(f"Two devices are named: {device!r} and --device {device_option!r}. Name one.")
    results = evaluate_tables(
        format_,
        tables,
        operators=operators,
        wanted=device or device_option,
        predictor_dir=predictor,
        tell=say,
    )
    if as_json:
        print_json(results)
        return
    print_table(
        "predicted against measured",
        ("column", "predictor", *(title for title, _, _ in _FIGURES)),
        [(r["device"], r["configuration"], *_figures(r)) for r in results],
    )
    for result in results:
        if "failing" in result:
            f = result["failing"]
            click.echo(
                f"{result['device']}: {f['failed']} networks failed there; told {f['told']}, "
                f"precision {f['precision']:.3f}, recall {f['recall']:.3f}, F1 {f['f1']:.3f}"
            )
        for worst in result.get("worst", [])[:3]:
            click.echo(
                f"  {result['device']}, worst: {worst['name']}: measured {worst['measured_ms']:.3g} ms, "
                f"predicted {worst['predicted_ms']:.3g} ms"
            )


@command.command(name="fit")
@click.argument("device")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the public tables.")
@click.option(
    "--table", "tables", multiple=True, type=click.Path(path_type=Path), help="A table of your own."
)
@click.option("--format", "format_", default="edgenas", type=click.Choice(FORMATS), show_default=True)
@_operators_option
@click.option("--column", help="Column of the table; needed where it has several.")
@click.option("--configuration", default="measured", show_default=True, help="Name for a table of your own.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the predictors; the user's without it."
)
@click.option("--readme", type=click.Path(path_type=Path), help="File whose accuracy table is written anew.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@json_option
def fit_command(as_json: bool, **options: Any) -> None:
    """Fit the predictor of DEVICE (or all) from public tables, or of a new device from a table of your own.

    \b
    Examples:
      edgenas latency fit all --data ../shared/data/latency --out latency_models/trained
      edgenas latency fit myphone --table measurements.csv --format nasbench201 --column myphone_ms
    """
    from edgenas.latency_models.fit_devices import fit_devices

    rows: list[dict[str, Any]] = []
    for device, configuration, folder, card in fit_devices(**options):
        rows.append({"device": device, "configuration": configuration, "folder": str(folder), "card": card})
        say(f"{device}/{configuration}: MAPE {card['mape_percent']:.2f}% on {card['rows']} rows held out")
    if as_json:
        print_json(rows)
        return
    print_table(
        "held-out accuracy",
        ("predictor", *(title for title, _, _ in _FIGURES)),
        [(f"{r['device']}/{r['configuration']}", *_figures(r["card"])) for r in rows],
    )


@command.command(name="adapt")
@click.option(
    "--from",
    "source",
    required=True,
    shell_complete=device_names,
    help="Device whose predictor is adapted.",
)
@click.option("--source-configuration", help="Configuration of that device; its default without it.")
@click.option(
    "--samples", required=True, type=click.Path(path_type=Path), help="Measurements of the new device."
)
@_format_option
@_operators_option
@click.option("--column", help="Column of the samples, e.g. myphone_ms; needed where there are several.")
@click.option("--name", help="Name of the new device; the column's without it.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new predictor.")
@click.option("--suggest", type=click.IntRange(1), help="How many networks to suggest for measuring next.")
@click.option("--candidates", type=click.Path(path_type=Path), help="Table that the suggestions come from.")
@json_option
def adapt_command(as_json: bool, **options: Any) -> None:
    """Make a predictor for a new device from 5 to 50 measurements and the predictor of another.

    \b
    Examples:
      edgenas latency adapt --from cortex-a76 --samples ten.csv --format nasbench201 --column mine_ms --out mine
      edgenas latency adapt --from pixel4 --samples ten.csv --format nasbench201 --column mine_ms --out mine --json
    """
    from edgenas.latency_models.adapt_table import adapt_from_table

    result = adapt_from_table(tell=say, **options)
    if as_json:
        print_json(result)
        return
    card = result["card"]
    click.echo(
        f"{result['folder']}: predictor of {card['device']}, adapted from {card['adapted_from']} with {card['rows']} "
        f"measurements; leave-one-out MAPE {card['mape_percent']:.1f}%"
    )
    for name in result["measure_next"]:
        click.echo(f"  measure next: {name}")


def _figures(result: dict[str, Any]) -> list[str]:
    return [
        text.format(result[key]) if isinstance(result.get(key), int | float) else "-"
        for _, key, text in _FIGURES
    ]


def _tell_notes(columns: list[MeasuredColumn]) -> None:
    for note in dict.fromkeys(f"{c.name}: {note}" for c in columns for note in c.notes):
        say(note)
