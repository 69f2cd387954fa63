"""The rules against what edgetpu_compiler made of real models."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.compatibility import check_edgetpu, left_outside
from edgenas.errors import UsageError

_NAMES = (
    "deeplab_mobilenet_edgetpu_slim_cityscapes_quant",
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.75_192_quant",
    "movenet_single_pose_lightning_ptq",
)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", _NAMES)
def test_what_is_left_outside_is_what_the_compiler_left(shared_data: Path, name: str) -> None:
    source = shared_data / "coral_models" / f"{name}.tflite"
    twin = source.with_name(f"{name}_edgetpu.tflite")
    report = check_edgetpu(source)
    left = left_outside(twin, source)
    assert tuple(o.index for o in report.operators if not o.mapped) == left
    assert report.failure == "" and report.subgraphs == 1
    assert report.fully_mapped is (not left)


@pytest.mark.shared_data
def test_what_crosses_the_border_is_what_the_custom_operator_reads_and_writes(shared_data: Path) -> None:
    from edgenas.graph import read_tflite

    for name in _NAMES:
        source = shared_data / "coral_models" / f"{name}.tflite"
        piece = next(
            o
            for o in read_tflite(source.with_name(f"{name}_edgetpu.tflite")).operators
            if o.type == "edgetpu-custom-op"
        )
        report = check_edgetpu(source)
        assert report.input_bytes == sum(t.bytes for t in piece.inputs), name
        assert report.output_bytes == sum(t.bytes for t in piece.outputs), name


@pytest.mark.shared_data
def test_compiled_models_are_refused(shared_data: Path) -> None:
    twin = shared_data / "coral_models" / f"{_NAMES[0]}_edgetpu.tflite"
    report = check_edgetpu(twin)
    assert "compiled already (edgetpu-custom-op" in report.failure
    assert not report.fully_mapped and report.mapped_count == 0
    assert report.advice == ("The model: check the .tflite that it was compiled from.",)


@pytest.mark.shared_data
def test_twins_of_other_models_are_no_twins(shared_data: Path) -> None:
    folder = shared_data / "coral_models"
    with pytest.raises(UsageError, match="was not made of"):
        left_outside(folder / f"{_NAMES[0]}_edgetpu.tflite", folder / f"{_NAMES[1]}.tflite")
    with pytest.raises(UsageError, match="holds no 'edgetpu-custom-op'"):
        left_outside(folder / f"{_NAMES[1]}.tflite", folder / f"{_NAMES[1]}.tflite")
