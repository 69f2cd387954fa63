"""What the Edge TPU compiler maps, and when it gives up."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edgenas.graph import Operator, OpGraph, Tensor, read_tflite
from edgenas.latency_models.edgetpu_placement import edgetpu_failure, is_mapped, placement
from edgenas.latency_models.tables.graph_builder import GraphBuilder
from edgenas.latency_models.tables.layer_builder import LayerBuilder
from edgenas.latency_models.tables.nasbench201 import fails_on_edgetpu, nasbench201_graph


@pytest.mark.parametrize(
    ("dtype", "mapped"), [("int8", True), ("uint8", True), ("int16", False), ("float32", False)]
)
def test_element_types(dtype: str, mapped: bool) -> None:
    tensor = Tensor((1, 8, 8, 16), dtype)
    assert is_mapped(Operator("ADD", (tensor, tensor), (tensor,))) is mapped


def test_types_that_are_not_mapped() -> None:
    tensor = Tensor((1, 8, 8, 16), "int8")
    assert not is_mapped(Operator("ARG_MAX", (tensor,), (Tensor((1, 8, 8), "int8"),)))
    assert not is_mapped(Operator("ADD", (), (tensor,)))


@pytest.mark.parametrize(("size", "large", "mapped"), [(33, 513, False), (65, 129, True), (129, 513, True)])
def test_resizes(size: int, large: int, mapped: bool) -> None:
    small, result = Tensor((1, size, size, 21), "int8"), Tensor((1, large, large, 21), "int8")
    assert is_mapped(Operator("RESIZE_BILINEAR", (small,), (result,))) is mapped


def test_what_depends_on_the_cpu_stays_there() -> None:
    net = LayerBuilder((8, 8, 3))
    quantised = net.append("CAST", (0,), (1, 8, 8, 3))
    x = net.conv(quantised, 16)
    strange = net.append("GELU", (x,), net.shape(x))
    left, right = net.conv(strange, 16), net.conv(x, 16)
    graph = net.graph(net.add(left, right))
    assert placement(graph) == ("cpu", "edgetpu", "cpu", "cpu", "edgetpu", "cpu")


def _pool_with_relu() -> OpGraph:
    builder = GraphBuilder((8, 8, 16), "int8")
    x = builder.relu(builder.average_pool(0, 3, 1))
    return builder.graph(builder.conv(x, 16, 3), "output")


def _conv_of_zeros() -> OpGraph:
    builder = GraphBuilder((8, 8, 16), "int8")
    zero = builder.times_zero(builder.conv(0, 16, 3))
    return builder.graph(builder.add(builder.conv(builder.relu(zero), 16, 3), zero), "output")


def _sum_with_zeros() -> OpGraph:
    builder = GraphBuilder((8, 8, 16), "int8")
    x = builder.add(builder.conv(0, 16, 3), builder.times_zero(0))
    return builder.graph(builder.conv(x, 16, 3), "output")


def test_failures() -> None:
    assert "a pool with the activation relu" in edgetpu_failure(_pool_with_relu())
    assert "works on a constant: zeros" in edgetpu_failure(_conv_of_zeros())
    assert edgetpu_failure(_sum_with_zeros()) == ""
    fine = _sum_with_zeros()
    flagged = tuple(replace(o, flags=("zero",)) if o.type == "CONV_2D" else o for o in fine.operators)
    assert "weights" in edgetpu_failure(replace(fine, operators=flagged))


def test_a_scalar_factor_is_no_zero() -> None:
    net = LayerBuilder((8, 8, 3))
    scaled = net.append("MUL", (0,), net.shape(0), parameter_bytes=1)
    assert edgetpu_failure(net.graph(net.conv(scaled, 16))) == ""


@pytest.mark.shared_data
def test_failures_of_hw_nas_bench(shared_data: Path) -> None:
    counts: Counter[tuple[bool, bool]] = Counter()
    with (shared_data / "latency" / "nasbench201_edge.csv").open() as file:
        for row in csv.DictReader(file):
            cell = row["arch_str"]
            reason = edgetpu_failure(nasbench201_graph(cell, dtype="int8", dead="zeros"))
            assert bool(reason) == bool(fails_on_edgetpu(cell)), cell
            counts[bool(reason), float(row["rice_edgetpu_ms"]) == -1] += 1
    assert sum(counts.values()) == 1611
    # No false alarm; missed are 3 that no known pattern explains: F1 0.993.
    assert counts[True, False] == 0 and counts[False, True] == 3 and counts[True, True] == 205


@pytest.mark.shared_data
def test_placement_is_that_of_the_compiled_twins(shared_data: Path) -> None:
    twins = sorted((shared_data / "coral_models").glob("*_edgetpu.tflite"))
    assert len(twins) == 4
    for path in twins:
        graph = read_tflite(path.with_name(path.name.replace("_edgetpu.tflite", ".tflite")))
        places = placement(graph)
        on_cpu = Counter(o.type for o, place in zip(graph.operators, places, strict=True) if place == "cpu")
        left = Counter(o.type for o in read_tflite(path).operators if o.type != "edgetpu-custom-op")
        assert on_cpu == left, path.name
        assert edgetpu_failure(graph) == ""
