"""edgenas's own table of public measurements: one row per network and device, graphs by reference.

Beside `<stem>.csv` stands `<stem>.graphs.jsonl`: the notes of each column, and each graph that no reference names.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.checks import (
    CsvTable,
    latency_of,
    non_negative_of,
    read_csv,
    read_text,
    require_columns,
)
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.graph_file import from_dict, graph_key, to_dict
from edgenas.latency_models.tables.references import graph_of_reference, is_reference, reference_of
from edgenas.storage import write_text_atomic

__all__ = ["COLUMNS", "graphs_path", "read_table_file", "write_table"]

COLUMNS = (
    "column", "configuration", "name", "family", "graph", "latency_ms", "spread_ms", "failed", "source", "licence",
    "commit",
)  # fmt: skip
_SEPARATOR = "|"


def graphs_path(path: Path) -> Path:
    """The file of graphs and notes beside a table."""
    return path.with_name(f"{path.stem}.graphs.jsonl")


def write_table(columns: Iterable[MeasuredColumn], path: Path) -> None:
    """Writes columns so that `read_table_file` gives them again; both files are replaced in one step each.

    Raises:
        UsageError: two columns have one name.
        EdgenasError: the folder cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    keys: dict[int, str] = {}
    graphs: dict[str, dict[str, Any]] = {}
    records: list[dict[str, Any]] = []
    names: set[str] = set()
    kept_alive = []  # `keys` goes by identity.
    for column in columns:
        if column.name in names:
            raise UsageError(f"The column {column.name!r} is there twice. Import the tables into two files.")
        names.add(column.name)
        kept_alive.append(column)
        records.append({"column": column.name, "notes": list(column.notes)})
        device, _, configuration = column.name.partition(_SEPARATOR)
        origin = column.origin
        for i, name in enumerate(column.names):
            graph = column.graphs[i]
            if id(graph) not in keys:
                keys[id(graph)] = _key(name, graph, graphs)
            key = keys[id(graph)]
            latency, spread = float(column.latency_ms[i]), float(column.spread_ms[i])
            failed = math.isnan(latency)
            writer.writerow(
                (
                    device, configuration, name, column.families[i], key, "" if failed else repr(latency),
                    "" if math.isnan(spread) else repr(spread), int(failed), origin.source, origin.licence,
                    origin.commit,
                )
            )  # fmt: skip
    records.extend({"key": key, "graph": values} for key, values in graphs.items())
    lines = (json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n" for record in records)
    # The graphs first: a table is never without them.
    write_text_atomic(graphs_path(path), "".join(lines))
    write_text_atomic(path, text.getvalue())


def _key(name: str, graph: OpGraph, graphs: dict[str, dict[str, Any]]) -> str:
    reference = reference_of(name, graph)
    if reference:
        return reference
    values = to_dict(graph)
    key = graph_key(values)
    graphs.setdefault(key, values)
    return key


def read_table_file(path: Path, *, only: Container[str] | None = None) -> list[MeasuredColumn]:
    """Reads a table of `write_table`.

    Args:
        path: the CSV file; graphs that it does not name by reference stand in `graphs_path(path)`.
        only: names of the columns to read; all by default.

    Raises:
        UsageError: a file is malformed, or a graph is missing.
    """
    table = read_csv(path)
    require_columns(table, COLUMNS, "edgenas")
    cells = {name: table.column(name) for name in COLUMNS}
    rows_of: dict[str, list[int]] = {}
    for row, (device, configuration) in enumerate(zip(cells["column"], cells["configuration"], strict=True)):
        name = f"{device}{_SEPARATOR}{configuration}" if configuration else device
        if only is None or name in only:
            rows_of.setdefault(name, []).append(row)
    stored, notes = _read_graphs(path)
    graphs: dict[str, OpGraph] = {}
    for rows in rows_of.values():
        for row in rows:
            key = cells["graph"][row]
            if key not in graphs:
                graphs[key] = _graph(table, row, key, stored)
    return [_column(table, cells, name, rows, graphs, notes.get(name, ())) for name, rows in rows_of.items()]


def _read_graphs(path: Path) -> tuple[dict[str, OpGraph], dict[str, tuple[str, ...]]]:
    beside = graphs_path(path)
    graphs: dict[str, OpGraph] = {}
    notes: dict[str, tuple[str, ...]] = {}
    if not beside.exists():
        return graphs, notes
    for number, line in enumerate(read_text(beside).splitlines(), 1):
        try:
            record = json.loads(line)
            if "graph" in record:
                graphs[str(record["key"])] = from_dict(record["graph"])
            else:
                notes[str(record["column"])] = tuple(str(note) for note in record["notes"])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{beside}, line {number}: no graph of this table ({type(error).__name__}: {error}). "
                "Import the table again with `edgenas latency import`."
            ) from error
    return graphs, notes


def _graph(table: CsvTable, row: int, key: str, stored: dict[str, OpGraph]) -> OpGraph:
    if is_reference(key):
        try:
            return graph_of_reference(key)
        except UsageError as error:
            raise UsageError(f"{table.path}, line {table.lines[row]}, column 'graph': {error}") from error
    if key not in stored:
        raise UsageError(
            f"{table.path}, line {table.lines[row]}, column 'graph': the graph {key!r} is not in "
            f"{graphs_path(table.path)}. Copy that file beside the table, or import the table again."
        )
    return stored[key]


def _column(
    table: CsvTable,
    cells: dict[str, list[str]],
    name: str,
    rows: list[int],
    graphs: dict[str, OpGraph],
    notes: tuple[str, ...],
) -> MeasuredColumn:
    latencies, spreads = [], []
    for row in rows:
        failed = cells["failed"][row] == "1"
        value = math.nan if failed else latency_of(table, row, "latency_ms", cells["latency_ms"][row])
        if value is None:
            raise UsageError(
                f"{table.path}, line {table.lines[row]}, column 'latency_ms': expected a latency, or 1 in the column "
                "'failed' for a network that would not run. Remove the row if nothing was measured."
            )
        latencies.append(value)
        spreads.append(non_negative_of(table, row, "spread_ms", cells["spread_ms"][row]))
    first = rows[0]
    return MeasuredColumn(
        name=name,
        names=tuple(cells["name"][row] for row in rows),
        families=tuple(cells["family"][row] for row in rows),
        graphs=tuple(graphs[cells["graph"][row]] for row in rows),
        latency_ms=np.array(latencies, np.float64),
        spread_ms=np.array(spreads, np.float64),
        rows=tuple(table.lines[row] for row in rows),
        origin=Origin(cells["source"][first], cells["licence"][first], cells["commit"][first]),
        notes=notes,
    )
