"""The registry, HELP's layout and the published tables."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.help_layout import read_help
from edgenas.latency_models.tables.nasbench201 import nasbench201_graph
from edgenas.latency_models.tables.published import read_published
from edgenas.latency_models.tables.read import read_columns

CELL = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
OTHER = CELL.replace("1x1", "3x3")


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown table format 'nasbench'\. Did you mean 'nasbench201'"):
        read_columns("nasbench", [tmp_path])
    with pytest.raises(UsageError, match="No file of the format 'fbnet' is given"):
        read_columns("fbnet", [])
    with pytest.raises(UsageError, match="has no file of operators"):
        read_columns("fbnet", [tmp_path], operators=tmp_path)


def test_help_objects_and_lists(tmp_path: Path) -> None:
    folder = tmp_path / "latency"
    folder.mkdir()
    (tmp_path / "str_arch2idx.json").write_text(json.dumps({CELL: 1, OTHER: 0}))
    (folder / "pixel2.json").write_text("[3.5, null]")
    (folder / "raspi4.json").write_text(json.dumps({CELL: -1, OTHER: 2}))
    pixel2, raspi4 = read_help(folder)
    assert (pixel2.name, pixel2.names, pixel2.latency_ms.tolist()) == ("pixel2", (OTHER,), [3.5])
    assert pixel2.graphs[0] is nasbench201_graph(OTHER, dead="all")
    assert raspi4.graphs[0] is nasbench201_graph(CELL, dead="zeros")
    assert raspi4.failed.tolist() == [True, False]
    assert [c.name for c in read_columns("help", [folder / "pixel2.json"])] == ["pixel2"]
    assert "1 row left out: not measured." in pixel2.notes


def test_help_of_fbnet_by_block_numbers(tmp_path: Path) -> None:
    (tmp_path / "arch.json").write_text(json.dumps([[8] * 22, [0] * 22]))
    (tmp_path / "pixel3.json").write_text("[1, 2]")
    (column,) = read_help(tmp_path)
    assert column.names == (" ".join(["skip"] * 22), " ".join(["k3_e1"] * 22))
    assert np.array_equal(column.latency_ms, [1.0, 2.0])


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('a pickle was opened')",))


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "pixel2.pt"
    path.write_bytes(pickle.dumps(Bomb()))
    for given in (path, tmp_path):
        with pytest.raises(
            UsageError, match=r"opening a pickle runs the code in it.*\n.*weights_only=True.*pixel2\.json"
        ):
            read_help(given)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "is no JSON"),
        ("3", "expected an object"),
        ("[1]", "nothing says to which architectures"),
        ("{}", "0 latencies for 0 architectures"),
        (json.dumps({CELL: 0}), "expected a latency above 0 in ms"),
        (json.dumps({CELL: "fast"}), "got 'fast'"),
        (json.dumps({CELL: True}), "got True"),
        (json.dumps({"|x|": 1}), "Not a NAS-Bench-201 cell"),
        (json.dumps({"k3_e1": 1}), "Not an FBNet network"),
    ],
)
def test_malformed_help_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "pixel2.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=match):
        read_help(path)


@pytest.mark.parametrize(
    ("order", "match"),
    [
        ("[1]", "expected architectures as text"),
        ('{"a": 5}', "each index from 0 to 0 once"),
        ("1", "or a list"),
        ("[]", "1 latencies for 0"),
    ],
)
def test_malformed_orders(tmp_path: Path, order: str, match: str) -> None:
    (tmp_path / "arch.json").write_text(order)
    (tmp_path / "pixel2.json").write_text("[1]")
    with pytest.raises(UsageError, match=match):
        read_help(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no \.json file"):
        read_help(tmp_path)


def test_published_tables(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("# source: a README\nmodel,input,cpu_ms,gpu_ms\nnet,224,3.5,\n")
    table = read_published(path)
    assert table.source == "a README"
    assert table.rows == ({"model": "net", "input": "224"},)
    assert table.latency_ms == ({"cpu_ms": 3.5},)
    path.write_text("MODEL INFERENCE_TIME\nnet_edgetpu.tflite 4.0\n\n")
    assert read_published(path).latency_ms == ({"inference_ms": 4.0},)
    path.write_text("MODEL INFERENCE_TIME\nnet_edgetpu.tflite fast\n")
    with pytest.raises(UsageError, match="line 2: expected 'MODEL INFERENCE_TIME'"):
        read_published(path)


@pytest.mark.shared_data
def test_every_published_table(shared_data: Path) -> None:
    files = sorted((shared_data / "latency" / "published").iterdir())
    assert files
    for file in files:
        table = read_published(file)
        assert table.rows and any(table.latency_ms), file.name
