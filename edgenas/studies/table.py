"""`Table`: one table of a study, as Markdown, CSV and cells of text."""

from __future__ import annotations

from dataclasses import dataclass

from edgenas.studies.bootstrap import Estimate
from edgenas.text_tables import csv_text, markdown_table

__all__ = ["Cell", "Table", "cell_text"]

Cell = str | int | float | Estimate | None


@dataclass(frozen=True)
class Table:
    """A table whose cells may be estimates.

    Attributes:
        title: what it shows.
        columns: titles of the columns.
        rows: cells row by row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def text_rows(self) -> list[list[str]]:
        """Every cell as text; estimates with their interval in parentheses."""
        percent = [column.endswith("%") for column in self.columns]
        return [
            [cell_text(cell, percent=p) for cell, p in zip(row, percent, strict=True)] for row in self.rows
        ]

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown."""
        return markdown_table(self.columns, self.text_rows())

    def to_csv(self) -> str:
        """Full precision; a column of estimates becomes three: NAME, NAME low and NAME high."""
        wide = [any(isinstance(row[i], Estimate) for row in self.rows) for i in range(len(self.columns))]
        names = [[c, f"{c} low", f"{c} high"] if w else [c] for c, w in zip(self.columns, wide, strict=True)]
        lines: list[list[Cell]] = [[name for group in names for name in group]]
        for row in self.rows:
            cells = [_three(cell) if w else [cell] for cell, w in zip(row, wide, strict=True)]
            lines.append([cell for group in cells for cell in group])
        return csv_text(lines)


def cell_text(cell: Cell, *, percent: bool = False) -> str:
    """A cell with three significant digits, percent with a sign and one decimal; a dash where there is nothing."""
    if isinstance(cell, Estimate):
        value, *ends = (cell_text(number, percent=percent) for number in (cell.value, cell.low, cell.high))
        return value if "-" in ends else f"{value} ({ends[0]} to {ends[1]})"
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:+.1f}" if percent else f"{cell:.3g}"


def _three(cell: Cell) -> list[Cell]:
    return [cell.value, cell.low, cell.high] if isinstance(cell, Estimate) else [cell, None, None]
