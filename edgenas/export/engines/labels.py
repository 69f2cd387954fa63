"""`with_labels`: class numbers instead of class scores at the end of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["with_labels"]


def with_labels(data: bytes, heads: Mapping[str, int]) -> bytes:
    """Puts ARG_MAX, a cast to uint8 and, where asked, a nearest-neighbour resize behind outputs.

    Done on the finished file, so that both engines and every format offer it, and scores are what they are compared
    by. No Edge TPU compiler maps ARG_MAX: it and what follows run on the CPU, on the smaller map where there is one.

    Args:
        data: a file with a signature.
        heads: {output name: how many times labels are repeated in both directions}; outputs [1, H, W, C], C <= 256.

    Returns:
        The file; these outputs are uint8 [1, H, W].
    """
    if not heads:
        return data
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    writer = _Writer(model)
    moved = {}
    for entry in model.signatureDefs[0].outputs:
        name = entry.name.decode()
        if name in heads:
            moved[entry.tensorIndex] = entry.tensorIndex = writer.labels(entry.tensorIndex, name, heads[name])
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


class _Writer:
    def __init__(self, model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model = model
        self._graph = model.subgraphs[0]

    def labels(self, scores: int, name: str, factor: int) -> int:
        schema, kind = self._schema, self._schema.BuiltinOperator
        _, rows, columns, _ = (int(n) for n in self._graph.tensors[scores].shape)
        low, small = (1, rows, columns), (1, rows, columns, 1)
        large = (1, rows * factor, columns * factor)
        options = schema.ArgMaxOptionsT()
        options.outputType = schema.TensorType.INT32
        numbers = self._tensor(f"{name}_argmax", low, schema.TensorType.INT32)
        axis = self._constant(f"{name}_axis", np.array(3, np.int32))
        self._operator(kind.ARG_MAX, 2, [scores, axis], numbers, schema.BuiltinOptions.ArgMaxOptions, options)
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = schema.TensorType.INT32, schema.TensorType.UINT8
        result = self._tensor(f"{name}_labels_low", low, schema.TensorType.UINT8)
        self._operator(kind.CAST, 1, [numbers], result, schema.BuiltinOptions.CastOptions, cast)
        if factor > 1:
            result = self._reshape(result, f"{name}_labels_map", small)
            resized = self._tensor(f"{name}_labels_large", (*large, 1), schema.TensorType.UINT8)
            size = self._constant(f"{name}_size", np.array(large[1:], np.int32))
            nearest = schema.ResizeNearestNeighborOptionsT()
            self._operator(
                kind.RESIZE_NEAREST_NEIGHBOR, 1, [result, size], resized,
                schema.BuiltinOptions.ResizeNearestNeighborOptions, nearest,
            )  # fmt: skip
            result = self._reshape(resized, f"{name}_labels", large)
        self._graph.outputs = [result if int(t) == scores else int(t) for t in self._graph.outputs]
        return result

    def _reshape(self, source: int, name: str, shape: tuple[int, ...]) -> int:
        schema = self._schema
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        target = self._tensor(name, shape, schema.TensorType.UINT8)
        wanted = self._constant(f"{name}_shape", np.array(shape, np.int32))
        self._operator(
            schema.BuiltinOperator.RESHAPE, 1, [source, wanted], target,
            schema.BuiltinOptions.ReshapeOptions, options,
        )  # fmt: skip
        return target

    def _tensor(self, name: str, shape: tuple[int, ...], type: int, buffer: int = 0) -> int:
        item = self._schema.TensorT()
        item.name, item.shape, item.type, item.buffer = name.encode(), list(shape), type, buffer
        self._graph.tensors.append(item)
        return len(self._graph.tensors) - 1

    def _constant(self, name: str, values: np.ndarray) -> int:
        buffer = self._schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._tensor(name, values.shape, self._schema.TensorType.INT32, len(self._model.buffers) - 1)

    def _operator(
        self, kind: int, version: int, inputs: list[int], output: int, options_type: int, options: Any
    ) -> None:
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = version
        self._model.operatorCodes.append(code)
        item = self._schema.OperatorT()
        item.opcodeIndex, item.inputs, item.outputs = len(self._model.operatorCodes) - 1, inputs, [output]
        item.builtinOptionsType, item.builtinOptions = options_type, options
        self._graph.operators.append(item)
