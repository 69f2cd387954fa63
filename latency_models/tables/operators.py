"""Operators of public networks as the TFLite converter leaves them, each made once and shared.

Every function gives a `Choice`: the operator alone, and the same with a ReLU fused into it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import NamedTuple

from edgenas.graph.opgraph import Operator, Tensor

__all__ = [
    "Choice",
    "Image",
    "add",
    "add_constant",
    "concatenation",
    "conv",
    "depthwise",
    "fully_connected",
    "global_mean",
    "multiply_constant",
    "pool",
    "relu",
    "reshape",
    "tensor",
    "transpose",
]

Image = tuple[int, ...]
"""Sizes of a tensor without the batch: height, width, channels of a map, or the length of a vector."""

_CACHE = 1 << 16
_BIAS_BYTES = 4
_AXES_BYTES = 8  # Two int32 axes of a mean over height and width.


class Choice(NamedTuple):
    """One operator in the two forms that the converter can leave.

    Attributes:
        plain: without a fused activation.
        with_relu: with a ReLU in it, `None` for operators that cannot hold one.
    """

    plain: Operator
    with_relu: Operator | None


@lru_cache(maxsize=_CACHE)
def tensor(image: Image, dtype: str) -> Tensor:
    """The tensor of one image, batch 1."""
    return Tensor((1, *image), dtype)


def _both(operator: Operator) -> Choice:
    return Choice(operator, replace(operator, activation="relu"))


def _weight_bytes(count: int, biases: int, dtype: str) -> int:
    return count * (1 if dtype == "int8" else 4) + biases * _BIAS_BYTES


@lru_cache(maxsize=_CACHE)
def conv(
    x: Image,
    y: Image,
    kernel: int,
    stride: int,
    dtype: str,
    *,
    groups: int = 1,
    padding: str = "same",
    zero: bool = False,
) -> Choice:
    """Convolution from map `x` to map `y`; with groups each result reads `1 / groups` of the channels of `x`.

    The flag "zero" marks weights that are all zero.
    """
    depth = x[-1] // groups
    weights = y[-1] * kernel * kernel * depth
    operator = Operator(
        "CONV_2D", (tensor(x, dtype),), (tensor(y, dtype),), (kernel, kernel), (stride, stride), (1, 1), padding,
        macs=y[0] * y[1] * weights, parameter_bytes=_weight_bytes(weights, y[-1], dtype),
        flags=((f"groups={groups}",) if groups > 1 else ()) + (("zero",) if zero else ()),
    )  # fmt: skip
    return _both(operator)


@lru_cache(maxsize=_CACHE)
def depthwise(x: Image, y: Image, kernel: int, stride: int, dtype: str, *, padding: str = "same") -> Choice:
    """Depthwise convolution from map `x` to map `y`."""
    weights = kernel * kernel * y[-1]
    operator = Operator(
        "DEPTHWISE_CONV_2D", (tensor(x, dtype),), (tensor(y, dtype),), (kernel, kernel), (stride, stride), (1, 1),
        padding, macs=y[0] * y[1] * weights, parameter_bytes=_weight_bytes(weights, y[-1], dtype),
    )  # fmt: skip
    return _both(operator)


@lru_cache(maxsize=_CACHE)
def pool(
    kind: str, x: Image, y: Image, kernel: int, stride: int, dtype: str, *, padding: str = "same"
) -> Choice:
    """Pooling; `kind` is "AVERAGE_POOL_2D" or "MAX_POOL_2D"."""
    operator = Operator(
        kind, (tensor(x, dtype),), (tensor(y, dtype),), (kernel, kernel), (stride, stride), (0, 0), padding
    )
    return _both(operator)


@lru_cache(maxsize=_CACHE)
def relu(x: Image, dtype: str) -> Choice:
    """A ReLU that stands alone."""
    t = tensor(x, dtype)
    return Choice(Operator("RELU", (t,), (t,)), None)


@lru_cache(maxsize=_CACHE)
def add(x: Image, dtype: str) -> Choice:
    """Sum of two equal shapes."""
    t = tensor(x, dtype)
    return _both(Operator("ADD", (t, t), (t,)))


@lru_cache(maxsize=_CACHE)
def add_constant(x: Image, count: int, dtype: str) -> Choice:
    """Sum with `count` constants, one per channel or one for all."""
    t = tensor(x, dtype)
    return _both(Operator("ADD", (t,), (t,), parameter_bytes=_weight_bytes(count, 0, dtype)))


@lru_cache(maxsize=_CACHE)
def multiply_constant(x: Image, count: int, dtype: str, *, zero: bool = False) -> Choice:
    """Product with `count` constants, one per channel or one for all; the flag "zero" where they are zeros."""
    t = tensor(x, dtype)
    flags = ("zero",) if zero else ()
    return _both(Operator("MUL", (t,), (t,), parameter_bytes=_weight_bytes(count, 0, dtype), flags=flags))


@lru_cache(maxsize=_CACHE)
def global_mean(x: Image, dtype: str) -> Choice:
    """Mean over height and width."""
    y = (x[-1],)
    return Choice(
        Operator("MEAN", (tensor(x, dtype),), (tensor(y, dtype),), parameter_bytes=_AXES_BYTES), None
    )


@lru_cache(maxsize=_CACHE)
def fully_connected(x: Image, units: int, dtype: str, *, bias: bool = True) -> Choice:
    """Dense layer on a vector."""
    weights = prod(x) * units
    operator = Operator(
        "FULLY_CONNECTED", (tensor(x, dtype),), (tensor((units,), dtype),), macs=weights,
        parameter_bytes=_weight_bytes(weights, units if bias else 0, dtype),
    )  # fmt: skip
    return _both(operator)


@lru_cache(maxsize=_CACHE)
def concatenation(parts: tuple[Image, ...], y: Image, dtype: str) -> Choice:
    """Joins maps along the channels."""
    return Choice(
        Operator("CONCATENATION", tuple(tensor(part, dtype) for part in parts), (tensor(y, dtype),)), None
    )


@lru_cache(maxsize=_CACHE)
def reshape(x: Image, y: Image, dtype: str) -> Choice:
    """Another shape of the same values; the new shape is a constant of int32."""
    return Choice(
        Operator("RESHAPE", (tensor(x, dtype),), (tensor(y, dtype),), parameter_bytes=4 * (len(y) + 1)), None
    )


@lru_cache(maxsize=_CACHE)
def transpose(x: Image, y: Image, dtype: str) -> Choice:
    """Another order of the axes; the order is a constant of int32."""
    return Choice(
        Operator("TRANSPOSE", (tensor(x, dtype),), (tensor(y, dtype),), parameter_bytes=4 * (len(y) + 1)),
        None,
    )
