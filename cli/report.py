"""`edgenas report`."""

from __future__ import annotations

from pathlib import Path

import click

from edgenas.cli.completions import run_folders
from edgenas.cli.options import json_option
from edgenas.cli.output import print_json, say
from edgenas.errors import UsageError
from edgenas.report import write_comparison, write_report
from edgenas.workflow.runs import newest_run

__all__ = ["command"]


@click.command(name="report")
@click.argument(
    "runs", nargs=-1, metavar="[RUN]...", type=click.Path(path_type=Path), shell_complete=run_folders
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File to write; without it RUN/report.html, and comparison.html for several runs.",
)
@click.option("--serve", "served", is_flag=True, help="Follow the run in a browser of this machine instead.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of --serve on 127.0.0.1; a free one without it."
)
@json_option
def command(runs: tuple[Path, ...], out: Path | None, served: bool, port: int | None, as_json: bool) -> None:
    """Write one self-contained HTML page about RUN (the newest run without it), or about several side by side.

    \b
    Examples:
      edgenas report
      edgenas report runs/001 --out page.html
      edgenas report runs/001 runs/002 --out comparison.html
      edgenas report runs/001 --serve
    """
    if served:
        _serve(runs, out, port or 0, as_json)
        return
    if port is not None:
        raise UsageError("--port is for --serve. Add --serve, or leave --port out.")
    path = (
        write_comparison(runs, out) if len(runs) > 1 else write_report(runs[0] if runs else newest_run(), out)
    )
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
    else:
        click.echo(f"Report: {path}")


def _serve(runs: tuple[Path, ...], out: Path | None, port: int, as_json: bool) -> None:
    if len(runs) > 1:
        raise UsageError(f"--serve follows one run. Got {len(runs)}: {', '.join(map(str, runs))}.")
    if out is not None:
        raise UsageError("--serve writes no file. Leave out --out, or --serve.")
    from edgenas.report.live import LiveReport
    from edgenas.report.serve import serve

    run = runs[0] if runs else newest_run()

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url, "run": str(run)})
        else:
            click.echo(f"Report of {run}: {url}")
        say("Ctrl-C ends it.")

    serve(LiveReport(run), port, ready)
