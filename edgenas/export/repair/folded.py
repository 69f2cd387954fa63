"""`FoldedNetwork`: a network as its float32 file has it, batch norms folded, to change its weights and scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import EdgenasError
from edgenas.export.flat_file import FileOperator, FlatFile

__all__ = ["FoldedNetwork", "Part", "UnknownPartError", "fold"]

IMAGE = -1
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_RESIZES = ("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")


class UnknownPartError(EdgenasError):
    """The network has an operator whose weights the repair does not know how to change."""


@dataclass(frozen=True)
class Part:
    """One operator.

    Attributes:
        type: such as "CONV_2D".
        name: what a user knows it by.
        inputs: numbers of the parts that it reads; -1 is the image.
        activation: "none", "relu" or "relu6".
        stride: rows, columns.
        same: whether the padding is "same".
        size: for a resize, output rows and columns; for pooling, the window.
        factor: for MUL, the constant.
    """

    type: str
    name: str
    inputs: tuple[int, ...]
    activation: str = "none"
    stride: tuple[int, int] = (1, 1)
    same: bool = True
    size: tuple[int, int] = (0, 0)
    factor: float | tuple[float, ...] = 1.0


@dataclass(frozen=True)
class FoldedNetwork:
    """Operators and their weights; the numbers of parts are those of the file's computing operators.

    Attributes:
        input_shape: rows, columns, channels.
        parts: in the order in which they run.
        kernels: of the convolutions by number of part: [kh, kw, in, out], depthwise [kh, kw, channels, 1].
        biases: likewise [out].
        outputs: {head: number of the part}.
    """

    input_shape: tuple[int, int, int]
    parts: tuple[Part, ...]
    kernels: Mapping[int, NDArray[np.float32]]
    biases: Mapping[int, NDArray[np.float32]]
    outputs: Mapping[str, int]

    def with_weights(
        self, kernels: Mapping[int, NDArray[np.float32]], biases: Mapping[int, NDArray[np.float32]]
    ) -> FoldedNetwork:
        """The same network with other weights."""
        return replace(self, kernels=dict(kernels), biases=dict(biases))


def fold(float_file: bytes) -> FoldedNetwork:
    """Reads the network out of its float32 file: there the converter has folded batch norms and fusion weights.

    Raises:
        UnknownPartError: it has an operator other than convolutions, sums, constant factors, pooling and resizes.
    """
    file = FlatFile(float_file)
    writer = {file.input: IMAGE}
    parts: list[Part] = []
    kernels: dict[int, NDArray[np.float32]] = {}
    biases: dict[int, NDArray[np.float32]] = {}
    for number, op in enumerate(file.operators):
        sources = tuple(writer[t] for t in op.inputs if t in writer)
        parts.append(_part(file, op, sources))
        if op.type in _CONVOLUTIONS:
            stored = file.array(op.inputs[1])
            # Files have [out, kh, kw, in] and [1, kh, kw, channels].
            kernels[number] = np.ascontiguousarray(stored.transpose(1, 2, 3, 0), np.float32)
            channels = stored.shape[3] if op.type == "DEPTHWISE_CONV_2D" else stored.shape[0]
            has_bias = len(op.inputs) > 2
            biases[number] = file.array(op.inputs[2]) if has_bias else np.zeros(channels, np.float32)
        writer[op.output] = number
    height, width, channels = file.shape(file.input)[1:]
    outputs = {head: writer[tensor] for head, tensor in file.outputs.items()}
    return FoldedNetwork((height, width, channels), tuple(parts), kernels, biases, outputs)


def _part(file: FlatFile, op: FileOperator, sources: tuple[int, ...]) -> Part:
    options: Any = op.options
    fields: dict[str, Any] = {}
    if op.type in _CONVOLUTIONS or op.type == "MAX_POOL_2D":
        fields = {"stride": (options.strideH, options.strideW), "same": options.padding == 0}
        if op.type == "MAX_POOL_2D":
            fields["size"] = (options.filterHeight, options.filterWidth)
        elif max(options.dilationHFactor, options.dilationWFactor) > 1:
            raise _unknown(op, "dilation")
        elif op.type == "DEPTHWISE_CONV_2D" and options.depthMultiplier != 1:
            raise _unknown(op, "a depth multiplier")
    elif op.type in _RESIZES:
        if options.alignCorners or options.halfPixelCenters:
            raise _unknown(op, "aligned corners or half-pixel centres")
        fields = {"size": file.shape(op.output)[1:3]}
    elif op.type == "MUL":
        constants = [t for t in op.inputs if file.is_constant(t)]
        if len(constants) != 1 or len(sources) != 1:
            raise _unknown(op, "two inputs that are no constants")
        values = file.array(constants[0]).ravel().tolist()
        fields = {"factor": values[0] if len(values) == 1 else tuple(values)}
    elif op.type != "ADD" or len(sources) != 2:
        raise _unknown(op, "its type")
    if op.activation == "other":
        raise _unknown(op, "its activation")
    return Part(op.type, op.name, sources, op.activation, **fields)


def _unknown(op: FileOperator, what: str) -> UnknownPartError:
    return UnknownPartError(
        f"The repair of weights does not know the operator {op.name} ({op.type}): {what}."
    )
