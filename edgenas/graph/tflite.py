"""Reads the `OpGraph` of any .tflite file through the flatbuffer schema of ai-edge-litert; no TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.storage import read_file

__all__ = ["MOST_BYTES", "parse_tflite", "read_tflite"]

MOST_BYTES = 4 << 30
"""The largest .tflite file that is read: twice what offsets of a flatbuffer reach."""

_MAX_ITEMS = 200_000
_DTYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16",
    8: "complex64", 9: "int8", 10: "float64", 11: "complex128", 12: "uint64", 15: "uint32", 16: "uint16",
}  # fmt: skip
_MALFORMED = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, MemoryError)


def read_tflite(path: Path) -> OpGraph:
    """Reads the main graph of a .tflite file.

    Raises:
        UsageError: the file is missing, no plain file, is not a TFLite model, or is cut short or damaged.
    """
    return parse_tflite(read_file(path, most_bytes=MOST_BYTES), str(path))


def parse_tflite(data: bytes, source: str = "model") -> OpGraph:
    """Reads the main graph of a TFLite flatbuffer held in memory; `source` names it in errors."""
    if len(data) < 16 or data[4:8] != b"TFL3":
        raise UsageError(
            f"{source} is not a TFLite model. Expected the file identifier 'TFL3' at byte 4. "
            f"Received {len(data)} bytes starting with {data[:8]!r}."
        )
    try:
        return _Reader(data).graph()
    except _MALFORMED as error:
        raise UsageError(
            f"{source} is damaged or cut short: its tables point outside of its {len(data)} bytes "
            f"({type(error).__name__}: {error}). Export or download it again."
        ) from error


class _Reader:
    """One pass over the main subgraph; every length is checked before it is trusted."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._size = len(data)
        self._model = schema.Model.GetRootAs(data, 0)
        if self._model.SubgraphsLength() < 1:
            raise ValueError("no subgraph")
        # Weights are not read, but a file that lacks some of them would not run.
        for i in self._items(self._model.BuffersLength()):
            self._require_present(i)
        self._graph = self._model.Subgraphs(0)
        self._names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._tensors: dict[int, Tensor] = {}
        self._constant: dict[int, bool] = {}

    def graph(self) -> OpGraph:
        g = self._graph
        operators, wiring = [], []
        for i in self._items(g.OperatorsLength()):
            op = g.Operators(i)
            reads = [int(t) for t in self._vector(op.InputsAsNumpy()) if t >= 0]
            writes = tuple(int(t) for t in self._vector(op.OutputsAsNumpy()))
            for t in (*reads, *writes):
                self._load_tensor(t)
            activations = tuple(t for t in reads if not self._constant[t])
            operators.append(self._operator(op, reads, activations, writes))
            wiring.append((activations, writes))
        inputs = tuple(int(t) for t in self._vector(g.InputsAsNumpy()))
        outputs = tuple(int(t) for t in self._vector(g.OutputsAsNumpy()))
        for t in (*inputs, *outputs):
            self._load_tensor(t)
        used = {t for reads, writes in wiring for t in (*reads, *writes)} | {*inputs, *outputs}
        tensors = {t: self._tensors[t] for t in sorted(used)}
        return OpGraph(tuple(operators), tuple(wiring), tensors, inputs, outputs, self._output_names(outputs))

    def _items(self, length: int) -> Iterator[int]:
        if not 0 <= length <= min(_MAX_ITEMS, self._size):
            raise ValueError(f"a list claims {length} entries")
        return iter(range(length))

    def _require_present(self, index: int) -> None:
        """Refuses a buffer that ends behind the end of the file."""
        buffer = self._model.Buffers(index)
        field = buffer._tab.Offset(4)
        end = buffer._tab.Vector(field) + buffer.DataLength() if field else 0
        end = max(end, buffer.Offset() + buffer.Size() if buffer.Offset() > 1 else 0)
        if end > self._size:
            raise ValueError(f"buffer {index} ends at byte {end}")

    def _vector(self, values: Any) -> Any:
        return [] if isinstance(values, int) else values

    def _load_tensor(self, index: int) -> None:
        if index in self._tensors:
            return
        if not 0 <= index < self._graph.TensorsLength():
            raise ValueError(f"tensor {index} does not exist")
        tensor = self._graph.Tensors(index)
        shape = tuple(int(n) for n in self._vector(tensor.ShapeAsNumpy()))
        if any(n < 0 for n in shape) or len(shape) > 16:
            raise ValueError(f"tensor {index} has the shape {shape}")
        buffer_index = tensor.Buffer()
        if not 0 <= buffer_index < self._model.BuffersLength():
            raise ValueError(f"buffer {buffer_index} does not exist")
        buffer = self._model.Buffers(buffer_index)
        self._tensors[index] = Tensor(shape, _DTYPES.get(tensor.Type(), "unknown"))
        # Buffers of files above 2 GiB lie behind the flatbuffer: offset 1 or more.
        self._constant[index] = buffer.DataLength() > 0 or buffer.Offset() > 1

    def _operator(
        self, op: Any, reads: list[int], activations: tuple[int, ...], writes: tuple[int, ...]
    ) -> Operator:
        if not 0 <= op.OpcodeIndex() < self._model.OperatorCodesLength():
            raise ValueError(f"operator code {op.OpcodeIndex()} does not exist")
        code = self._model.OperatorCodes(op.OpcodeIndex())
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = self._names.get(builtin, f"BUILTIN_{builtin}")
        if name == "CUSTOM":
            name = (code.CustomCode() or b"CUSTOM").decode(errors="replace")
        constants = [self._tensors[t] for t in reads if self._constant[t]]
        ins = tuple(self._tensors[t] for t in activations)
        outs = tuple(self._tensors[t] for t in writes)
        fields: dict[str, Any] = {}
        if name in _DETAILS and op.BuiltinOptions() is not None:
            option_name, details = _DETAILS[name]
            options = getattr(self._schema, option_name)()
            table = op.BuiltinOptions()
            options.Init(table.Bytes, table.Pos)
            fields = details(options, [self._tensors[t] for t in reads], outs)
        return Operator(name, ins, outs, parameter_bytes=sum(t.bytes for t in constants), **fields)

    def _output_names(self, outputs: tuple[int, ...]) -> tuple[str, ...]:
        names = {t: (self._graph.Tensors(t).Name() or b"").decode(errors="replace") for t in outputs}
        for i in self._items(self._model.SignatureDefsLength()):
            signature = self._model.SignatureDefs(i)
            if signature.SubgraphIndex() == 0:
                for j in self._items(signature.OutputsLength()):
                    entry = signature.Outputs(j)
                    names[entry.TensorIndex()] = (entry.Name() or b"").decode(errors="replace")
                break
        return tuple(names[t] for t in outputs)


_PADDING = {0: "same", 1: "valid"}
_ACTIVATION = {0: "none", 1: "relu", 2: "relu_n1_to_1", 3: "relu6", 4: "tanh", 5: "sign_bit"}


def _window(o: Any) -> dict[str, Any]:
    return {
        "stride": (o.StrideH(), o.StrideW()),
        "padding": _PADDING.get(o.Padding(), ""),
        "activation": _ACTIVATION.get(o.FusedActivationFunction(), "unknown"),
    }


def _dilation(o: Any) -> tuple[int, int]:
    return (o.DilationHFactor(), o.DilationWFactor())


def _conv(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    _, height, width, depth = reads[1].shape  # weights are [out, kh, kw, in / groups]
    macs = outs[0].elements * height * width * depth
    return {**_window(o), "dilation": _dilation(o), "kernel": (height, width), "macs": macs}


def _depthwise(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    _, height, width, _ = reads[1].shape
    macs = outs[0].elements * height * width
    return {**_window(o), "dilation": _dilation(o), "kernel": (height, width), "macs": macs}


def _transpose_conv(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    channels, height, width, _ = reads[1].shape
    return {
        "stride": (o.StrideH(), o.StrideW()),
        "padding": _PADDING.get(o.Padding(), ""),
        "activation": _ACTIVATION.get(o.FusedActivationFunction(), "unknown"),
        "kernel": (height, width),
        "macs": reads[2].elements * height * width * channels,
    }


def _pool(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    return {**_window(o), "kernel": (o.FilterHeight(), o.FilterWidth())}


def _dense(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    macs = outs[0].elements * reads[1].shape[-1]
    return {"activation": _ACTIVATION.get(o.FusedActivationFunction(), "unknown"), "macs": macs}


def _fused_activation(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    return {"activation": _ACTIVATION.get(o.FusedActivationFunction(), "unknown")}


def _resize(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    flags = (("align_corners", o.AlignCorners()), ("half_pixel_centers", o.HalfPixelCenters()))
    return {"flags": tuple(name for name, on in flags if on)}


def _batch_matmul(o: Any, reads: list[Tensor], outs: tuple[Tensor, ...]) -> dict[str, Any]:
    inner = reads[0].shape[-2 if o.AdjX() else -1]
    return {"macs": int(np.int64(prod(outs[0].shape)) * inner)}


_Details = Callable[[Any, list[Tensor], tuple[Tensor, ...]], dict[str, Any]]
_DETAILS: dict[str, tuple[str, _Details]] = {
    "CONV_2D": ("Conv2DOptions", _conv),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _depthwise),
    "TRANSPOSE_CONV": ("TransposeConvOptions", _transpose_conv),
    "FULLY_CONNECTED": ("FullyConnectedOptions", _dense),
    "BATCH_MATMUL": ("BatchMatMulOptions", _batch_matmul),
    "AVERAGE_POOL_2D": ("Pool2DOptions", _pool),
    "MAX_POOL_2D": ("Pool2DOptions", _pool),
    "ADD": ("AddOptions", _fused_activation),
    "SUB": ("SubOptions", _fused_activation),
    "MUL": ("MulOptions", _fused_activation),
    "CONCATENATION": ("ConcatenationOptions", _fused_activation),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", _resize),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", _resize),
}
