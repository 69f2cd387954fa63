"""Reading of the releases' CSV files: what is missing, malformed or out of range is named by file, line and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgenas.errors import UsageError
from edgenas.storage import read_file

__all__ = [
    "NOT_MEASURED",
    "CsvTable",
    "column_notes",
    "latency_of",
    "non_negative_of",
    "read_csv",
    "read_text",
    "require_columns",
    "unique_rows",
]

NOT_MEASURED = frozenset({"", "nan", "na", "n/a", "none", "null", "-"})
"""Cells, in lower case, that say that nothing was measured."""

_MAX_SHOWN = 12
_MAX_FIELD = 1 << 20
_MOST_BYTES = 1 << 30  # The largest release has 2 MB.


@dataclass(frozen=True)
class CsvTable:
    """The rows of a CSV file.

    Attributes:
        path: the file.
        header: names of the columns.
        rows: cells of each row, as many as the header has.
        lines: line number of each row, the header being line 1 of the file where no comment precedes it.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def index(self, column: str) -> int:
        """Place of a column that `require_columns` has found."""
        return self.header.index(column)

    def column(self, name: str) -> list[str]:
        """Cells of one column."""
        place = self.index(name)
        return [row[place] for row in self.rows]


def read_text(path: Path) -> str:
    """Reads a text file; a byte order mark is dropped.

    Raises:
        UsageError: the file is missing, a folder, empty or no UTF-8 text.
    """
    data = read_file(path, most_bytes=_MOST_BYTES)
    if not data.strip():
        raise UsageError(f"{path} is empty. Download or copy it again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is no text file: byte {error.start} is 0x{data[error.start]:02x}, which is not UTF-8. Expected a "
            "table as comma-separated text. If it is an archive, unpack it first; if a spreadsheet, export it as CSV."
        ) from error
    if "\0" in text:
        raise UsageError(f"{path} is no text file: it holds zero bytes. Expected comma-separated text.")
    return text


def read_csv(path: Path, *, comments: bool = False) -> CsvTable:
    """Reads a CSV file with one header row; CRLF and a byte order mark are accepted, blank lines are skipped.

    Args:
        path: the file.
        comments: lines before the header that begin with "#" are skipped.

    Raises:
        UsageError: the file cannot be read, has no rows, names a column twice or has a row of another length.
    """
    text = read_text(path)
    skipped = 0
    if comments:
        lines = text.splitlines(keepends=True)
        while skipped < len(lines) and lines[skipped].startswith("#"):
            skipped += 1
        text = "".join(lines[skipped:])
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    header: tuple[str, ...] = ()
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = tuple(cell.strip() for cell in cells)
                continue
            if len(cells) != len(header):
                raise UsageError(
                    f"{path}, line {reader.line_num + skipped}: expected {len(header)} cells as in the header, got "
                    f"{len(cells)}. The file may be cut short; download or copy it again."
                )
            rows.append(tuple(cells))
            numbers.append(reader.line_num + skipped)
    except csv.Error as error:
        raise UsageError(
            f"{path}, line {reader.line_num + skipped}: not comma-separated text: {error}."
        ) from error
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise UsageError(
            f"{path}: the header names a column twice: {', '.join(map(repr, doubled))}. Remove one of them."
        )
    if not rows:
        raise UsageError(f"{path} has a header but no rows. Download or copy it again.")
    return CsvTable(path, header, tuple(rows), tuple(numbers))


def require_columns(table: CsvTable, columns: Sequence[str], format_name: str) -> None:
    """Refuses a table that lacks a column.

    Raises:
        UsageError: names the columns missing and those found.
    """
    missing = [name for name in columns if name not in table.header]
    if missing:
        found = ", ".join(repr(name) for name in table.header[:_MAX_SHOWN])
        more = f" and {len(table.header) - _MAX_SHOWN} more" if len(table.header) > _MAX_SHOWN else ""
        raise UsageError(
            f"{table.path} is no table of the format {format_name!r}: expected the column "
            f"{', '.join(map(repr, missing))}, found {found}{more}. Check the format, or rename the column."
        )


def latency_of(table: CsvTable, row: int, column: str, text: str, *, failed: str = "") -> float | None:
    """One measured latency in the table's unit.

    Args:
        table: where it stands, for messages.
        row: index of the row.
        column: name of the column.
        text: the cell.
        failed: value that says that the network would not run, e.g. "-1"; "" if the format has none.

    Returns:
        The latency, NaN where the network failed, `None` where nothing was measured.

    Raises:
        UsageError: the cell is no number, infinite, zero or negative.
    """
    try:
        value = float(text)
    except ValueError:
        if text.strip().lower() in NOT_MEASURED:
            return None
        raise _bad_cell(table, row, column, text, "a latency") from None
    if value > 0 and value != math.inf:
        return value
    if math.isnan(value):
        return None
    if failed and value == float(failed):
        return math.nan
    meaning = f", or {failed} for a network that would not run" if failed else ""
    raise _bad_cell(table, row, column, text, f"a latency above 0{meaning}")


def non_negative_of(table: CsvTable, row: int, column: str, text: str) -> float:
    """One finite number of at least 0, NaN where the cell says that nothing was measured.

    Raises:
        UsageError: the cell is no such number.
    """
    if text.strip().lower() in NOT_MEASURED:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < math.inf:
        raise _bad_cell(table, row, column, text, "a number of at least 0")
    return value


def _bad_cell(table: CsvTable, row: int, column: str, text: str, expected: str) -> UsageError:
    return UsageError(
        f"{table.path}, line {table.lines[row]}, column {column!r}: expected {expected}, got {text!r}. "
        "Correct the cell, or empty it if nothing was measured."
    )


def unique_rows(names: Iterable[str]) -> tuple[list[int], int]:
    """Indices of the first row of each name, and how many later rows repeat one."""
    first: dict[str, int] = {}
    count = 0
    for row, name in enumerate(names):
        first.setdefault(name, row)
        count += 1
    return list(first.values()), count - len(first)


def column_notes(
    latency_ms: npt.NDArray[np.float64], not_measured: int, repeated: int = 0
) -> tuple[str, ...]:
    """Sentences on what a column leaves out of its table."""
    notes = []
    if not_measured:
        notes.append(f"{_rows(not_measured)} left out: not measured.")
    if repeated:
        notes.append(f"{_rows(repeated)} left out: the network stands in an earlier row.")
    failed = int(np.isnan(latency_ms).sum())
    if failed:
        notes.append(f"{failed} of {len(latency_ms)} networks would not compile or run.")
    return tuple(notes)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"
