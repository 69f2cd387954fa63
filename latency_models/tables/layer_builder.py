"""`LayerBuilder`: networks written operator by operator, as their converted files have them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from edgenas.graph.opgraph import Operator, OpGraph, Tensor

__all__ = ["LayerBuilder"]

_BIAS_BYTES = 4


class LayerBuilder:
    """Appends operators of a quantised network; each call returns the number of the tensor that it makes.

    In contrast to `GraphBuilder` nothing is fused: activations are named with the operator, kernels may be oblong,
    paddings "valid", outputs several.
    """

    def __init__(self, shape: Sequence[int], dtype: str = "uint8") -> None:
        """Starts a network with one input, tensor 0.

        Args:
            shape: sizes of the input without the batch.
            dtype: element type of all activations.
        """
        self.dtype = dtype
        self._operators: list[Operator] = []
        self._wiring: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self._tensors: dict[int, Tensor] = {0: Tensor((1, *shape), dtype)}

    def shape(self, x: int) -> tuple[int, ...]:
        """Sizes of a tensor with the batch."""
        return self._tensors[x].shape

    def append(
        self, kind: str, reads: Sequence[int], *shapes: Sequence[int], dtype: str = "", **fields: Any
    ) -> int:
        """Adds an operator of type `kind` with results of these shapes; returns the first of them."""
        first = len(self._tensors)
        for number, shape in enumerate(shapes, first):
            self._tensors[number] = Tensor(tuple(shape), dtype or self.dtype)
        writes = tuple(range(first, first + len(shapes)))
        tensors = self._tensors
        operator = Operator(
            kind, tuple(tensors[i] for i in reads), tuple(tensors[i] for i in writes), **fields
        )
        self._operators.append(operator)
        self._wiring.append((tuple(reads), writes))
        return first

    def conv(
        self,
        x: int,
        channels: int,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        *,
        padding: str = "same",
        activation: str = "relu",
    ) -> int:
        """Convolution with bias; `kernel` is (height, width) where it is oblong."""
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        image = self.shape(x)
        out = (_out(image[1], height, stride, padding), _out(image[2], width, stride, padding))
        weights = height * width * image[3] * channels
        return self.append(
            "CONV_2D", (x,), (1, *out, channels), kernel=(height, width), stride=(stride, stride), dilation=(1, 1),
            padding=padding, activation=activation, macs=prod(out) * weights,
            parameter_bytes=weights + _BIAS_BYTES * channels,
        )  # fmt: skip

    def depthwise(self, x: int, kernel: int = 3, stride: int = 1, *, activation: str = "relu6") -> int:
        """Depthwise convolution with bias and "same" padding."""
        _, height, width, channels = self.shape(x)
        out = (_out(height, kernel, stride, "same"), _out(width, kernel, stride, "same"))
        weights = kernel * kernel * channels
        return self.append(
            "DEPTHWISE_CONV_2D", (x,), (1, *out, channels), kernel=(kernel, kernel), stride=(stride, stride),
            dilation=(1, 1), padding="same", activation=activation, macs=prod(out) * weights,
            parameter_bytes=weights + _BIAS_BYTES * channels,
        )  # fmt: skip

    def pool(self, kind: str, x: int, kernel: int, stride: int, *, padding: str = "same") -> int:
        """Pooling; `kind` is "MAX" or "AVERAGE"."""
        _, height, width, channels = self.shape(x)
        out = (_out(height, kernel, stride, padding), _out(width, kernel, stride, padding))
        return self.append(
            f"{kind}_POOL_2D", (x,), (1, *out, channels), kernel=(kernel, kernel), stride=(stride, stride),
            padding=padding,
        )  # fmt: skip

    def global_pool(self, x: int) -> int:
        """Average pooling over the whole map, to one position."""
        size = self.shape(x)[1]
        return self.pool("AVERAGE", x, size, size, padding="valid")

    def mean(self, x: int) -> int:
        """Mean over height and width, to a vector."""
        return self.append("MEAN", (x,), (1, self.shape(x)[-1]), parameter_bytes=8)

    def add(self, a: int, b: int, activation: str = "none") -> int:
        """Sum of two maps."""
        return self.append("ADD", (a, b), self.shape(a), activation=activation)

    def scale_and_shift(self, x: int, activation: str = "relu") -> int:
        """Batch normalisation that no convolution takes in: a product and a sum per channel."""
        channels = self.shape(x)[-1]
        scaled = self.append("MUL", (x,), self.shape(x), parameter_bytes=channels)
        return self.append("ADD", (scaled,), self.shape(x), activation=activation, parameter_bytes=channels)

    def concatenate(self, parts: Sequence[int], axis: int = -1) -> int:
        """Joins tensors along an axis."""
        shape = list(self.shape(parts[0]))
        shape[axis] = sum(self.shape(part)[axis] for part in parts)
        return self.append("CONCATENATION", parts, shape)

    def reshape(self, x: int, *shape: int) -> int:
        """Another shape, without the batch."""
        return self.append("RESHAPE", (x,), (1, *shape), parameter_bytes=4 * (1 + len(shape)))

    def dense(self, x: int, units: int, activation: str = "none") -> int:
        """Dense layer with bias."""
        weights = prod(self.shape(x)) * units
        return self.append(
            "FULLY_CONNECTED", (x,), (1, units), activation=activation, macs=weights,
            parameter_bytes=weights + _BIAS_BYTES * units,
        )  # fmt: skip

    def softmax(self, x: int) -> int:
        """Softmax over the last axis."""
        return self.append("SOFTMAX", (x,), self.shape(x))

    def logistic(self, x: int) -> int:
        """Sigmoid."""
        return self.append("LOGISTIC", (x,), self.shape(x))

    def graph(self, *outputs: int) -> OpGraph:
        """The finished network."""
        names = tuple(f"output_{i}" for i in range(len(outputs))) if len(outputs) > 1 else ("output",)
        return OpGraph(
            tuple(self._operators), tuple(self._wiring), dict(self._tensors), (0,), tuple(outputs), names
        )


def _out(size: int, kernel: int, stride: int, padding: str) -> int:
    return -(-size // stride) if padding == "same" else (size - kernel) // stride + 1
