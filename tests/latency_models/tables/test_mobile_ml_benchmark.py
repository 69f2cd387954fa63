"""mobile-ml-benchmark: times and operators in two files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.mobile_ml_benchmark import family_of, read_operator_file
from edgenas.latency_models.tables.read import read_columns

ROWS = [
    ("CONV_2D", (226, 3, 224, 1, 3, 16, 1)),
    ("DEPTHWISE_CONV_2D", (224, 16, 112, 2, 3, 1, 1)),
    ("CONV_2D_GROUP", (112, 16, 112, 1, 3, 32, 4)),
    ("MAX_POOL_2D", (112, 32, 56, 2, 2, "-", "-")),
    ("AVERAGE_POOL_2D", (56, 32, 56, 1, 3, "-", "-")),
    ("CONCATENATION", (56, 32, 56, "-", 3, 101, "-")),
    ("MEAN", (56, 101, 101, "-", 0, "-", "-")),
    ("FULLY_CONNECTED", ("-", 101, "-", "-", "-", 1000, "-")),
]
KEYS = ("Input_shape", "Input_channel", "Output_shape", "Stride", "Kernel", "Filter", "Group")


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def operators(tmp_path: Path) -> Path:
    rows = [["model", "operation", "feature"]]
    rows += [["net_w1", kind, str(dict(zip(KEYS, map(str, values), strict=True)))] for kind, values in ROWS]
    return write(tmp_path / "ops.csv", rows)


@pytest.fixture
def times(tmp_path: Path) -> Path:
    header = ["model", "FLOPS", "size"]
    header += [f"p|1large|{k}|{v}" for k in ("float", "quant") for v in ("mean", "std")] + [
        "p|gpu|float|mean"
    ]
    rows = [
        header,
        ["net_w1", "1", "2", "1500", "20", "", "", "3"],
        ["other", "1", "2", "9", "1", "8", "1", "3"],
    ]
    return write(tmp_path / "times.csv", rows)


def test_columns(times: Path, operators: Path) -> None:
    floats, quants = read_columns("mobile-ml-benchmark", [times], operators=operators)
    assert (floats.name, quants.name) == ("p|1large|float", "p|1large|quant")
    assert floats.latency_ms.tolist() == [1.5] and floats.spread_ms.tolist() == [0.02]
    assert len(quants) == 0 and floats.families == ("net",)
    notes = " ".join(floats.notes)
    assert "1 of 3 configurations left out" in notes
    assert "ops.csv lists no operators of theirs: other." in notes
    assert "1 row left out: not measured." in quants.notes


def test_the_graph_is_the_chain_of_the_rows_and_the_padding(times: Path, operators: Path) -> None:
    (column,) = read_columns("mobile-ml-benchmark", [times], operators=operators, only={"p|1large|float"})
    (graph,) = column.graphs
    assert [o.type for o in graph.operators] == [
        "PAD", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "CONCATENATION", "MEAN",
        "FULLY_CONNECTED",
    ]  # fmt: skip
    assert graph.tensors[0].shape == (1, 224, 224, 3)
    _, conv, depthwise, grouped, _, pool, joined, _, dense = graph.operators
    assert conv.padding == "valid" and conv.macs == 224 * 224 * 16 * 27
    assert depthwise.macs == 112 * 112 * 16 * 9 and depthwise.stride == (2, 2)
    assert grouped.flags == ("groups=4",) and grouped.macs == 112 * 112 * 32 * 9 * 4
    assert pool.padding == "same"
    assert [t.shape[-1] for t in joined.inputs] == [32, 35, 34] and joined.outputs[0].shape == (
        1,
        56,
        56,
        101,
    )
    assert dense.macs == 101 * 1000
    assert [w for _, w in graph.wiring] == [(i + 1,) for i in range(9)]
    assert graph.peak_activation_bytes > 0


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("mobilenet_w1", "mobilenet"), ("mobilenetb_wd2", "mobilenet"), ("mobilenetv2b_w3d4", "mobilenetv2"),
        ("fdmobilenet_wd4", "mobilenet"), ("resnet18_wd2", "resnet"), ("resnetbc14b", "resnetbc"),
        ("preresnetbc26b", "preresnetbc"), ("preresnet10", "preresnet"), ("sepreresnet10", "seresnet"),
        ("seresnet10", "seresnet"), ("squeezeresnet_v1_0", "squeezenet"), ("mnasnet_b1", "fbnet"),
        ("fbnet_cb", "fbnet"),
        ("resnext26_32x4d", "resnext"), ("squeezenet_v1_0", "squeezenet"),
        ("diracnet18v2", "diracnet"), ("dla46c", "dla"), ("regnetx002", "regnetx"), ("igcv3_w1", "igcv3"),
        ("bninception", "bninception"), ("42", "42"),
    ],
)  # fmt: skip
def test_families(name: str, family: str) -> None:
    assert family_of(name) == family


def test_kernels_of_the_gpu_tell_of_sums(times: Path, tmp_path: Path) -> None:
    header = ["model", "operation", "feature", "a|gpu|kernel", "mi8se|gpu|kernel", "b|gpu|kernel"]
    winograd = ["convolution_winograd_4x4_6x6_1"]
    kernels = ["x_1", "x_2_linked_:_add_3", *(f"x_{i}" for i in range(4, 10))]
    rows = [
        ["net_w1", kind, str(dict(zip(KEYS, map(str, values), strict=True))), name, best, ""]
        for (kind, values), name, best in zip(ROWS, kernels, winograd + kernels[1:], strict=True)
    ]
    operators = write(tmp_path / "ops.csv", [header, *rows])
    (column,) = read_columns("mobile-ml-benchmark", [times], operators=operators, only={"p|1large|float"})
    assert [o.type for o in column.graphs[0].operators][:4] == ["PAD", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD"]
    assert "by the names of the kernels in 'a|gpu|kernel' (1 networks)" in " ".join(column.notes)
    listing = read_operator_file(operators)["net_w1"]
    assert listing.fitting_kernels() == "a|gpu|kernel" and len(listing.chain) == 8


def test_a_note_says_that_no_kernels_were_known(times: Path, operators: Path) -> None:
    (column,) = read_columns("mobile-ml-benchmark", [times], operators=operators, only={"p|1large|float"})
    assert "by the blocks that the shapes show (1 networks)" in column.notes[0]


def test_without_the_operator_file(times: Path) -> None:
    with pytest.raises(UsageError, match="Name it with --operators FILE"):
        read_columns("mobile-ml-benchmark", [times])


@pytest.mark.parametrize(
    ("operation", "feature", "match"),
    [
        ("CONV_2D", "{'Input_channel': 3}", "has no 'Input_shape'"),
        ("CONV_2D", "[1]", "no dictionary"),
        ("CONV_2D", "__import__('os')", "line 2: operation 'CONV_2D'"),
        ("CONV_2D", "{", "line 2"),
        ("LSTM", str(dict(zip(KEYS, map(str, ROWS[0][1]), strict=True))), "unknown operation 'LSTM'"),
        ("CONV_2D", str(dict(zip(KEYS, map(str, (0, *ROWS[0][1][1:])), strict=True))), "'Input_shape' is 0"),
        ("CONV_2D_GROUP", str(dict(zip(KEYS, map(str, (*ROWS[0][1][:6], 2)), strict=True))), "into 2 groups"),
    ],
)
def test_malformed_operators(tmp_path: Path, operation: str, feature: str, match: str) -> None:
    path = write(tmp_path / "ops.csv", [["model", "operation", "feature"], ["net", operation, feature]])
    with pytest.raises(UsageError, match=match):
        read_operator_file(path)


def test_a_file_without_times(tmp_path: Path, operators: Path) -> None:
    path = write(tmp_path / "t.csv", [["model", "a_ms"], ["net_w1", "1"]])
    with pytest.raises(UsageError, match=r"expected columns called 'device\|cores\|dtype\|mean'"):
        read_columns("mobile-ml-benchmark", [path], operators=operators)


@pytest.mark.shared_data
def test_the_public_tables(shared_data: Path) -> None:
    folder = shared_data / "latency"
    columns = read_columns(
        "mobile-ml-benchmark", [folder / "mobile_cnn_e2e.csv"], operators=folder / "mobile_cnn_ops.csv"
    )
    assert len(columns) == 84
    assert all(len(column) == 74 for column in columns)
    by_name = {column.name: column for column in columns}
    assert by_name["pixel4|1large|quant"].graphs[0].tensors[0].dtype == "int8"
    with (folder / "mobile_cnn_e2e.csv").open() as file:
        stated = {row["model"]: float(row["FLOPS"]) for row in csv.DictReader(file)}
    column = by_name["pixel4|1large|float"]
    assert len(set(column.families)) == 18
    assert "'mi8se|gpu|kernel' (74 networks)" in column.notes[0]
    counted = np.array([2.0 * graph.macs for graph in column.graphs])
    assert np.allclose(counted, [stated[name] for name in column.names], rtol=0.03)
