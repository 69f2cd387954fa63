"""What one operator asks of the Edge TPU's arrays and memory.

The chip is read as 4 x 4 tiles, each with 64 lanes that multiply 4 inputs per cycle (4096 multiply-accumulates at
500 MHz are the 4 TOPS of the data sheet). A feature map is cut into 4 x 4 pieces, one per tile, so a step of the
convolution covers 16 positions x 4 input channels x 64 output channels. The rounding of channels and the bytes per
layer were read off the memory tables that the compiler prints for stacks of layers of growing width.
"""

from __future__ import annotations

import math

from edgenas.graph.opgraph import Operator, Tensor
from edgenas.latency_models.edgetpu_placement import FREE_OPERATORS
from edgenas.latency_models.features import Features

__all__ = ["BUSY", "quantities", "stored_bytes", "streamed_bytes"]

_TILE_SIDE, _LANES, _DEPTH = 4, 64, 4
_VECTOR = 16  # Channels that operators without a matrix product round up to.
_BIAS_BYTES = 8  # Bias and requantisation of an output channel.
_SCALARS_BYTES = 64  # Constants up to here (axes, paddings, one factor) travel within the instructions.
# A streamed layer is read again for each MiB of its feature maps: what the sweeps and Inception V4 show.
_PASS_BYTES = 1 << 20
_HALF_LANES = 32  # Of a convolution with that few outputs only half of the stored lanes are sent.

_CONVOLUTIONS = frozenset({"CONV_2D", "TRANSPOSE_CONV"})
_POOLS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "MEAN", "SUM"})
_MATRIX_PRODUCTS = frozenset({"convolution_steps", "depthwise_steps", "dense_steps"})

BUSY = (
    "convolution_steps", "depthwise_steps", "dense_steps", "pool_steps", "vector_steps", "mac_operators",
    "other_operators",
)  # fmt: skip
"""Quantities of the chip at work, in contrast to "instructions", which are sent before."""


def quantities(operator: Operator) -> Features:
    """Steps of the chip's arrays and operator counts; empty for operators that cost nothing."""
    if operator.type in FREE_OPERATORS or not operator.inputs or not operator.outputs:
        return {}
    name, steps = _steps(operator)
    count = "mac_operators" if name in _MATRIX_PRODUCTS else "other_operators"
    return {name: steps, count: 1.0, "instructions": 1.0}


def _steps(operator: Operator) -> tuple[str, float]:
    image, result = operator.inputs[0], operator.outputs[0]
    taps = max(1, operator.kernel[0] * operator.kernel[1])
    outputs = _channels(result)
    if operator.type in _CONVOLUTIONS:
        depth = _channels(image) // _groups(operator)
        positions = _positions(image if operator.type == "TRANSPOSE_CONV" else result)
        return "convolution_steps", float(
            positions * taps * math.ceil(depth / _DEPTH) * math.ceil(outputs / _LANES)
        )
    if operator.type == "DEPTHWISE_CONV_2D":
        return "depthwise_steps", _vectors(result) * taps
    if operator.type == "FULLY_CONNECTED":
        return "dense_steps", operator.macs / max(1, outputs) / _DEPTH * math.ceil(outputs / _LANES)
    if operator.type in _POOLS:
        # A pool over the whole map reads each position once, whatever its kernel is called.
        whole = max(operator.kernel) == 0 or math.prod(_plane(result)) == 1
        return "pool_steps", _vectors(image) if whole else _vectors(result) * taps
    return "vector_steps", _vectors(result)


def stored_bytes(operator: Operator) -> int:
    """Bytes that the operator's parameters take in the chip's memory: outputs in 64s, inputs in fours."""
    if operator.type in FREE_OPERATORS or not operator.inputs or not operator.outputs:
        return 0
    outputs = _up(_channels(operator.outputs[0]), _LANES)
    taps = operator.kernel[0] * operator.kernel[1]
    if operator.type in _CONVOLUTIONS:
        depth = _up(_channels(operator.inputs[0]) // _groups(operator), _DEPTH)
        return outputs * (taps * depth + _BIAS_BYTES)
    if operator.type == "DEPTHWISE_CONV_2D":
        return outputs * _DEPTH * taps
    if operator.type == "FULLY_CONNECTED":
        depth = operator.macs // max(1, operator.outputs[0].elements)
        has_bias = operator.parameter_bytes > depth * _channels(operator.outputs[0])
        return outputs * (_up(depth, _DEPTH) + (_BIAS_BYTES if has_bias else 0))
    return operator.parameter_bytes if operator.parameter_bytes > _SCALARS_BYTES else 0


def streamed_bytes(operator: Operator) -> float:
    """Bytes sent per call where the operator's parameters do not stay on the chip."""
    stored = float(stored_bytes(operator))
    if operator.type == "CONV_2D" and _channels(operator.outputs[0]) <= _HALF_LANES:
        stored /= 2
    return stored * max(1.0, operator.activation_bytes / _PASS_BYTES)


def _vectors(tensor: Tensor) -> float:
    """Positions that a tile works through, times the 64-lane vectors that its channels fill."""
    return _positions(tensor) * _up(_channels(tensor), _VECTOR) / _LANES


def _positions(tensor: Tensor) -> int:
    """Positions that one tile works through."""
    height, width = _plane(tensor)
    batch = tensor.shape[0] if len(tensor.shape) > 1 else 1
    return batch * math.ceil(height / _TILE_SIDE) * math.ceil(width / _TILE_SIDE)


def _plane(tensor: Tensor) -> tuple[int, int]:
    shape = tensor.shape
    return (shape[1], shape[2]) if len(shape) == 4 else (1, math.prod(shape[1:-1]))


def _channels(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 1


def _groups(operator: Operator) -> int:
    return next((int(f.partition("=")[2]) for f in operator.flags if f.startswith("groups=")), 1)


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
