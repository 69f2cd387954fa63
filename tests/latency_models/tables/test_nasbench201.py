"""NAS-Bench-201: cells, their dead parts, and tables of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.graph import OpGraph
from edgenas.latency_models.tables.nasbench201 import (
    DEAD_PARTS,
    OPERATIONS,
    canonical_cell,
    fails_on_edgetpu,
    nasbench201_graph,
    parse_cell,
)
from edgenas.latency_models.tables.nasbench201_table import dead_parts_of, states_dead_parts
from edgenas.latency_models.tables.read import read_columns

_LETTERS = {"n": "none", "s": "skip_connect", "1": "nor_conv_1x1", "3": "nor_conv_3x3", "p": "avg_pool_3x3"}


def arch(letters: str) -> str:
    """`01 02 12 03 13 23` as letters to `arch_str`."""
    a, b, c, d, e, f = (_LETTERS[letter] for letter in letters)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def types(graph: OpGraph) -> Counter[str]:
    return Counter(operator.type for operator in graph.operators)


def test_the_full_cell() -> None:
    graph = nasbench201_graph(arch("333333"))
    # 15 cells of 6 convolutions and 3 sums; 2 reductions of 3 and 1; stem; the last batch normalisation.
    assert types(graph)["CONV_2D"] == 1 + 15 * 6 + 2 * 3
    assert types(graph)["ADD"] == 15 * 3 + 2 + 1
    assert graph.macs == sum(operator.macs for operator in graph.operators) > 0
    assert graph.tensors[graph.outputs[0]].shape == (1, 10)
    # Without shared ReLUs: 6 less those of node 2, whose sum has one reader, in each cell; 2 of the reductions.
    assert types(graph)["RELU"] == 15 * 5 + 2


def test_int8_has_the_same_operators() -> None:
    ours, bytes_wise = nasbench201_graph(arch("3p1s13")), nasbench201_graph(arch("3p1s13"), dtype="int8")
    assert [o.type for o in ours.operators] == [o.type for o in bytes_wise.operators]
    assert ours.peak_activation_bytes == 4 * bytes_wise.peak_activation_bytes
    assert {t.dtype for t in bytes_wise.tensors.values()} == {"int8"}


def test_operators_are_shared() -> None:
    a, b = nasbench201_graph(arch("333333")), nasbench201_graph(arch("3p3333"))
    assert len({id(o) for o in (*a.operators, *b.operators)}) == len({*a.operators, *b.operators})
    assert nasbench201_graph(arch("333333")) is a


@pytest.mark.parametrize(
    ("letters", "pruned", "zeros", "everything"),
    [
        ("n1ns33", 1 + 1, 1 + 2, 1 + 2),  # 3x3 of the zero node 1; node 2 read by a 3x3
        ("3snsns", 0, 1, 1),  # node 1 is multiplied by zero
        ("3s1snn", 0, 0, 2),  # nodes that nobody reads
        ("3nnsnn", 0, 1, 1),
        ("3sns3n", 2, 2, 2),
    ],
)
def test_dead_convolutions(letters: str, pruned: int, zeros: int, everything: int) -> None:
    others = 1 + 2 * 3
    for dead, per_cell in (("pruned", pruned), ("zeros", zeros), ("all", everything)):
        assert types(nasbench201_graph(arch(letters), dead=dead))["CONV_2D"] == others + 15 * per_cell, dead


@pytest.mark.parametrize(
    ("letters", "more"),
    [
        ("3nns33", 15),  # Node 2 is the sum of two zeros: its convolution runs.
        ("3nns3p", 0),  # So does its pool.
        ("3nns3s", 0),  # Handing it on costs nothing.
        ("n1ns3n", 0),  # Node 1 alone is zero: no sum, a constant.
        ("nn1s33", 0),  # Node 2 is a convolution of zeros, but no sum of two.
    ],
)
def test_sums_of_two_zeros(letters: str, more: int) -> None:
    pruned, sums = (nasbench201_graph(arch(letters), dead=dead) for dead in ("pruned", "sums"))
    assert types(sums)["CONV_2D"] - types(pruned)["CONV_2D"] == more
    assert types(sums)["AVERAGE_POOL_2D"] - types(pruned)["AVERAGE_POOL_2D"] == (
        15 if letters[5] == "p" else 0
    )


def test_how_columns_treat_dead_parts() -> None:
    names = ("rice_raspi4", "raspi4", "true_a76", "samsung_a50", "eagle_cpu_855", "true_640", "pixel9")
    found = {name: (dead_parts_of(name), states_dead_parts(name)) for name in names}
    assert found == {
        "rice_raspi4": ("zeros", True),
        "raspi4": ("zeros", True),
        "true_a76": ("sums", True),
        "samsung_a50": ("all", True),
        "eagle_cpu_855": ("pruned", True),
        "true_640": ("pruned", True),
        "pixel9": ("pruned", False),
    }


def test_a_network_without_a_path_from_input_to_output() -> None:
    assert [o.type for o in nasbench201_graph(arch("333nnn")).operators] == ["MEAN", "FULLY_CONNECTED"]
    assert nasbench201_graph(arch("333nnn")).wiring[0][0] == ()
    # The last cell works on constants: cells before it do not run.
    last = nasbench201_graph(arch("nnpnn3"))
    assert types(last) == Counter({"AVERAGE_POOL_2D": 1, "CONV_2D": 1, "MEAN": 1, "FULLY_CONNECTED": 1})
    assert last.operators[0].inputs[0].shape == (1, 8, 8, 64)
    assert types(nasbench201_graph(arch("333nnn"), dead="all"))["CONV_2D"] == 1 + 15 * 3 + 6


@pytest.mark.parametrize("dead", DEAD_PARTS)
def test_every_kind_of_cell_is_a_sound_graph(dead: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        letters = "".join(rng.choice(list(_LETTERS), 6, p=[0.4, 0.15, 0.15, 0.15, 0.15]))
        graph = nasbench201_graph(arch(letters), dead=dead, cells=2)
        known = {0}
        for operator, (reads, writes) in zip(graph.operators, graph.wiring, strict=True):
            assert set(reads) <= known, letters
            assert [graph.tensors[t] for t in writes] == list(operator.outputs)
            if reads:
                assert [graph.tensors[t] for t in reads] == list(operator.inputs)
            known.update(writes)
        assert set(graph.outputs) <= known


def test_equal_cells_have_one_canonical_name() -> None:
    assert canonical_cell(arch("3snsnn")) == canonical_cell(arch("nnpsnn")) == "x"
    assert canonical_cell(arch("nn3333")) == canonical_cell(
        arch("nsn3n3").replace("skip_connect~0", "none~0")
    )
    assert canonical_cell(arch("333333")) != canonical_cell(arch("333331"))


@pytest.mark.parametrize(
    ("letters", "reason"),
    [
        ("n1ns33", "constantly zero"),
        ("p1nn3s", "fused into the average pool"),
        ("3snsnp", "multiplied by zero"),
    ],
)
def test_patterns_that_fail_on_the_edgetpu(letters: str, reason: str) -> None:
    assert reason in fails_on_edgetpu(arch(letters))


def test_a_pool_with_two_readers_does_not_fail() -> None:
    assert fails_on_edgetpu(arch("p13n33")) == fails_on_edgetpu(arch("333333")) == ""


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "expected 3 nodes joined by '\\+', got 1"),
        ("|none~0|+|none~0|none~1|", "got 2"),
        ("|none~0|+|none~0|+|none~0|none~1|none~2|", "node 2 has 1 edges instead of 2"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "node 1 does not begin and end"),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "expected 'operation~0'"),
        (
            "|nor_conv_5x5~0|+|none~0|none~1|+|none~0|none~1|none~2|",
            "Unknown NAS-Bench-201 operation 'nor_conv_5x5'",
        ),
    ],
)
def test_malformed_cells(text: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        parse_cell(text)


def test_unknown_treatment() -> None:
    with pytest.raises(UsageError, match=r"Unknown treatment of dead parts 'zero'\. Did you mean 'zeros'"):
        nasbench201_graph(arch("333333"), dead="zero")


def table(folder: Path, text: str) -> Path:
    path = folder / "cells.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_of_a_table(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "arch_idx,arch_str,rice_edgetpu_ms,pixel9_ms,colour\r\n"
        f"0,{arch('333333')},-1,5.5,red\r\n1,{arch('3snsnn')},2,nan,red\r\n2,{arch('333333')},3,4,red\r\n",
    )
    edgetpu, pixel = read_columns("nasbench201", [path])
    assert (edgetpu.name, pixel.name) == ("rice_edgetpu", "pixel9")
    assert edgetpu.rows == (2, 3) and pixel.rows == (2,)
    assert edgetpu.failed.tolist() == [True, False] and np.isnan(edgetpu.spread_ms).all()
    assert edgetpu.graphs[0] is nasbench201_graph(arch("333333"), dtype="int8", dead="zeros")
    assert pixel.graphs[0] is nasbench201_graph(arch("333333"), dead="pruned")
    assert edgetpu.families[1] == "x"
    notes = " ".join(pixel.notes)
    assert "Columns left out, not in milliseconds: colour." in notes
    assert "1 row left out: not measured." in notes
    assert "1 row left out: the network stands in an earlier row." in notes
    assert "1 of 2 networks would not compile or run." in edgetpu.notes
    assert [c.name for c in read_columns("nasbench201", [path], only={"pixel9"})] == ["pixel9"]


def test_a_malformed_cell_is_named_with_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, f"arch_str,a_ms\n{arch('333333')},1\nnonsense,2\n")
    with pytest.raises(UsageError, match=r"cells\.csv, line 3, column 'arch_str': Not a NAS-Bench-201 cell"):
        read_columns("nasbench201", [path])


def test_a_table_without_devices(tmp_path: Path) -> None:
    path = table(tmp_path, f"arch_str,latency\n{arch('333333')},1\n")
    with pytest.raises(UsageError, match="at least one column whose name ends in '_ms'"):
        read_columns("nasbench201", [path])


def test_all_operations_are_known() -> None:
    assert set(_LETTERS.values()) == set(OPERATIONS)


@pytest.fixture(scope="module")
def edge_table(shared_data: Path) -> Path:
    return shared_data / "latency" / "nasbench201_edge.csv"


@pytest.mark.shared_data
def test_failures_of_the_edgetpu_are_explained(edge_table: Path) -> None:
    (column,) = read_columns("nasbench201", [edge_table], only={"rice_edgetpu"})
    predicted = np.array([bool(fails_on_edgetpu(name)) for name in column.names])
    hits = int((predicted & column.failed).sum())
    assert column.failed.sum() == 208
    assert not (predicted & ~column.failed).any()
    assert 2 * hits / (predicted.sum() + column.failed.sum()) >= 0.98


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "dead"), [("rice_raspi4", "zeros"), ("eagle_cpu_855", "pruned"), ("true_a76", "sums")]
)
def test_the_treatment_of_dead_parts_is_the_one_that_fits(edge_table: Path, name: str, dead: str) -> None:
    (column,) = read_columns("nasbench201", [edge_table], only={name})
    errors = {}
    for treatment in DEAD_PARTS:
        graphs = [nasbench201_graph(text, dead=treatment) for text in column.names]
        counts = np.array(
            [
                [
                    1.0,
                    sum(o.macs for o in g.operators if o.kernel == (3, 3)),
                    sum(o.macs for o in g.operators if o.kernel == (1, 1)),
                    sum(o.type == "AVERAGE_POOL_2D" for o in g.operators),
                ]
                for g in graphs
            ]
        )
        scaled = counts / counts.mean(0) / column.latency_ms[:, None]
        weights = np.linalg.lstsq(scaled, np.ones(len(column)), rcond=None)[0]
        errors[treatment] = float(np.abs(scaled @ weights - 1).mean())
    assert min(errors, key=lambda treatment: errors[treatment]) == dead, errors
    assert errors[dead] < 0.05
