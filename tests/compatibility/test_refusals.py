"""Models that edgetpu_compiler does not map, each refused for its own reason, beside one that it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import ModelWriter

from edgenas.compatibility import CompatibilityReport, check_edgetpu
from edgenas.errors import UsageError

Write = Callable[[ModelWriter, int], int]


def between(folder: Path, middle: Write, shape: tuple[int, ...] = (1, 8, 8, 16)) -> CompatibilityReport:
    """Checks convolution, `middle`, and an ADD that only depends on `middle`."""
    writer = ModelWriter()
    image = writer.tensor((1, *shape[1:-1], 8))
    x = middle(writer, writer.convolution(image, shape[-1]))
    y = writer.tensor(writer.graph.tensors[x].shape.tolist())
    writer.operator("ADD", (x, x), (y,), version=2, options="AddOptions")
    return check_edgetpu(writer.write(folder, (image,), (y,)))


def simple(kind: str, *, dtype: str = "int8", shape: tuple[int, ...] = (1, 8, 8, 16)) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        y = writer.tensor(shape, dtype)
        writer.operator(kind, (x,), (y,))
        return y

    return write


def with_constant(
    kind: str,
    values: object,
    shape: tuple[int, ...],
    *,
    result: tuple[int, ...] = (1, 8, 8, 16),
    position: int = 1,
) -> Write:
    """An operator with an int32 constant, e.g. axes or paddings."""

    def write(writer: ModelWriter, x: int) -> int:
        y, constant = (
            writer.tensor(result),
            writer.tensor(shape, "int32", values=np.array(values).reshape(shape)),
        )
        writer.operator(kind, (x, constant) if position else (constant, x), (y,))
        return y

    return write


def pool(kind: str, activation: int) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        y = writer.tensor((1, 8, 8, 16))
        options = {"filterHeight": 3, "filterWidth": 3, "strideH": 1, "strideW": 1}
        writer.operator(
            kind,
            (x,),
            (y,),
            version=2,
            options="Pool2DOptions",
            fusedActivationFunction=activation,
            **options,
        )
        return y

    return write


def joined(value: int, zero_point: int = 0, times: int = 1, activation: int = 0) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        constant = writer.tensor((1, 8, 8, 4), zero_point=zero_point, values=value)
        y = writer.tensor((1, 8, 8, 16 * times + 4))
        options = {"axis": 3, "fusedActivationFunction": activation}
        writer.operator(
            "CONCATENATION",
            (*(x,) * times, constant),
            (y,),
            version=2,
            options="ConcatenationOptions",
            **options,
        )
        return y

    return write


def dense(rows: int, scales: int = 1, constant: bool = True, version: int = 4) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        flat = writer.tensor((rows, 1024 // rows))
        shape = writer.tensor((2,), "int32", values=(rows, 1024 // rows))
        writer.operator("RESHAPE", (x, shape), (flat,))
        values = 1 if constant else None
        weights = writer.tensor((10, 1024 // rows), scales=scales, values=values)
        y = writer.tensor((rows, 10))
        writer.operator(
            "FULLY_CONNECTED", (flat, weights), (y,), version=version, options="FullyConnectedOptions"
        )
        return y

    return write


def slopes(shape: tuple[int, ...]) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        alpha, y = writer.tensor(shape, values=1), writer.tensor((1, 8, 8, 16))
        writer.operator("PRELU", (x, alpha), (y,))
        return y

    return write


def sliced(steps: tuple[int, ...], ellipsis: int = 0) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        parameters = [writer.tensor((4,), "int32", values=v) for v in ((0, 0, 0, 0), (1, 8, 8, 16), steps)]
        y = writer.tensor((1, 8 // steps[1], 8 // steps[2], 16))
        writer.operator(
            "STRIDED_SLICE",
            (x, *parameters),
            (y,),
            version=2,
            options="StridedSliceOptions",
            ellipsisMask=ellipsis,
        )
        return y

    return write


def resized(factor: int, *, version: int = 3) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        _, height, width, channels = writer.graph.tensors[x].shape.tolist()
        size = writer.tensor((2,), "int32", values=(factor * height, factor * width))
        y = writer.tensor((1, factor * height, factor * width, channels))
        options = {"halfPixelCenters": True}
        writer.operator(
            "RESIZE_BILINEAR", (x, size), (y,), version=version, options="ResizeBilinearOptions", **options
        )
        return y

    return write


def packed(axis: int) -> Write:
    def write(writer: ModelWriter, x: int) -> int:
        row = writer.tensor((1, 1024))
        shape = writer.tensor((2,), "int32", values=(1, 1024))
        writer.operator("RESHAPE", (x, shape), (row,))
        y = writer.tensor((2, 1, 1024) if axis == 0 else (1, 2, 1024))
        writer.operator("PACK", (row, row), (y,), version=2, options="PackOptions", axis=axis, valuesCount=2)
        return y

    return write


def convolved(**fields: int) -> Write:
    return lambda writer, x: writer.convolution(x, **fields)


SOMETHING = "Operation is otherwise supported, but not mapped due to some unspecified limitation"
DATA = "Operation is working on an unsupported data type"

REFUSED: dict[str, tuple[Write, str]] = {
    "hard-swish": (simple("HARD_SWISH"), "Operation not supported: HARD_SWISH"),
    "leaky-relu": (simple("LEAKY_RELU"), "Operation not supported: LEAKY_RELU"),
    "custom": (simple("FlexErf"), "Operation not supported: FlexErf"),
    "split-v": (simple("SPLIT_V"), "Operation not supported: SPLIT_V"),
    "int16": (simple("LOGISTIC", dtype="int16"), f"{DATA}: it writes int16"),
    "float": (simple("LOGISTIC", dtype="float32"), f"{DATA}: it writes float32"),
    "pool-relu": (pool("AVERAGE_POOL_2D", 1), f"{SOMETHING}: its relu is fused into it"),
    "max-pool-relu6": (pool("MAX_POOL_2D", 3), f"{SOMETHING}: its relu6 is fused into it"),
    "tanh": (convolved(fusedActivationFunction=4), f"{SOMETHING}: its tanh is fused into it"),
    "dilation": (convolved(dilationHFactor=2), f"{SOMETHING}: its dilation is 2 by 1"),
    "groups": (convolved(groups=4), f"{SOMETHING}: it has 4 groups"),
    "join-ones": (joined(1), f"{SOMETHING}: it joins a constant that is not all zeros"),
    "join-zeros-of-another-scale": (joined(0, zero_point=5), f"{SOMETHING}: it joins a constant that is not all"),
    "join-three": (joined(0, times=2), f"{SOMETHING}: it joins a constant with 2 tensors"),
    "join-relu": (joined(0, activation=1), f"{SOMETHING}: its relu is fused"),
    "dense-rows": (dense(4), f"{SOMETHING}: it gives 4 rows"),
    "dense-per-channel": (dense(1, scales=10), f"{SOMETHING}: its weights have a scale per channel"),
    "dense-computed": (dense(1, constant=False), "is computed while the model runs"),
    "slopes": (slopes((8, 8, 16)), f"{SOMETHING}: its slopes have the shape 8x8x16"),
    "steps": (sliced((1, 2, 2, 1)), f"{SOMETHING}: its steps are 1, 2, 2, 1"),
    "ellipsis": (sliced((1, 1, 1, 1), ellipsis=1), f"{SOMETHING}: it has an ellipsis"),
    "pack-batch": (packed(0), f"{SOMETHING}: it works along the batch dimension"),
    "pad-batch": (
        with_constant("PAD", [1, 1, 0, 0, 0, 0, 0, 0], (4, 2), result=(3, 8, 8, 16)),
        "has more than 3 dimensions, or a batch",
    ),
    "mean-batch": (with_constant("MEAN", [0], (1,)), f"{SOMETHING}: it reduces the batch dimension"),
    "mean-negative-batch": (with_constant("MEAN", [-4], (1,)), f"{SOMETHING}: it reduces the batch dimension"),
    "five-dimensions": (
        with_constant("RESHAPE", [1, 8, 1, 8, 16], (5,), result=(1, 8, 1, 8, 16)),
        "up to 3 innermost dimensions mapped): shape 1x8x1x8x16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_its_reason(tmp_path: Path, name: str) -> None:
    middle, expected = REFUSED[name]
    report = between(tmp_path, middle)
    assert report.failure == "" and not report.fully_mapped
    assert report.operators[0].mapped, "the convolution before it"
    at_fault = [o for o in report.operators if not o.mapped and o.rule != "behind"]
    # A tensor of a wrong type or shape troubles the operator behind it too.
    assert expected in at_fault[0].reason
    assert at_fault[0].advice and any(at_fault[0].type in line for line in report.advice)
    assert not report.operators[-1].mapped
    last = report.operators[-1]
    assert last.rule != "behind" or last.reason == (
        f"More than one subgraph is not supported: it stands behind operator {at_fault[0].index} "
        f"({at_fault[0].type}), which stays on the CPU"
    )


MAPPED: dict[str, Write] = {
    "pool": pool("AVERAGE_POOL_2D", 0),
    "relu6": convolved(fusedActivationFunction=3),
    "dilation": convolved(dilationHFactor=2, dilationWFactor=2),
    "join-zeros": joined(0),
    "join-zeros-at-5": joined(5, zero_point=5),
    "dense": dense(1),
    "slopes": slopes((1, 1, 16)),
    "slice": sliced((1, 1, 1, 1)),
    "pack": packed(1),
    "pad": with_constant("PAD", [0, 0, 1, 1, 1, 1, 0, 0], (4, 2), result=(1, 10, 10, 16)),
    "mean": with_constant("MEAN", [1, 2], (2,), result=(1, 16)),
    "mean-of-16-channels": with_constant("MEAN", [-1], (1,), result=(1, 8, 8)),
    "half-pixels": resized(2),  # The compiled MoveNet holds three of them.
    "tile": with_constant("TILE", [1, 2, 2, 1], (4,), result=(1, 16, 16, 16)),
}


@pytest.mark.parametrize("name", MAPPED)
def test_mapped_beside_what_is_refused(tmp_path: Path, name: str) -> None:
    report = between(tmp_path, MAPPED[name])
    assert report.fully_mapped, [o.reason for o in report.operators]
    assert report.advice == () and report.subgraphs == 1


@pytest.mark.parametrize(("channels", "mapped"), [(10, False), (12, True)])
def test_means_over_channels_need_multiples_of_four(tmp_path: Path, channels: int, mapped: bool) -> None:
    mean = with_constant("MEAN", [3], (1,), result=(1, 8, 8))
    report = between(tmp_path, mean, shape=(1, 8, 8, channels))
    assert report.fully_mapped is mapped
    assert mapped or "not a multiple of 4" in report.operators[1].reason


@pytest.mark.parametrize(("rows", "mapped"), [(64, True), (256, False)])
def test_means_over_large_maps(tmp_path: Path, rows: int, mapped: bool) -> None:
    mean = with_constant("MEAN", [1, 2], (2,), result=(1, 4))
    assert between(tmp_path, mean, shape=(1, rows, 128, 4)).fully_mapped is mapped


@pytest.mark.parametrize(("side", "mapped"), [(128, True), (512, False)])
def test_resizes_by_their_size(tmp_path: Path, side: int, mapped: bool) -> None:
    report = between(tmp_path, resized(2), shape=(1, side, side, 3))
    assert report.operators[1].mapped is mapped
    assert mapped or "its result has 3.0 MiB" in report.operators[1].reason


@pytest.mark.parametrize(("classes", "mapped"), [(16_000, True), (16_001, False)])
def test_softmax_by_its_classes(tmp_path: Path, classes: int, mapped: bool) -> None:
    softmax = simple("SOFTMAX", shape=(1, 1, 1, classes))
    assert between(tmp_path, softmax, shape=(1, 1, 1, classes)).operators[1].mapped is mapped


def test_lstm_states_are_16_bit_and_mapped(tmp_path: Path) -> None:
    writer = ModelWriter()
    x, y = writer.tensor((1, 28, 28)), writer.tensor((1, 28, 20))
    weights = [writer.tensor((20, 28), values=1) for _ in range(8)]
    output_state = writer.tensor((1, 20), variable=True)
    cell_state = writer.tensor((1, 20), "int16", variable=True)
    writer.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM", (x, *weights, -1, output_state, cell_state), (y,), version=3,
        options="UnidirectionalSequenceLSTMOptions",
    )  # fmt: skip
    assert check_edgetpu(writer.write(tmp_path, (x,), (y,))).fully_mapped


def test_activations_need_quantisation(tmp_path: Path) -> None:
    def bare(writer: ModelWriter, x: int) -> int:
        y = writer.tensor((1, 8, 8, 16), scales=0)
        writer.operator("LOGISTIC", (x,), (y,), version=2)
        return y

    report = between(tmp_path, bare)
    assert "has no quantisation parameters" in report.operators[1].reason


def whole(folder: Path, writer: ModelWriter, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> str:
    report = check_edgetpu(writer.write(folder, inputs, outputs))
    assert report.mapped_count == 0 and report.subgraphs == 0 and not report.fully_mapped
    assert report.input_bytes == report.output_bytes == 0
    assert all(not o.mapped and o.reason for o in report.operators)
    return report.failure


def test_float_and_hybrid_models(tmp_path: Path) -> None:
    for weight_type in ("float32", "int8"):
        writer = ModelWriter()
        x, y = writer.tensor((1, 8, 8, 4), "float32"), writer.tensor((1, 8, 8, 4), "float32")
        weights = writer.tensor((4, 3, 3, 4), weight_type, values=1)
        writer.operator("CONV_2D", (x, weights), (y,), options="Conv2DOptions", strideH=1, strideW=1)
        assert "it is not quantised (its operators write float32)" in whole(tmp_path, writer, (x,), (y,))


def test_hybrid_weights_behind_quantised_maps(tmp_path: Path) -> None:
    def floating(writer: ModelWriter, x: int) -> int:
        factors, y = writer.tensor((16,), "float32", values=0.5), writer.tensor((1, 8, 8, 16))
        writer.operator("MUL", (x, factors), (y,), version=2, options="MulOptions")
        return y

    assert "its constant 'tensor" in between(tmp_path, floating).operators[1].reason


def test_dynamic_batch(tmp_path: Path) -> None:
    writer = ModelWriter()
    x, y = writer.tensor((1, 8, 8, 16), signature=(-1, 8, 8, 16)), writer.tensor((1, 8, 8, 16))
    writer.operator("LOGISTIC", (x,), (y,), version=2)
    failure = whole(tmp_path, writer, (x,), (y,))
    assert "'tensor0' has a dynamic size" in failure and "only supports static-sized tensors" in failure


def test_computed_sizes(tmp_path: Path) -> None:
    writer = ModelWriter()
    x, flat = writer.tensor((1, 8, 8, 4)), writer.tensor((1, 256))
    shape, size = writer.tensor((4,), "int32"), writer.tensor((2,), "int32")
    first = writer.convolution(x)
    writer.operator("SHAPE", (first,), (shape,))
    writer.operator(
        "STRIDED_SLICE", (shape, *(writer.tensor((1,), "int32", values=v) for v in (0, 2, 1))), (size,)
    )
    writer.operator("RESHAPE", (first, size), (flat,))
    failure = whole(tmp_path, writer, (x,), (flat,))
    assert f"tensor 'tensor{flat}' has a dynamic size" in failure


def test_detections_of_an_open_number_are_no_obstacle(tmp_path: Path) -> None:
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    boxes, found = writer.convolution(x), writer.tensor((1, 10, 4), "float32", signature=(1, -1, 4))
    writer.operator("TFLite_Detection_PostProcess", (boxes,), (found,))
    report = check_edgetpu(writer.write(tmp_path, (x,), (found,)))
    assert report.failure == "" and [o.mapped for o in report.operators] == [True, False]


@pytest.mark.parametrize(
    ("shape", "mapped"), [((1, 19_206, 90), True), ((1, 49_104, 90), False), ((1, 320, 320, 32), True)]
)
def test_scores_by_their_size(tmp_path: Path, shape: tuple[int, ...], mapped: bool) -> None:
    writer = ModelWriter()
    x, y = writer.tensor(shape), writer.tensor(shape)
    writer.operator("LOGISTIC", (x,), (y,), version=2)
    assert check_edgetpu(writer.write(tmp_path, (x,), (y,))).operators[0].mapped is mapped


@pytest.mark.parametrize(
    ("kind", "version"), [("CONV_2D", 6), ("TRANSPOSE_CONV", 4), ("QUANTIZE", 3), ("EXP", 2), ("GELU", 1)]
)
def test_versions_that_the_compiler_cannot_read(tmp_path: Path, kind: str, version: int) -> None:
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    first = writer.convolution(x)
    last = writer.tensor((1, 8, 8, 16))
    if kind == "CONV_2D":
        last = writer.convolution(first, version=version)
    elif kind == "TRANSPOSE_CONV":
        size = writer.tensor((4,), "int32", values=(1, 8, 8, 16))
        weights = writer.tensor((16, 3, 3, 16), values=1)
        writer.operator(
            kind,
            (size, weights, first),
            (last,),
            version=version,
            options="TransposeConvOptions",
            strideH=1,
            strideW=1,
        )
    else:
        writer.operator(kind, (first,), (last,), version=version)
    failure = whole(tmp_path, writer, (x,), (last,))
    assert f"version {version} of operator 1 ({kind}" in failure and "Registration failed" in failure


def test_several_subgraphs(tmp_path: Path) -> None:
    writer = ModelWriter()
    x, y = writer.tensor((1, 8, 8, 16)), writer.tensor((1, 8, 8, 16))
    writer.operator("WHILE", (x,), (y,), options="WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=1)
    other = schema.SubGraphT()
    other.tensors, other.operators = [], []
    other.inputs = other.outputs = np.array([], np.int32)
    writer.model.subgraphs.append(other)
    assert "it holds 2 subgraphs" in whole(tmp_path, writer, (x,), (y,))


def test_models_without_operators(tmp_path: Path) -> None:
    writer = ModelWriter()
    x = writer.tensor((1, 8))
    report = check_edgetpu(writer.write(tmp_path, (x,), (x,)))
    assert (
        report.failure == "it holds no operator" and not report.fully_mapped and report.first_unmapped is None
    )


def test_damaged_files(tmp_path: Path) -> None:
    writer = ModelWriter()
    x = writer.tensor((1, 8, 8, 8))
    data = writer.write(tmp_path, (x,), (writer.convolution(x),)).read_bytes()
    path = tmp_path / "cut.tflite"
    with pytest.raises(UsageError, match="No such file"):
        check_edgetpu(path)
    path.write_bytes(b"PK\x03\x04" * 8)
    with pytest.raises(UsageError, match="is not a TFLite model"):
        check_edgetpu(path)
    refused = 0
    for length in range(8, len(data), 16):
        path.write_bytes(data[:length])
        try:
            check_edgetpu(path)
        except UsageError:
            refused += 1
    assert refused > len(range(8, len(data), 16)) // 2


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(MAPPED)), place=st.floats(0, 1), value=st.integers(0, 255))
def test_damaged_bytes_never_crash(tmp_path: Path, name: str, place: float, value: int) -> None:
    between(tmp_path, MAPPED[name])
    path = tmp_path / "model.tflite"
    data = bytearray(path.read_bytes())
    data[8 + int(place * (len(data) - 9))] = value
    path.write_bytes(data)
    try:
        assert check_edgetpu(path).to_dict()["operators"] is not None
    except UsageError as error:
        assert str(path) in str(error)
