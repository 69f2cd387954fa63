"""What the time of an operator is made of on an Arm Ethos-U NPU, as Vela estimates it.

Vela takes for each step the longest of what goes on at the same time: multiplying, writing results, reading weights,
moving feature maps. Prices only add up, so quantities are maxima themselves, `max(macs / r, results)` and
`max(macs / r, parameter bytes)`, for several balances r: the fit finds those of an accelerator and its memories (the
presets have 32 to 2048 MACs and 1 to 12 bytes of slow memory per cycle). Channels are rounded up to whole blocks.

Not in it, because it is no matter of single operators: where an Ethos-U65 or U85 has SRAM of its own, Vela moves the
feature maps of some operators into DRAM as it plans the whole network, and the same operator then takes several times
as long. `benchmarks/ethos_u_predictors.py` gives the errors.
"""

from __future__ import annotations

import math

from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models.features import Features, call_features, operator_class, prior_features

__all__ = ["FEATURE_SET", "call_quantities", "placement", "price_class", "quantities"]

FEATURE_SET = 1

_RESULTS_AT_ONCE = 16  # Channels of a brick of a feature map (Vela's layout NHCWB16).
_DEPTHS_AT_ONCE = 32  # Input channels of a block.
_MACS_PER_RESULT = (16, 32, 64, 128, 256)
_MACS_PER_BYTE = (16, 32, 64, 128, 256)

price_class = operator_class


def quantities(operator: Operator) -> Features:
    """Quantities of an operator, each a finite number of at least 0."""
    if not operator.inputs or not operator.outputs:
        return prior_features(operator)
    if len(operator.inputs[0].shape) != 4 or len(operator.outputs[0].shape) != 4:
        return prior_features(operator)
    if operator.type == "CONV_2D":
        return _convolution(operator)
    if operator.type == "DEPTHWISE_CONV_2D":
        return _depthwise(operator)
    return _moved(operator)


call_quantities = call_features


def placement(graph: OpGraph) -> tuple[str, ...]:
    """All of them on the NPU: a network of which Vela leaves operators to the CPU has no latency to be fitted to."""
    return ("npu",) * len(graph.operators)


def _convolution(operator: Operator) -> Features:
    result = operator.outputs[0]
    depth = _up(operator.inputs[0].shape[-1], 8)
    deep = _up(operator.inputs[0].shape[-1], _DEPTHS_AT_ONCE)
    taps = operator.kernel[0] * operator.kernel[1]
    results = _results(result)
    macs = results * taps * depth
    found = {"call": 1.0, "macs": macs, "deep_macs": results * taps * deep, **_memory(operator)}
    for r in _MACS_PER_RESULT:
        found[f"macs_{r}_or_results"] = max(macs / r, results)
    for r in _MACS_PER_BYTE:
        found[f"macs_{r}_or_parameters"] = max(macs / r, float(operator.parameter_bytes))
    return found


def _depthwise(operator: Operator) -> Features:
    results = _results(operator.outputs[0])
    macs = results * operator.kernel[0] * operator.kernel[1]
    return {"call": 1.0, "macs": macs, "results": results, **_memory(operator)}


def _moved(operator: Operator) -> Features:
    shape = operator.outputs[0].shape
    return {
        "call": 1.0,
        "pixels": float(math.prod(shape[:-1])),
        "results": _results(operator.outputs[0]),
        "elements": float(operator.outputs[0].elements),
        **_memory(operator),
    }


def _memory(operator: Operator) -> Features:
    read = float(sum(t.bytes for t in operator.inputs))
    written = float(sum(t.bytes for t in operator.outputs))
    return {"input_bytes": read, "output_bytes": written, "parameter_bytes": float(operator.parameter_bytes)}


def _results(tensor: Tensor) -> float:
    """Elements, in whole bricks of channels and pairs of rows and columns."""
    _, height, width, channels = tensor.shape
    return float(_up(height, 2) * _up(width, 2) * _up(channels, _RESULTS_AT_ONCE))


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
