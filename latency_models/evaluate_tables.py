"""Tables against predictors: which predictor is compared with which column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.latency_models.column_map import configuration_of_column
from edgenas.latency_models.predictor_file import read_card, read_predictor
from edgenas.latency_models.registry import find_predictor
from edgenas.latency_models.table_evaluation import evaluate_column
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.read import read_columns

__all__ = ["column_name", "evaluate_tables", "select_column"]

_UNIT = "_ms"
_MOST_NAMED = 3


def column_name(text: str) -> str:
    """Name of a column without its unit."""
    return text.removesuffix(_UNIT)


def evaluate_tables(
    format: str,
    tables: Sequence[Path],
    *,
    operators: Path | None = None,
    wanted: str | None = None,
    predictor_dir: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """Evaluates every column for which there is a predictor.

    Args:
        format: format of the tables.
        tables: files.
        operators: operators of the networks, for the format that needs them.
        wanted: a column of the table, or a device; all by default.
        predictor_dir: predictor to use; then the column that it was made from is evaluated, or the only one.
        tell: is told what is left out.

    Returns:
        One result of `table_evaluation.evaluate_column` per column.

    Raises:
        UsageError: no column can be evaluated, or a table is malformed.
    """
    if predictor_dir is not None:
        predictor = read_predictor(predictor_dir)
        card = read_card(predictor_dir)
        columns = read_columns(format, tables, operators=operators, dead_parts=card.get("dead_parts"))
        wanted = wanted or _own_column(card, columns)
        found = [evaluate_column(select_column(columns, wanted), predictor)]
        _tell_notes(found, tell)
        return found
    found = []
    columns = read_columns(format, tables, operators=operators, only=_Wanted(format, wanted, tell))
    for column in columns:
        pair = configuration_of_column(format, column.name)
        if pair is None:
            continue
        try:
            predictor = find_predictor(pair[0], configuration=pair[1])
        except UsageError as error:
            tell(f"{column.name}: left out. {error}")
            continue
        found.append(evaluate_column(column, predictor))
    _tell_notes(found, tell)
    if not found:
        what = f" called {wanted!r}" if wanted else ""
        raise UsageError(
            f"None of the columns of {', '.join(map(str, tables))} has a predictor{what}. "
            "Adapt one (edgenas latency adapt --help) and hand it in with --predictor FOLDER, or see: edgenas devices"
        )
    return found


class _Wanted:
    """Names of the columns to read: those that some device file names, and that are asked for."""

    def __init__(self, format: str, wanted: str | None, tell: Callable[[str], None]) -> None:
        self._format, self._wanted, self._tell = format, wanted, tell

    def __contains__(self, name: object) -> bool:
        pair = configuration_of_column(self._format, str(name))
        if pair is None:
            if self._wanted is None or column_name(self._wanted) == name:
                self._tell(f"{name}: left out, no device file names this column.")
            return False
        return self._wanted is None or self._wanted in (name, *pair, "/".join(pair), f"{name}{_UNIT}")


def _own_column(card: dict[str, Any], columns: Sequence[MeasuredColumn]) -> str | None:
    names = [column.name for column in columns]
    for key in ("column", "device"):
        if card.get(key) in names:
            return str(card[key])
    return None


def select_column(columns: Sequence[MeasuredColumn], name: str | None) -> MeasuredColumn:
    """The column of that name (with or without its unit), or the only one.

    Raises:
        UsageError: there is none, or there are several and none is named.
    """
    names = [column.name for column in columns]
    if name is None:
        if len(columns) == 1:
            return columns[0]
        raise UsageError(
            f"The table has several columns: {', '.join(names)}. Name one with --column or --device."
        )
    for column in columns:
        if column.name == column_name(name):
            return column
    from edgenas.errors import unknown_name

    raise unknown_name("column", name, names)


def _tell_notes(results: Sequence[dict[str, Any]], tell: Callable[[str], None]) -> None:
    """Says each note once, with the columns that it is about."""
    about: dict[str, list[str]] = {}
    for result in results:
        for note in result["notes"]:
            about.setdefault(note, []).append(result["device"])
    for note, columns in about.items():
        whose = ", ".join(columns) if len(columns) <= _MOST_NAMED else f"{len(columns)} columns"
        tell(f"{whose}: {note}")
