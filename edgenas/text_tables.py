"""Tables as text: CSV and GitHub's Markdown for other programs, aligned columns for pipes and logs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["aligned_table", "csv_text", "is_numeric", "markdown_table"]


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, the titles of the columns first; None is an empty cell."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of GitHub's Markdown."""
    lines = [list(columns), ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def aligned_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in columns two spaces apart, columns of numbers at the right; nothing is cut, wrapped or coloured."""
    from rich.cells import cell_len

    lines = [list(columns), *(list(row) for row in rows)]
    widths = [max(map(cell_len, cells)) for cells in zip(*lines, strict=True)]
    right = [is_numeric(number, rows) for number in range(len(columns))]
    text = []
    for line in lines:
        cells = []
        for cell, width, numeric in zip(line, widths, right, strict=True):
            space = " " * (width - cell_len(cell))
            cells.append(space + cell if numeric else cell + space)
        text.append("  ".join(cells).rstrip())
    return "\n".join(text) + "\n"


def is_numeric(column: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column holds numbers, which stand at the right; the first one names the rows."""
    return column > 0 and all(row[column][:1] in "-+.0123456789" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
