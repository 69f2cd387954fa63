"""Published networks and their latencies on Edge TPUs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.graph import read_tflite
from edgenas.latency_models.tables.edgetpu_networks import (
    EDGETPU_NETWORKS,
    edgetpu_network,
    read_published_edgetpu,
)
from edgenas.latency_models.tables.imagenet_networks import mobilenet_v1


@pytest.mark.parametrize(
    ("name", "million_macs", "million_parameters"),
    [  # From the papers and the model garden; SPARTA lists the sizes of its files in MiB.
        ("mobilenet_v1", 569, 4.24),
        ("mobilenet_v2", 300, 3.50),
        ("inception_v1", 1500, 6.62),
        ("inception_v4", 12250, 42.7),
        ("cifar_ResNet-18", 556, 11.2),
        ("cifar_VGG-19", 398, 20.1),
        ("cifar_WRN-28-10", 5240, 36.5),
        ("cifar_SqueezeNet1.1", None, 0.77),
    ],
)
def test_sizes(name: str, million_macs: float | None, million_parameters: float) -> None:
    graph = edgetpu_network(name)
    assert graph.parameter_bytes / 1e6 == pytest.approx(million_parameters, rel=0.03)
    if million_macs:
        assert graph.macs / 1e6 == pytest.approx(million_macs, rel=0.03)


@pytest.mark.parametrize("name", EDGETPU_NETWORKS)
def test_every_network_is_wired(name: str) -> None:
    graph = edgetpu_network(name)
    made = set(graph.inputs)
    for operator, (reads, writes) in zip(graph.operators, graph.wiring, strict=True):
        assert made.issuperset(reads)
        assert operator.inputs == tuple(graph.tensors[i] for i in reads)
        assert operator.outputs == tuple(graph.tensors[i] for i in writes)
        made.update(writes)
    assert made.issuperset(graph.outputs) and graph is edgetpu_network(name)


def test_detectors_end_in_the_post_process() -> None:
    graph = edgetpu_network("ssd_mobilenet_v1")
    last = graph.operators[-1]
    assert last.type == "TFLite_Detection_PostProcess" and len(graph.outputs) == 4
    assert last.inputs[0].shape == (1, 1917, 4) and last.inputs[1].shape == (1, 1917, 91)


def test_unknown_network() -> None:
    with pytest.raises(UsageError, match="mobilenet_v1"):
        edgetpu_network("mobilenet_v7")


def test_pycoral_file_with_an_unknown_network(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "pycoral_reference_x86_64.csv").write_text("MODEL INFERENCE_TIME\nother_edgetpu.tflite 1.0\n")
    with pytest.raises(UsageError, match=r"'other_edgetpu.tflite' is not known"):
        read_published_edgetpu(tmp_path)


@pytest.mark.shared_data
def test_the_published_tables(shared_data: Path) -> None:
    columns = {column.name: column for column in read_published_edgetpu(shared_data / "latency")}
    assert {name: len(column) for name, column in columns.items()} == {
        "pycoral_x86_64": 6, "pycoral_rp4b": 6, "pycoral_rp3b": 6, "pycoral_aarch64": 6, "sparta_raspi4": 7,
    }  # fmt: skip
    desktop = columns["pycoral_x86_64"]
    assert desktop.latency_ms[desktop.names.index("inception_v4")] == 84.25
    assert desktop.families == desktop.names and desktop.origin.licence == "Apache-2.0"
    assert np.isfinite(columns["sparta_raspi4"].spread_ms).all()


@pytest.mark.shared_data
@pytest.mark.parametrize(("width", "size"), [(0.25, 128), (0.75, 192)])
def test_mobilenet_is_the_one_of_the_file(shared_data: Path, width: float, size: int) -> None:
    file = read_tflite(shared_data / "coral_models" / f"mobilenet_v1_{width}_{size}_quant.tflite")
    built = mobilenet_v1(size, width)
    assert [o.type for o in built.operators] == [o.type for o in file.operators]
    assert [o.macs for o in built.operators] == [o.macs for o in file.operators]
    assert [o.outputs[0].shape for o in built.operators] == [o.outputs[0].shape for o in file.operators]
