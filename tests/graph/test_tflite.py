"""Reading .tflite files of others, and damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.errors import UsageError
from edgenas.graph import parse_tflite, read_tflite


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "macs", "operators"),
    [
        # MACs as published with the models: 0.25_128 14 M, 0.75_192 233 M (MobileNet v1, hosted models table).
        ("mobilenet_v1_0.25_128_quant", 14e6, 31),
        ("mobilenet_v1_0.75_192_quant", 233e6, 31),
    ],
)
def test_google_models(shared_data: Path, name: str, macs: float, operators: int) -> None:
    graph = read_tflite(shared_data / "coral_models" / f"{name}.tflite")
    assert graph.macs == pytest.approx(macs, rel=0.05)
    assert len(graph.operators) == operators
    assert {t.dtype for t in graph.tensors.values()} == {"uint8"}


@pytest.mark.shared_data
def test_a_compiled_model_is_one_custom_operator(shared_data: Path) -> None:
    graph = read_tflite(shared_data / "coral_models" / "mobilenet_v1_0.25_128_quant_edgetpu.tflite")
    assert "edgetpu-custom-op" in {op.type for op in graph.operators}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a TFLite model"),
        (b"\0" * 64, "Expected the file identifier 'TFL3'"),
        (b"PK\3\4" + b"x" * 60, "not a TFLite model"),
        (b"\x10\0\0\0TFL3" + b"\xff" * 60, "damaged or cut short"),
        (b"\xff\xff\xff\x7fTFL3" + b"\0" * 60, "damaged or cut short"),
    ],
)
def test_what_is_no_model_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_tflite(data, "f.tflite")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_tflite(tmp_path / "none.tflite")


@pytest.fixture(scope="module")
def small_model() -> bytes:
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model
    from edgenas.space import load_space

    space = load_space("demo", ("depth",))
    arch = space.architecture(space.default(), input_shape=(32, 32), head_channels={"depth": 1})
    return to_tflite(build_model(arch), format="int8", representative=[np.zeros((1, 32, 32, 3), "float32")])


@given(cut=st.floats(0.0, 0.999))
@settings(max_examples=40, deadline=None)
def test_a_truncated_file_never_crashes(small_model: bytes, cut: float) -> None:
    """The tables stand at the end or anywhere: a cut file is refused or, where only padding went, still read."""
    data = small_model[: int(len(small_model) * cut)]
    try:
        parse_tflite(data)
    except UsageError:
        return
    assert len(data) > len(small_model) // 2


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_flipped_bytes_never_crash(small_model: bytes, data: st.DataObject) -> None:
    damaged = bytearray(small_model)
    for _ in range(data.draw(st.integers(1, 12))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        graph = parse_tflite(bytes(damaged))
    except UsageError:
        return
    assert all(op.macs >= 0 for op in graph.operators)
