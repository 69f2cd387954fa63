"""FBNet networks and their table."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.fbnet import BLOCKS, fbnet_graph
from edgenas.latency_models.tables.read import read_columns

MIXED = " ".join(list(BLOCKS)[i % len(BLOCKS)] for i in range(22))


def test_all_blocks() -> None:
    graph = fbnet_graph(MIXED)
    assert graph.tensors[0].shape == (1, 224, 224, 3)
    assert graph.tensors[graph.outputs[0]].shape == (1, 1000)
    grouped = [operator for operator in graph.operators if operator.flags]
    assert grouped and {operator.flags for operator in grouped} == {("groups=2",)}
    first = grouped[0]
    height, width, channels = first.outputs[0].shape[1:]
    assert first.macs == height * width * channels * first.inputs[0].shape[-1] // 2
    assert first.parameter_bytes == 4 * (channels * first.inputs[0].shape[-1] // 2 + channels)


def test_a_skip_that_keeps_the_shape_is_nothing() -> None:
    graph = fbnet_graph(" ".join(["skip"] * 22))
    # Stem, one 1x1 convolution for each stage that changes the shape (all but the first), header.
    assert [o.type for o in graph.operators] == ["CONV_2D"] * 8 + ["MEAN", "FULLY_CONNECTED"]


def test_malformed_networks() -> None:
    with pytest.raises(UsageError, match="expected 22 blocks separated by spaces, got 1"):
        fbnet_graph("k3_e6")
    with pytest.raises(UsageError, match=r"Unknown FBNet block 'k7_e6'"):
        fbnet_graph(MIXED.replace("k5_e6", "k7_e6"))


def test_table(tmp_path: Path) -> None:
    path = tmp_path / "fbnet.csv"
    path.write_text(f"i,op_idx_list,arch_str,pixel3_ms,fpga_ms\n0,1 2,{MIXED},17.5,9\n")
    pixel3, fpga = read_columns("fbnet", [path])
    assert pixel3.names == (MIXED,) and pixel3.latency_ms.tolist() == [17.5]
    assert "Networks of 224x224 images and 1000 classes." in pixel3.notes
    assert "Simulated by the release, not measured." in fpga.notes


@pytest.mark.shared_data
def test_the_public_table(shared_data: Path) -> None:
    (column,) = read_columns("fbnet", [shared_data / "latency" / "fbnet_mobile.csv"], only={"pixel3"})
    assert len(column) == 4006 and not column.failed.any()
