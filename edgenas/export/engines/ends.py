"""`with_ends`: other element types for the input and the outputs of an int8 file."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgenas.errors import EdgenasError
from edgenas.export.candidate import IoTypes

__all__ = ["with_ends"]

_SHIFT = 128
"""uint8 = int8 + 128, with the same scale."""


def with_ends(data: bytes, io: IoTypes) -> bytes:
    """Puts an operator QUANTIZE or DEQUANTIZE before and behind an int8 network.

    What lies between is untouched, so that both engines offer the same types. Outputs that are no int8 numbers
    with a scale (labels) keep their type.

    Args:
        data: a file whose input is int8.
        io: "int8" leaves an end as it is.

    Raises:
        EdgenasError: the file's input is not int8.
    """
    if io == IoTypes():
        return data
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
    graph = model.subgraphs[0]
    builtin = schema.BuiltinOperator
    if graph.tensors[graph.inputs[0]].type != schema.TensorType.INT8:
        raise EdgenasError("The converted network does not take int8 images; its ends cannot be changed.")

    def code(kind: int, version: int) -> int:
        item = schema.OperatorCodeT()
        item.builtinCode = item.deprecatedBuiltinCode = kind
        item.version = version
        model.operatorCodes.append(item)
        return len(model.operatorCodes) - 1

    def twin(tensor: int, kind: str) -> int:
        """A tensor with the same values in another element type."""
        old = graph.tensors[tensor]
        new = schema.TensorT()
        new.name, new.shape, new.buffer = old.name + b"_" + kind.encode(), old.shape, 0
        new.type = {"uint8": schema.TensorType.UINT8, "float32": schema.TensorType.FLOAT32}[kind]
        if kind == "uint8":
            new.quantization = schema.QuantizationParametersT()
            new.quantization.scale = old.quantization.scale
            new.quantization.zeroPoint = np.asarray(old.quantization.zeroPoint) + _SHIFT
        graph.tensors.append(new)
        return len(graph.tensors) - 1

    def operator(kind: int, source: int, target: int) -> Any:
        item = schema.OperatorT()
        floats = schema.TensorType.FLOAT32 in (graph.tensors[source].type, graph.tensors[target].type)
        # Version 2: DEQUANTIZE of int8, QUANTIZE from one integer type to another.
        item.opcodeIndex = code(kind, 1 if floats and kind == builtin.QUANTIZE else 2)
        item.inputs, item.outputs = [source], [target]
        return item

    moved = {}
    if io.input != "int8":
        old = int(graph.inputs[0])
        moved[old] = twin(old, io.input)
        graph.inputs = [moved[old]]
        graph.operators.insert(0, operator(builtin.QUANTIZE, moved[old], old))
    if io.output != "int8":
        for old in map(int, graph.outputs):
            tensor = graph.tensors[old]
            scales = tensor.quantization.scale if tensor.quantization is not None else None
            if tensor.type != schema.TensorType.INT8 or scales is None or not len(scales):
                continue
            moved[old] = twin(old, io.output)
            kind = builtin.DEQUANTIZE if io.output == "float32" else builtin.QUANTIZE
            graph.operators.append(operator(kind, old, moved[old]))
        graph.outputs = [moved.get(int(t), int(t)) for t in graph.outputs]
    for signature in model.signatureDefs:
        for entry in (*signature.inputs, *signature.outputs):
            entry.tensorIndex = moved.get(entry.tensorIndex, entry.tensorIndex)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
