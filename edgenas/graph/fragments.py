"""Pieces of networks as operators: what the converter makes of a block, a fusion node, a head.

Each piece is built once and cached, so that a predictor can price whole architectures piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from edgenas.graph.opgraph import Operator, OpGraph, Tensor

__all__ = [
    "Fragment",
    "GraphAssembler",
    "Shape",
    "add",
    "block",
    "head",
    "lateral",
    "pool",
    "scale",
    "separable",
    "stem",
    "upsample",
]

Shape = tuple[int, int, int]  # height, width, channels
_CACHE = 65536
_BIAS_BYTES = 4


@dataclass(frozen=True, eq=False, slots=True)
class Fragment:
    """Operators with their wiring inside the piece; cached, hence compared and hashed by identity.

    Attributes:
        operators: in execution order; each has one output.
        reads: per operator its inputs: n >= 0 is the output of operator n of the piece, -1 - n is input n.
        output: shape of the last operator's output.
    """

    operators: tuple[Operator, ...]
    reads: tuple[tuple[int, ...], ...]
    output: Shape


def _tensor(shape: Shape, dtype: str) -> Tensor:
    return Tensor((1, *shape), dtype)


def _conv(
    x: Shape, channels: int, kernel: int, stride: int, activation: str, dtype: str
) -> tuple[Operator, Shape]:
    out = (-(-x[0] // stride), -(-x[1] // stride), channels)
    weights = channels * kernel * kernel * x[2]
    operator = Operator(
        "CONV_2D", (_tensor(x, dtype),), (_tensor(out, dtype),), (kernel, kernel), (stride, stride), (1, 1), "same",
        activation, out[0] * out[1] * weights, weights * (1 if dtype == "int8" else 4) + channels * _BIAS_BYTES,
    )  # fmt: skip
    return operator, out


def _depthwise(x: Shape, kernel: int, stride: int, activation: str, dtype: str) -> tuple[Operator, Shape]:
    out = (-(-x[0] // stride), -(-x[1] // stride), x[2])
    weights = kernel * kernel * x[2]
    operator = Operator(
        "DEPTHWISE_CONV_2D", (_tensor(x, dtype),), (_tensor(out, dtype),), (kernel, kernel), (stride, stride), (1, 1),
        "same", activation, out[0] * out[1] * weights, weights * (1 if dtype == "int8" else 4) + x[2] * _BIAS_BYTES,
    )  # fmt: skip
    return operator, out


def _add(x: Shape, activation: str, dtype: str) -> Operator:
    t = _tensor(x, dtype)
    return Operator("ADD", (t, t), (t,), activation=activation)


def _resize(x: Shape, kind: str, dtype: str) -> tuple[Operator, Shape]:
    out = (2 * x[0], 2 * x[1], x[2])
    return Operator(kind, (_tensor(x, dtype),), (_tensor(out, dtype),), parameter_bytes=8), out


def _chain(operators: list[Operator]) -> tuple[tuple[int, ...], ...]:
    return tuple((i - 1,) for i in range(len(operators)))


@lru_cache(maxsize=_CACHE)
def stem(x: Shape, channels: int, activation: str, dtype: str) -> Fragment:
    """3x3 convolution, stride 2."""
    operator, out = _conv(x, channels, 3, 2, activation, dtype)
    return Fragment((operator,), ((-1,),), out)


@lru_cache(maxsize=_CACHE)
def block(
    x: Shape, kind: str, channels: int, kernel: int, expansion: int, stride: int, activation: str, dtype: str
) -> Fragment:
    """An inverted bottleneck or its fused form, with the residual where it applies."""
    operators = []
    shape = x
    if kind == "fused_ibn":
        operator, shape = _conv(shape, x[2] * expansion, kernel, stride, activation, dtype)
        operators.append(operator)
    else:
        if expansion > 1:
            operator, shape = _conv(shape, x[2] * expansion, 1, 1, activation, dtype)
            operators.append(operator)
        operator, shape = _depthwise(shape, kernel, stride, activation, dtype)
        operators.append(operator)
    operator, shape = _conv(shape, channels, 1, 1, "none", dtype)
    operators.append(operator)
    reads = _chain(operators)
    if stride == 1 and x[2] == channels:
        operators.append(_add(shape, "none", dtype))
        reads = (*reads, (len(operators) - 2, -1))
    return Fragment(tuple(operators), reads, shape)


@lru_cache(maxsize=_CACHE)
def lateral(x: Shape, channels: int, dtype: str) -> Fragment:
    """The 1x1 convolution that brings a backbone map to the width of the BiFPN."""
    operator, out = _conv(x, channels, 1, 1, "none", dtype)
    return Fragment((operator,), ((-1,),), out)


@lru_cache(maxsize=_CACHE)
def upsample(x: Shape, dtype: str) -> Fragment:
    """Nearest-neighbour 2x."""
    operator, out = _resize(x, "RESIZE_NEAREST_NEIGHBOR", dtype)
    return Fragment((operator,), ((-1,),), out)


@lru_cache(maxsize=_CACHE)
def pool(x: Shape, dtype: str) -> Fragment:
    """2x2 max-pooling."""
    out = (x[0] // 2, x[1] // 2, x[2])
    operator = Operator(
        "MAX_POOL_2D", (_tensor(x, dtype),), (_tensor(out, dtype),), (2, 2), (2, 2), (0, 0), "valid"
    )
    return Fragment((operator,), ((-1,),), out)


@lru_cache(maxsize=_CACHE)
def scale(x: Shape, dtype: str) -> Fragment:
    """Multiplication by a constant: one weight of a fast normalised fusion."""
    t = _tensor(x, dtype)
    operator = Operator("MUL", (t,), (t,), parameter_bytes=1 if dtype == "int8" else 4)
    return Fragment((operator,), ((-1,),), x)


@lru_cache(maxsize=_CACHE)
def add(x: Shape, activation: str, dtype: str) -> Fragment:
    """Sum of two equally shaped maps."""
    return Fragment((_add(x, activation, dtype),), ((-1, -2),), x)


@lru_cache(maxsize=_CACHE)
def separable(x: Shape, dtype: str) -> Fragment:
    """3x3 depthwise and 1x1 pointwise convolution without activation."""
    depthwise, shape = _depthwise(x, 3, 1, "none", dtype)
    pointwise, shape = _conv(shape, x[2], 1, 1, "none", dtype)
    return Fragment((depthwise, pointwise), ((-1,), (0,)), shape)


@lru_cache(maxsize=_CACHE)
def head(x: Shape, channels: int, width: int, depth: int, activation: str, dtype: str) -> Fragment:
    """Separable convolutions, the classifier and two bilinear 2x steps."""
    operators = []
    shape = x
    for _ in range(depth):
        operator, shape = _depthwise(shape, 3, 1, "none", dtype)
        operators.append(operator)
        operator, shape = _conv(shape, width, 1, 1, activation, dtype)
        operators.append(operator)
    operator, shape = _conv(shape, channels, 1, 1, "none", dtype)
    operators.append(operator)
    for _ in range(2):
        operator, shape = _resize(shape, "RESIZE_BILINEAR", dtype)
        operators.append(operator)
    return Fragment(tuple(operators), _chain(operators), shape)


class GraphAssembler:
    """Joins fragments into an `OpGraph` with numbered tensors."""

    def __init__(self, x: Shape, dtype: str) -> None:
        self._operators: list[Operator] = []
        self._wiring: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        self._tensors = {0: _tensor(x, dtype)}

    def add(self, fragment: Fragment, inputs: list[int]) -> int:
        """Appends a fragment that reads the tensors `inputs`; returns the number of its output tensor."""
        base = len(self._tensors)
        for i, (operator, reads) in enumerate(zip(fragment.operators, fragment.reads, strict=True)):
            sources = tuple(base + r if r >= 0 else inputs[-1 - r] for r in reads)
            self._operators.append(operator)
            self._wiring.append((sources, (base + i,)))
            self._tensors[base + i] = operator.outputs[0]
        return base + len(fragment.operators) - 1

    def graph(self, outputs: tuple[int, ...], names: tuple[str, ...]) -> OpGraph:
        """The finished graph."""
        return OpGraph(tuple(self._operators), tuple(self._wiring), self._tensors, (0,), outputs, names)
