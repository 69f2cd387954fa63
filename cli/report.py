"""`edgenas report`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenas.cli.options import json_option, run_argument
from edgenas.cli.output import print_json
from edgenas.report import write_report
from edgenas.workflow.runs import newest_run

__all__ = ["command"]


@click.command(name="report")
@run_argument
@click.option("--out", type=click.Path(path_type=Path), help="File to write; RUN/report.html without it.")
@json_option
def command(run: Path | None, out: Path | None, as_json: bool) -> None:
    """Write one self-contained HTML page about RUN (the newest run without it).

    \b
    Examples:
      edgenas report
      edgenas report runs/001 --out page.html
    """
    path = write_report(run or newest_run(), out)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(f"Report: {path}")
