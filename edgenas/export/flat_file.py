"""`FlatFile`: the operators, constants and scales of a .tflite file, to read and to change; no TensorFlow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FileOperator", "FlatFile"]

_NUMPY = {"FLOAT32": "float32", "INT32": "int32", "INT8": "int8", "INT16": "int16", "INT64": "int64"}
_CASTS = frozenset({"QUANTIZE", "DEQUANTIZE"})
_ACTIVATIONS = {0: "none", 1: "relu", 3: "relu6"}


@dataclass(frozen=True)
class FileOperator:
    """One operator of a file.

    Attributes:
        type: such as "CONV_2D".
        name: what a user knows it by, such as "stage1_block1/expand"; an output's operator has the output's name.
        inputs: numbers of the tensors it reads, constants included.
        output: number of the tensor it writes, its first.
        activation: "none", "relu", "relu6" or "other".
        options: its table of the schema.
    """

    type: str
    name: str
    inputs: tuple[int, ...]
    output: int
    activation: str
    options: Any


class FlatFile:
    """A .tflite file with one graph, taken apart.

    Args:
        data: the file.

    Attributes:
        operators: in the order in which they run.
        input: number of the input tensor.
        outputs: {name in the signature: number of the tensor}.
    """

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema
        from ai_edge_litert.tools import flatbuffer_utils

        self._types = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
        kinds = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._model = flatbuffer_utils.read_model_from_bytearray(bytearray(data))
        self._graph = self._model.subgraphs[0]
        self.input = int(self._graph.inputs[0])
        signatures = self._model.signatureDefs or []
        entries = signatures[0].outputs if signatures else []
        self.outputs: dict[str, int] = {e.name.decode(): int(e.tensorIndex) for e in entries}
        own_names = {tensor: name for name, tensor in self.outputs.items()}
        self.operators: list[FileOperator] = []
        for op in self._graph.operators:
            code = self._model.operatorCodes[op.opcodeIndex]
            output = int(op.outputs[0])
            self.operators.append(
                FileOperator(
                    kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM"),
                    own_names.get(output) or _short(self.tensor_name(output)),
                    tuple(int(t) for t in op.inputs if t >= 0),
                    output,
                    _ACTIVATIONS.get(getattr(op.builtinOptions, "fusedActivationFunction", 0), "other"),
                    op.builtinOptions,
                )
            )

    @property
    def computing(self) -> list[FileOperator]:
        """The operators that compute: without those that only change the element type."""
        return [op for op in self.operators if op.type not in _CASTS]

    def tensor_name(self, tensor: int) -> str:
        """A tensor's name as the file has it."""
        return str(self._graph.tensors[tensor].name.decode(errors="replace"))

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(int(n) for n in self._graph.tensors[tensor].shape)

    def is_constant(self, tensor: int) -> bool:
        """Whether a tensor is stored in the file."""
        data = self._model.buffers[self._graph.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def array(self, tensor: int) -> NDArray[Any]:
        """A copy of a constant's numbers, as they are stored."""
        found = self._graph.tensors[tensor]
        data = np.asarray(self._model.buffers[found.buffer].data, np.uint8).tobytes()
        kind = np.dtype(_NUMPY[self._types[found.type]]).newbyteorder("<")
        return np.frombuffer(data, kind).astype(kind.newbyteorder("=")).reshape(self.shape(tensor))

    def set_array(self, tensor: int, values: NDArray[Any]) -> None:
        """Stores other numbers of the same shape and type; the tensor gets a buffer of its own."""
        from ai_edge_litert import schema_py_generated as schema

        found = self._graph.tensors[tensor]
        kind = np.dtype(_NUMPY[self._types[found.type]]).newbyteorder("<")
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values, kind).tobytes(), np.uint8)
        users = sum(other.buffer == found.buffer for other in self._graph.tensors)
        if users == 1:
            self._model.buffers[found.buffer] = buffer
        else:
            self._model.buffers.append(buffer)
            found.buffer = len(self._model.buffers) - 1

    def scales(self, tensor: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scales and zero points of a tensor: one, or one per channel; empty where it is not quantised."""
        q = self._graph.tensors[tensor].quantization
        if q is None or q.scale is None:
            return np.zeros(0), np.zeros(0, np.int64)
        return np.asarray(q.scale, np.float64), np.asarray(q.zeroPoint, np.int64)

    def to_bytes(self) -> bytes:
        """The file as it is now."""
        from ai_edge_litert.tools import flatbuffer_utils

        return bytes(flatbuffer_utils.convert_object_to_bytearray(self._model))


def _short(name: str) -> str:
    """A layer's path from a tensor's name.

    The converter joins the names of what it folds, "MODEL/A/B;MODEL/C/D"; each path starts with the model and ends with
    the operator, and its parts carry the number of the trace ("_1") where the model was called before.
    """
    paths = [part.split("/") for part in name.split(";")]
    kernels = [path for path in paths if re.match(r"(convolution|depthwise)", path[-1])]
    path = (kernels or paths)[-1]
    trace = re.search(r"_\d+$", path[0])
    layers = path[1:-1] or path[-1:]
    if trace is not None:
        layers = [re.sub(r"_\d+$", "", layer) for layer in layers]
    residual = len(path) == 3 and path[-1].startswith("add")
    return "/".join([*layers, "add"] if residual else layers)
