"""Rows that can be compared with predictions, and units that are not what the header says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.graph import Operator, OpGraph, Tensor
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.nasbench201 import nasbench201_graph
from edgenas.latency_models.usable import check_unit, depends_on_input, usable_rows

Column = Callable[..., MeasuredColumn]
CONSTANT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|"
PASSED_ON = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"


@pytest.mark.parametrize(("cell", "depends"), [(CONSTANT, False), (PASSED_ON, True)])
@pytest.mark.parametrize("dead", ["pruned", "sums", "zeros"])
def test_cells_that_compute_a_constant(cell: str, depends: bool, dead: str) -> None:
    assert depends_on_input(nasbench201_graph(cell, dead=dead)) is depends


def test_a_network_whose_second_output_depends() -> None:
    t = Tensor((1, 4), "int8")
    operators = (Operator("A", (), (t,)), Operator("B", (t,), (t,)))
    graph = OpGraph(operators, (((), (1,)), ((0,), (2,))), {0: t, 1: t, 2: t}, (0,), (1, 2))
    assert depends_on_input(graph)
    assert not depends_on_input(replace(graph, outputs=(1,)))
    assert depends_on_input(replace(graph, operators=(), wiring=(), outputs=(0,)))


def spoiled(column: MeasuredColumn) -> MeasuredColumn:
    """Rows 0 and 3 failed, rows 1 and 3 compute a constant."""
    constant = nasbench201_graph(CONSTANT, dead="pruned")
    latency = column.latency_ms.copy()
    latency[[0, 3]] = np.nan
    graphs = tuple(constant if i in (1, 3) else g for i, g in enumerate(column.graphs))
    return replace(column, graphs=graphs, latency_ms=latency, notes=("From a table.",))


def test_failures_and_constants_are_counted_and_left_out(cell_column: Column) -> None:
    column = spoiled(cell_column(8, 0))
    usable = usable_rows(column)
    assert (usable.failed, usable.constant) == (2, 1)
    assert usable.column.rows == (4, 6, 7, 8, 9)
    assert usable.notes == (
        "From a table.",
        "2 networks would not compile or run there: left out.",
        "1 networks whose output does not depend on their input: left out.",
    )


def test_nothing_to_leave_out(cell_column: Column) -> None:
    column = cell_column(8, 0)
    usable = usable_rows(column)
    assert usable.column.names == column.names and usable.notes == ()
    none = usable_rows(replace(column, latency_ms=np.full(8, np.nan)))
    assert len(none.column) == 0 and none.failed == 8
    check_unit(none.column)


@pytest.mark.parametrize("factor", [0.02, 1.0, 20.0])
def test_milliseconds_pass(cell_column: Column, factor: float) -> None:
    column = cell_column(30, 0)
    scaled = replace(column, latency_ms=factor * column.latency_ms)
    check_unit(scaled)
    check_unit(scaled, column.latency_ms)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e-6])
@pytest.mark.parametrize("with_predictor", [True, False])
def test_other_units_are_refused(cell_column: Column, factor: float, with_predictor: bool) -> None:
    column = cell_column(30, 0, "phone")
    scaled = replace(column, latency_ms=factor * column.latency_ms)
    text = r"Column 'phone' does not hold milliseconds: its median is .*microseconds: divide by 1000"
    with pytest.raises(UsageError, match=text) as refused:
        check_unit(scaled, column.latency_ms if with_predictor else None)
    reason = "what its predictor expects" if with_predictor else "multiply-accumulates per second"
    assert reason in str(refused.value)


def test_seconds_are_refused_by_the_predictor(cell_column: Column) -> None:
    # Without one they could be a quick accelerator's milliseconds.
    column = cell_column(30, 0)
    with pytest.raises(UsageError, match=r"0\.001 times what its predictor expects"):
        check_unit(replace(column, latency_ms=1e-3 * column.latency_ms), column.latency_ms)


@pytest.mark.parametrize("factor", [1e3, 1e-3])
@pytest.mark.parametrize("with_predictor", [True, False])
def test_one_row_in_another_unit_is_named(cell_column: Column, factor: float, with_predictor: bool) -> None:
    column = cell_column(30, 0, "phone")
    order = np.argsort([graph.macs for graph in column.graphs])
    middle = int(order[15])
    latency = column.latency_ms.copy()
    latency[middle] *= factor
    mixed = replace(column, latency_ms=latency)
    with pytest.raises(UsageError) as refused:
        check_unit(mixed, column.latency_ms if with_predictor else None)
    text = str(refused.value)
    assert text.startswith(f"Line {column.rows[middle]}, column 'phone': ")
    assert repr(column.names[middle]) in text and "1 such rows" in text
    assert "Expected milliseconds in the whole column" in text
