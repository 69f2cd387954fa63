"""Each operator that stays on the CPU has the compiler's own status, as public logs of versions 2 to 16 print it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tiny_models import ModelWriter

from edgenas.compatibility import check_edgetpu
from edgenas.compatibility.compiler_log import STATUSES
from edgenas.compatibility.rules import edgetpu_rules

DATA = "Operation is working on an unsupported data type"
SOMETHING = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
COMPUTED = "Filter, bias, or other param is not constant at compile-time"


def test_every_rule_speaks_as_the_compiler_does() -> None:
    assert {rule.status for rule in edgetpu_rules().rules} <= set(STATUSES)


@pytest.mark.parametrize(
    ("kind", "written", "status"),
    [
        ("DEQUANTIZE", "float32", DATA),
        ("TFLite_Detection_PostProcess", "float32", DATA),
        ("ARG_MIN", "int32", DATA),
        ("TOPK_V2", "int8", "Operation not supported"),
        ("GATHER", "int8", "Operation not supported"),
        ("LEAKY_RELU", "int8", "Operation not supported"),
    ],
)
def test_operators_that_are_never_mapped(tmp_path: Path, kind: str, written: str, status: str) -> None:
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    first, last = writer.convolution(x), writer.tensor((1, 8, 8, 16), written)
    writer.operator(kind, (first,), (last,))
    found = check_edgetpu(writer.write(tmp_path, (x,), (last,))).operators[1]
    expected = f"{status}: {kind} is not in the compiler's list"
    assert found.reason == (expected if written == "int8" else f"{expected}, and it writes {written}")


def test_float_images(tmp_path: Path) -> None:
    writer = ModelWriter()
    image, x = writer.tensor((1, 8, 8, 8), "float32"), writer.tensor((1, 8, 8, 8))
    writer.operator("QUANTIZE", (image,), (x,))
    last = writer.convolution(x)
    first, second = check_edgetpu(writer.write(tmp_path, (image,), (last,))).operators
    assert first.reason == f"{SOMETHING}: it reads float32" and "inference_input_type" in first.advice
    assert second.mapped


def test_quantised_models_of_which_nothing_is_mapped(tmp_path: Path) -> None:
    writer = ModelWriter()
    x, y = writer.tensor((1, 8, 8, 8)), writer.tensor((1, 8, 8), "int64")
    writer.operator("ARG_MAX", (x, writer.tensor((1,), "int32", values=3)), (y,), version=2)
    report = check_edgetpu(writer.write(tmp_path, (x,), (y,)))
    assert report.failure == "" and report.subgraphs == 0 and not report.fully_mapped


def _sized(writer: ModelWriter, first: int, size: int, kind: str) -> int:
    """An operator whose size is tensor `size`."""
    last = writer.tensor((1, 16, 16, 16))
    inputs: Sequence[int] = (first, size)
    if kind == "TRANSPOSE_CONV":
        inputs = (size, writer.tensor((16, 2, 2, 16), values=1), first)
    options = {"options": "TransposeConvOptions", "strideH": 2, "strideW": 2} if len(inputs) == 3 else {}
    writer.operator(kind, inputs, (last,), version=2, **options)  # type: ignore[arg-type]
    return last


@pytest.mark.parametrize("kind", ["TRANSPOSE_CONV", "TRANSPOSE", "MEAN", "EXPAND_DIMS", "RESHAPE"])
@pytest.mark.parametrize("constant", [True, False])
def test_computed_sizes_and_axes_leave_the_result_open(tmp_path: Path, kind: str, constant: bool) -> None:
    """As Keras writes a transposed convolution of an open batch: SHAPE, and what is made of it, set its size."""
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    first = writer.convolution(x)
    size = writer.tensor((4,), "int32", values=(1, 16, 16, 16) if constant else None)
    if not constant:
        writer.operator("SHAPE", (first,), (size,))
    last = _sized(writer, first, size, kind)
    report = check_edgetpu(writer.write(tmp_path, (x,), (last,)))
    assert ("has a dynamic size" in report.failure) is (not constant)
    if not constant:
        assert report.mapped_count == 0
        position = 0 if kind == "TRANSPOSE_CONV" else 1
        expected = f"{COMPUTED}: its input {position} ('tensor{size}') is computed while the model runs"
        assert report.operators[-1].reason == expected
