"""What commands print: results to stdout, as text or as one JSON value; everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

__all__ = ["format_ms", "metrics_table", "print_json", "print_table", "progress", "say"]


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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; columns of numbers are right-aligned."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify=_justify(i, rows))
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _justify(column: int, rows: Sequence[Sequence[str]]) -> Any:
    """Numbers stand at the right, words at the left."""
    numeric = column > 0 and all(row[column][:1] in "-+.0123456789" for row in rows)
    return "right" if numeric else "left"


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
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(table_column=Column(min_width=5)),
            TimeRemainingColumn(),
            TextColumn("{task.fields[remark]}", table_column=Column(no_wrap=True)),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
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
