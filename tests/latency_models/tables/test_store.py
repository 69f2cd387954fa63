"""edgenas's own table: what is written is read again, and damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.edgetpu_sweeps import ConvStack, conv_stack_graph
from edgenas.latency_models.tables.fbnet import fbnet_graph
from edgenas.latency_models.tables.graph_file import from_dict, graph_key, to_dict
from edgenas.latency_models.tables.nasbench201 import nasbench201_graph
from edgenas.latency_models.tables.read import read_columns
from edgenas.latency_models.tables.references import graph_of_reference
from edgenas.latency_models.tables.store import graphs_path, read_table_file, write_table

CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
DEAD = "|none~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
BLOCKS = " ".join(["k3_e1_g2", "skip"] * 11)


@pytest.fixture
def columns() -> list[MeasuredColumn]:
    stack = conv_stack_graph(ConvStack(8, 3, 4, 2))
    graphs = (
        nasbench201_graph(CELL, dtype="int8"),
        nasbench201_graph(DEAD, dead="all"),
        fbnet_graph(BLOCKS),
        stack,
    )
    names = (CELL, DEAD, BLOCKS, 'a, "quoted" name')
    return [
        MeasuredColumn(
            name, names, ("f1", "f2", "f3", "f4"), graphs, np.array([1.25, np.nan, 1 / 3, 4e-3]),
            np.array([np.nan, np.nan, 0.5, 0.0]), (2, 3, 4, 5), Origin("here", "MIT", "abc"), ("A note.", "Another."),
        )
        for name in ("pixel4|1large|quant", "edgetpu")
    ]  # fmt: skip


def test_round_trip(tmp_path: Path, columns: list[MeasuredColumn]) -> None:
    path = tmp_path / "table.csv"
    write_table(columns, path)
    for ours, theirs in zip(columns, read_columns("edgenas", [path]), strict=True):
        assert (ours.name, ours.names, ours.families, ours.graphs) == (
            theirs.name,
            theirs.names,
            theirs.families,
            theirs.graphs,
        )
        assert (ours.origin, ours.notes) == (theirs.origin, theirs.notes)
        assert np.array_equal(ours.latency_ms, theirs.latency_ms, equal_nan=True)
        assert np.array_equal(ours.spread_ms, theirs.spread_ms, equal_nan=True)
    assert graphs_path(path).read_text().count('"graph"') == 1
    assert [c.name for c in read_table_file(path, only={"edgetpu"})] == ["edgetpu"]


def test_graphs_as_values(columns: list[MeasuredColumn]) -> None:
    for graph in columns[0].graphs:
        values = to_dict(graph)
        assert from_dict(values) == graph
        assert graph_key(values) == graph_key(to_dict(from_dict(values)))


def test_a_column_twice(tmp_path: Path, columns: list[MeasuredColumn]) -> None:
    with pytest.raises(UsageError, match="'edgetpu' is there twice"):
        write_table([columns[1], columns[1]], tmp_path / "t.csv")


def test_missing_graphs(tmp_path: Path, columns: list[MeasuredColumn]) -> None:
    path = tmp_path / "t.csv"
    write_table(columns, path)
    graphs_path(path).unlink()
    with pytest.raises(
        UsageError, match=r"line 5, column 'graph': the graph .* is not in .*t\.graphs\.jsonl"
    ):
        read_table_file(path)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"key": "a", "graph": {}}',
        '{"key": "a", "graph": {"operators": [{"type": "X", "size": 3}]}}',
        "1",
    ],
)
def test_damaged_graphs(tmp_path: Path, columns: list[MeasuredColumn], line: str) -> None:
    path = tmp_path / "t.csv"
    write_table(columns, path)
    with graphs_path(path).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match=r"t\.graphs\.jsonl, line 4: no graph of this table"):
        read_table_file(path)


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("1.25", "", "line 2, column 'latency_ms': expected a latency, or 1 in the column 'failed'"),
        ("1.25", "-3", "line 2, column 'latency_ms': expected a latency above 0"),
        ("nasbench201:pruned", "nasbench201:sometimes", "column 'graph': Unknown treatment"),
        (",failed,", ",broken,", "expected the column 'failed'"),
    ],
)
def test_damaged_rows(
    tmp_path: Path, columns: list[MeasuredColumn], before: str, after: str, match: str
) -> None:
    path = tmp_path / "t.csv"
    write_table(columns, path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(UsageError, match=match):
        read_table_file(path)


@pytest.mark.parametrize(
    "reference", ["nasbench201:zeros", "fbnet:int4:skip", "elsewhere:x", "nasbench201:zeros:int4:|"]
)
def test_malformed_references(reference: str) -> None:
    with pytest.raises(UsageError, match=r"Not a reference|Unknown element type"):
        graph_of_reference(reference)
