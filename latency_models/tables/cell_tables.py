"""Tables with one row per network, `arch_str`, and one column of milliseconds per device."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path

import numpy as np

from edgenas.errors import UsageError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.checks import (
    CsvTable,
    column_notes,
    latency_of,
    read_csv,
    require_columns,
    unique_rows,
)
from edgenas.latency_models.tables.column import MeasuredColumn, Origin

__all__ = ["Treatment", "read_cell_table"]

_UNIT = "_ms"
_KEY = "arch_str"

GraphOf = Callable[[str], OpGraph]


class Treatment:
    """How the networks of one column were run.

    Attributes:
        graph_of: rebuilds a network from its `arch_str`.
        origin: source of the measurements.
        notes: what a user of the column should know.
    """

    def __init__(self, graph_of: GraphOf, origin: Origin, notes: tuple[str, ...] = ()) -> None:
        self.graph_of = graph_of
        self.origin = origin
        self.notes = notes


def read_cell_table(
    path: Path,
    format_name: str,
    treatment_of: Callable[[str], Treatment],
    family_of: Callable[[str], str],
    *,
    known: Container[str],
    failed: str = "",
    only: Container[str] | None = None,
) -> list[MeasuredColumn]:
    """Reads every device column.

    Args:
        path: the CSV file.
        format_name: name of the format, for messages.
        treatment_of: how the networks of a column (name without unit) were run.
        family_of: family of a network.
        known: columns beside `arch_str` that hold no measurements.
        failed: value that says that a network would not run.
        only: names of the columns to read; all by default.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    table = read_csv(path)
    require_columns(table, (_KEY,), format_name)
    devices = [name for name in table.header if name.endswith(_UNIT)]
    if not devices:
        raise UsageError(
            f"{path} holds no measurements: expected at least one column whose name ends in '{_UNIT}' (milliseconds), "
            f"found {', '.join(map(repr, table.header))}."
        )
    others = [name for name in table.header if name not in devices and name != _KEY and name not in known]
    notes = (f"Columns left out, not in milliseconds: {', '.join(others)}.",) if others else ()
    architectures = [text.strip() for text in table.column(_KEY)]
    kept, repeated = unique_rows(architectures)
    families = {}
    for row in kept:
        try:
            families[row] = family_of(architectures[row])
        except UsageError as error:
            raise UsageError(f"{path}, line {table.lines[row]}, column '{_KEY}': {error}") from error
    columns = []
    for device in devices:
        name = device.removesuffix(_UNIT)
        if only is not None and name not in only:
            continue
        columns.append(
            _column(table, device, architectures, families, treatment_of(name), failed, repeated, notes)
        )
    return columns


def _column(
    table: CsvTable,
    device: str,
    architectures: list[str],
    families: dict[int, str],
    treatment: Treatment,
    failed: str,
    repeated: int,
    notes: tuple[str, ...],
) -> MeasuredColumn:
    place = table.index(device)
    rows, latencies = [], []
    for row in families:
        value = latency_of(table, row, device, table.rows[row][place], failed=failed)
        if value is not None:
            rows.append(row)
            latencies.append(value)
    latency_ms = np.array(latencies, np.float64)
    return MeasuredColumn(
        name=device.removesuffix(_UNIT),
        names=tuple(architectures[row] for row in rows),
        families=tuple(families[row] for row in rows),
        graphs=tuple(treatment.graph_of(architectures[row]) for row in rows),
        latency_ms=latency_ms,
        spread_ms=np.full(len(rows), np.nan),
        rows=tuple(table.lines[row] for row in rows),
        origin=treatment.origin,
        notes=(*treatment.notes, *notes, *column_notes(latency_ms, len(families) - len(rows), repeated)),
    )
