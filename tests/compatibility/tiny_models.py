"""Writes small .tflite files operator by operator, with what a converter would not easily leave wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

__all__ = ["ModelWriter"]

_TYPES = {
    "float32": 0, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9,
}  # fmt: skip


class ModelWriter:
    """One graph; tensors are numbers. Feature maps are int8 with a scale unless told otherwise."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.operatorCodes, self.model.buffers = 3, [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scales: int | None = None,
        zero_point: int = 0,
        signature: Sequence[int] | None = None,
        variable: bool = False,
        values: npt.ArrayLike | None = None,
    ) -> int:
        """A feature map, or a constant where values are given."""
        made = schema.TensorT()
        made.name = f"tensor{len(self.graph.tensors)}".encode()
        made.shape, made.type, made.isVariable = np.array(shape, np.int32), _TYPES[dtype], variable
        made.shapeSignature = None if signature is None else np.array(signature, np.int32)
        if scales is None:
            scales = int(dtype in ("int8", "uint8", "int16"))
        if scales:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.full(scales, 0.1, np.float32)
            made.quantization.zeroPoint = np.full(scales, zero_point, np.int64)
        if values is not None:
            buffer = schema.BufferT()
            array = np.ascontiguousarray(np.broadcast_to(np.array(values, dtype), shape))
            buffer.data = np.frombuffer(array.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operator(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        version: int = 1,
        options: str = "",
        **fields: Any,
    ) -> None:
        """An operator; `kind` is a builtin name, or the name of a custom one. `options` names its option table."""
        code = schema.OperatorCodeT()
        builtin = getattr(schema.BuiltinOperator, kind, None)
        code.builtinCode = schema.BuiltinOperator.CUSTOM if builtin is None else builtin
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.customCode, code.version = (kind.encode() if builtin is None else None), version
        self.model.operatorCodes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in fields.items():
                setattr(made.builtinOptions, name, value)
        self.graph.operators.append(made)

    def convolution(
        self, x: int, channels: int = 16, *, groups: int = 1, version: int = 3, **fields: Any
    ) -> int:
        """3x3, stride 1, "same"."""
        _, height, width, depth = self.graph.tensors[x].shape.tolist()
        weights = self.tensor((channels, 3, 3, depth // groups), scales=channels, values=1)
        bias = self.tensor((channels,), "int32", values=0)
        y = self.tensor((1, height, width, channels))
        given = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, **fields}
        self.operator("CONV_2D", (x, weights, bias), (y,), version=version, options="Conv2DOptions", **given)
        return y

    def write(self, folder: Path, inputs: Sequence[int], outputs: Sequence[int], name: str = "model") -> Path:
        """The file."""
        self.graph.inputs, self.graph.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        path = folder / f"{name}.tflite"
        path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(self.model))
        return path
