"""`benchmarks/measured.toml`: every figure of the documents with the command that makes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["BEGIN", "END", "read_measured", "readme_table", "rows_table", "with_table"]

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def read_measured(root: Path) -> dict[str, Any]:
    """The file: `machine`, and groups of rows."""
    with (root / "benchmarks" / "measured.toml").open("rb") as file:
        return tomllib.load(file)


def rows_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table of rows."""
    lines = [f"| {_cell(row['what'])} | {_cell(row['value'])} | {_cell(row['command'])} |" for row in rows]
    return "\n".join(["| what | value | command |", "|---|---|---|", *lines]) + "\n"


def readme_table(measured: Mapping[str, Any]) -> str:
    """The rows that the README shows."""
    return rows_table(row for group in measured["group"] for row in group["row"] if row.get("readme") is True)


def with_table(text: str, table: str) -> str:
    """`text` with `table` between the two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The text lacks the marks {BEGIN} and {END}.")
    return f"{before}{begin}\n{table}{end}{after}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
