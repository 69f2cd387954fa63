"""Edge TPU sweeps and micro-models: geometry from counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.latency_models.tables.edgetpu_micro import micro_network, on_chip_bytes
from edgenas.latency_models.tables.edgetpu_sweeps import (
    ConvStack,
    DenseStack,
    conv_stack_graph,
    dense_stack_graph,
    sweep_geometry,
)
from edgenas.latency_models.tables.read import read_columns

HEADER = "kind,device,filters_or_neurons,macs,W_inferred,L_inferred,on_chip_MiB,off_chip_MiB,latency_ms,source_file\n"


def test_geometry_has_exactly_the_stated_macs() -> None:
    for stack in (ConvStack(64, 3, 120, 5), ConvStack(64, 4, 100, 1), ConvStack(64, 3, 200, 2)):
        assert sweep_geometry("conv", stack.filters, stack.macs, 64.0, stack.layers) == stack
        assert conv_stack_graph(stack).macs == stack.macs
    for dense in (DenseStack(6912, 22, 6), DenseStack(6912, 102, 1), DenseStack(64, 760, 4)):
        assert sweep_geometry("fc", dense.units, dense.macs, float("nan"), float("nan")) == dense
        graph = dense_stack_graph(dense)
        assert graph.macs == dense.macs and len(graph.operators) == dense.layers + 1


def test_counts_that_no_stack_has() -> None:
    assert sweep_geometry("conv", 32, 12345, 64.0, 5.0) is None
    assert sweep_geometry("conv", 32, 160432128, float("nan"), float("nan")) is None
    assert sweep_geometry("fc", 100, 7, float("nan"), float("nan")) is None
    assert sweep_geometry("lstm", 100, 37400, float("nan"), float("nan")) is None


def test_sweeps(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    conv, dense = ConvStack(64, 3, 32, 5), DenseStack(64, 100, 4)
    path.write_text(
        HEADER
        + f"conv,edgetpu,32,{conv.macs},64.0,5.0,0.07,0.0,2.0,a\n"
        + f"conv,edgetpu,32,{conv.macs},64.0,5.0,0.07,0.0,3.0,b\n"
        + f"conv,edgetpu,32,{conv.macs},64.0,5.0,0.07,0.0,3.0,copy of b\n"
        + f"conv,edgetpu,32,{conv.macs},64.0,5.0,0.001,0.0,9.0,one layer in truth\n"
        + f"fc,edgetpu,100,{dense.macs},,,500.0,,0.1,KiB without off-chip\n"
        + "fc,edgetpu,100,5,,,1,1,0.1,no geometry\n"
        + f"conv,cpu,32,{conv.macs},64.0,5.0,,,7.0,host\n"
    )
    (column,) = read_columns("edgetpu-sweeps", [path])
    assert column.name == "edgetpu_sweeps_pcie"
    assert column.latency_ms.tolist() == [2.5, 0.1]
    assert column.spread_ms[0] == pytest.approx(np.sqrt(0.5)) and np.isnan(column.spread_ms[1])
    assert column.rows == (2, 6) and len(set(column.families)) == 2
    notes = " ".join(column.notes)
    for part in ("1 rows left out: not of", "1 rows left out: no stack", "fewer weights", "copies", "median"):
        assert part in notes
    assert read_columns("edgetpu-sweeps", [path], only={"other"}) == []


def test_memory_tells_how_many_square_layers_a_dense_stack_has(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    counted, stored = DenseStack(6912, 802, 6), DenseStack(6912, 802, 5)
    path.write_text(
        HEADER
        + f"fc,edgetpu,802,{counted.macs},,,{5.49 + 2.55},0.0,1.0,L5.csv\n"
        + f"fc,edgetpu,102,{DenseStack(6912, 102, 1).macs},,,0.8,0.0,1.0,L30.csv\n"
        + f"conv,edgetpu,100,{ConvStack(64, 4, 100, 1).macs},64.0,1.0,0.01,0.0,1.0,x-seg1-y.csv\n"
    )
    (column,) = read_columns("edgetpu-sweeps", [path])
    assert column.names == (stored.name,)
    assert "2 rows left out: the names of their files contradict" in " ".join(column.notes)


def test_negative_count(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(HEADER + "conv,edgetpu,32,-5,64.0,5.0,0.07,0.0,2.0,a\n")
    with pytest.raises(UsageError, match=r"line 2, column 'macs': expected a number of at least 0, got '-5'"):
        read_columns("edgetpu-sweeps", [path])


def test_micro_networks() -> None:
    conv = micro_network("Ops_conv", "128x128x3 32x7", "10")
    assert conv is not None
    kinds = [operator.type for operator in conv[2].operators]
    assert kinds == ["PAD", *["CONV_2D"] * 11] and conv[2].operators[1].kernel == (7, 7)
    assert conv[2].tensors[conv[2].outputs[0]].shape == (1, 1, 1, 3)
    dense = micro_network("Ops_dense_units", "units150", "100")
    assert dense is not None and dense[2].macs == 150 * (12 + 99 * 150 + 3)
    assert len(dense[2].operators) == 101
    named = micro_network("Ops_etc", "coco_ssd_mobilenet_v1", "")
    assert named is not None and named[:2] == ("ssd_mobilenet_v1_0.75", "ssd_mobilenet_v1")
    assert micro_network("Ops_etc", "another", "") is None


@pytest.mark.parametrize(
    ("sheet", "desc", "inputs", "outputs", "operators"),
    [
        ("InOut_stride", "1x1x3 128x64x3 24.576 1 37", (1, 128, 64, 3), (1, 1, 1, 3), 1),
        ("InOut_padding", "2x2x3 128x64x3 24.576 1 25", (1, 2, 2, 3), (1, 128, 64, 3), 1),
        ("InOut_padding_stride", "2x2x3 1x1x3 128x64x3 24.576 2 37", (1, 2, 2, 3), (1, 1, 1, 3), 2),
    ],
)
def test_transfers(
    sheet: str, desc: str, inputs: tuple[int, ...], outputs: tuple[int, ...], operators: int
) -> None:
    network = micro_network(sheet, desc, "")
    assert network is not None
    graph = network[2]
    assert graph.tensors[graph.inputs[0]].shape == inputs
    assert graph.tensors[graph.outputs[0]].shape == outputs
    assert len(graph.operators) == operators


@pytest.mark.shared_data
def test_the_public_tables(shared_data: Path) -> None:
    folder = shared_data / "latency"
    (sweeps,) = read_columns("edgetpu-sweeps", [folder / "edgetpu_sweeps.csv"])
    assert len(sweeps) == 382 and len(set(sweeps.names)) == len(sweeps)
    usb3, usb2 = read_columns("edgetpu-micro", [folder / "edgetpu_micro.csv"])
    assert (usb3.name, usb2.name) == ("edgetpu_usb3", "edgetpu_usb2")
    assert len(usb3) == len(usb2) == 45
    assert (usb2.latency_ms > usb3.latency_ms).all()
    used = on_chip_bytes(folder / "edgetpu_micro.csv")
    assert len(used) == 24 and set(used) < set(usb3.names)
    assert max(used.values()) == 5 * 2**20
