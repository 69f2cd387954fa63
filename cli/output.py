"""What commands print: results to stdout, as text or as one JSON value; everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from edgenas.text_tables import aligned_table, is_numeric

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "format_ms",
    "format_seconds",
    "live_console",
    "metrics_table",
    "print_json",
    "print_table",
    "progress",
    "say",
]


def say(text: str) -> None:
    """A remark on stderr."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """One JSON value on stdout.

    Raises:
        ValueError: NaN or infinity, which JSON does not have.
    """
    click.echo(json.dumps(value, indent=1, allow_nan=False))


def format_ms(value: float | None) -> str:
    """Milliseconds with three significant digits, a dash where there is none."""
    return "-" if value is None else f"{value:.3g} ms"


def format_seconds(value: float) -> str:
    """A duration in the two units that matter: 31 s, 14 min, 3 h 20 min, 2 d 4 h."""
    seconds = max(0, round(value))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"


def live_console() -> Console | None:
    """The terminal at stderr where it can show what moves; None for files, pipes and dumb terminals."""
    if not sys.stderr.isatty():
        return None
    from rich.console import Console

    console = Console(stderr=True)
    return None if console.is_dumb_terminal else console


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout: drawn on a terminal, in its width and with its colours; plain aligned text elsewhere.

    Args:
        title: line above it, "" for none.
        columns: headings.
        rows: cells, as many as there are headings; columns of numbers are right-aligned.
    """
    if not sys.stdout.isatty():
        click.echo((f"{title}\n" if title else "") + aligned_table(columns, rows), nl=False)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if is_numeric(number, rows) else "left")
    for row in rows:
        table.add_row(*row)
    # What stands in a cell is a name or a number, never markup: a class may be called [wall].
    Console(markup=False, emoji=False, highlight=False).print(table)


def metrics_table(title: str, columns: dict[str, dict[str, dict[str, float | None]]]) -> None:
    """Metrics of several networks side by side: {column: {task: {metric: value}}}."""
    names: dict[str, None] = {}
    for metrics in columns.values():
        for task, values in metrics.items():
            names.update({f"{task}.{metric}": None for metric in values})
    rows = []
    for name in names:
        task, metric = name.split(".", 1)
        cells = [metrics.get(task, {}).get(metric) for metrics in columns.values()]
        rows.append([f"{task} {metric}", *("-" if c is None else f"{c:.4g}" for c in cells)])
    print_table(title, ["", *columns], rows)


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[float, float, str], None]]:
    """Progress on stderr: a live bar on a terminal, a plain line every tenth of the way elsewhere.

    Yields a function (done, total, remark).
    """
    console = live_console()
    if console is not None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(table_column=Column(min_width=5)),
            TimeRemainingColumn(),
            TextColumn("{task.fields[remark]}", table_column=Column(no_wrap=True)),
        )
        with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
            task = bar.add_task(label, total=None, remark="")
            yield lambda done, total, remark: bar.update(task, completed=done, total=total, remark=remark)
        return
    reported = [-1]

    def plain(done: float, total: float, remark: str) -> None:
        tenth = int(10 * done / total) if total else 0
        if tenth != reported[0]:
            reported[0] = tenth
            say(f"{label}: {done:.0f}/{total:.0f} {remark}".rstrip())

    yield plain
