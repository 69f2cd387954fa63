"""What the time of one operator is made of with XNNPACK kernels: non-negative quantities per operator class.

The predicted time of an operator is the sum of a coefficient (ms per unit, never negative) times each quantity.
Which quantities a class has follows from how CPU kernels work: fixed cost of a call, multiply-accumulates with the
channels rounded up to whole vectors or tiles (a kernel computes whole vectors, so 13 channels cost as much as
16), results written, bytes read. The fit decides which of them count; see `edgenas.latency_models.fit`.
"""

from __future__ import annotations

from edgenas.graph.opgraph import Operator, Tensor

__all__ = [
    "CALL_CLASS",
    "FEATURE_SET",
    "PRIOR_CLASS",
    "Features",
    "call_features",
    "domain_quantities",
    "element_type",
    "operator_class",
    "operator_features",
    "prior_features",
    "quantised_as_int8",
]

FEATURE_SET = 1
"""Grows when a class or a feature changes its meaning; a predictor is tied to the set that it was fitted on."""

CALL_CLASS = "call"
PRIOR_CLASS = "prior"
_LANES = 16  # Results of one vector instruction or tile column of the usual CPU kernels.
_WIDE_LANES = 32  # Results that float32 kernels with the widest vectors keep in flight.
_DEEP_LANES = 64  # Depth of the int8 tile kernels: inputs multiplied and summed per instruction.
_ELEMENTWISE = frozenset({"ADD", "SUB", "MUL"})
_RESIZES = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})
_POOLS = frozenset({"MAX_POOL_2D", "AVERAGE_POOL_2D"})

Features = dict[str, float]


def operator_class(operator: Operator) -> str:
    """Name of the class: the type, told apart by kernel where another kernel runs, and the element type.

    For example "CONV_2D_1x1/int8", "CONV_2D_kxk/int8", "ADD/float32".
    """
    kind = operator.type
    if kind == "CONV_2D":
        kind = "CONV_2D_1x1" if operator.kernel == (1, 1) and operator.stride == (1, 1) else "CONV_2D_kxk"
    return f"{kind}/{element_type(operator)}"


def element_type(operator: Operator) -> str:
    """Element type of the activations, "none" for an operator without any.

    The unsigned kind of quantised networks, of before TFLite 2, counts as the signed one: the kernels are the same.
    """
    tensors = operator.inputs or operator.outputs
    return quantised_as_int8(tensors[0].dtype) if tensors else "none"


def quantised_as_int8(dtype: str) -> str:
    """ "int8" for "uint8", else the type itself."""
    return "int8" if dtype == "uint8" else dtype


def operator_features(operator: Operator) -> Features:
    """Quantities of an operator, each a finite number of at least 0; units are in the names or plain counts."""
    if not operator.inputs or not operator.outputs or not operator.outputs[0].shape:
        return prior_features(operator)
    return _QUANTITIES.get(operator.type, prior_features)(operator)


def prior_features(operator: Operator) -> Features:
    """Quantities that every operator has: for the prior, and for types without quantities of their own."""
    return {
        "call": 1.0,
        "macs": float(operator.macs),
        "bytes": float(operator.activation_bytes + operator.parameter_bytes),
    }


def call_features(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Features:
    """Quantities of one call of the whole network: what no operator accounts for."""
    return {
        "call": 1.0,
        "input_bytes": float(sum(t.bytes for t in inputs)),
        "output_bytes": float(sum(t.bytes for t in outputs)),
    }


def domain_quantities(operator: Operator) -> Features:
    """Quantities by which an operator counts as like those of the fit."""
    image = operator.outputs[0].shape if operator.outputs else ()
    found = {
        "pixels": float(_pixels(image)),
        "input_channels": float(_channels(operator.inputs[0].shape) if operator.inputs else 0),
        "output_channels": float(_channels(image)),
        "kernel": float(max(operator.kernel)),
        "stride": float(max(operator.stride)),
        "macs": float(operator.macs),
    }
    if operator.type in _RESIZES and operator.inputs:
        # Other factors run as other code, or (Ethos-U55 and U65: x4) not on the accelerator at all.
        found["growth"] = _pixels(image) / max(1, _pixels(operator.inputs[0].shape))
    return found


def _pixels(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape[:-1]:
        count *= size
    return count


def _channels(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def _padded(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _convolution(operator: Operator) -> Features:
    shape = operator.outputs[0].shape
    pixels, channels = _pixels(shape), _padded(_channels(shape), _LANES)
    taps = operator.kernel[0] * operator.kernel[1]
    depth = _channels(operator.inputs[0].shape)
    return {
        "call": 1.0,
        "macs": float(pixels * channels * taps * depth),
        "wide_macs": float(pixels * _padded(_channels(shape), _WIDE_LANES) * taps * depth),
        "deep_macs": float(pixels * channels * taps * _padded(depth, _DEEP_LANES)),
        "results": float(pixels * channels),
        "taps": float(pixels * taps),
        "input_bytes": float(sum(t.bytes for t in operator.inputs)),
        "parameter_bytes": float(operator.parameter_bytes),
    }


def _depthwise(operator: Operator) -> Features:
    shape = operator.outputs[0].shape
    pixels, channels = _pixels(shape), _padded(_channels(shape), _LANES)
    taps = operator.kernel[0] * operator.kernel[1]
    return {
        "call": 1.0,
        "macs": float(pixels * channels * taps),
        "results": float(pixels * channels),
        "taps": float(pixels * taps),
        "input_bytes": float(sum(t.bytes for t in operator.inputs)),
        "parameter_bytes": float(operator.parameter_bytes),
    }


def _elementwise(operator: Operator) -> Features:
    results = float(operator.outputs[0].elements)
    # A fused activation is a kernel of its own here, unlike in convolutions.
    clamped = operator.activation != "none"
    return {
        "call": 1.0,
        "results": results,
        "clamp_call": float(clamped),
        "clamp_results": results if clamped else 0.0,
    }


def _resize(operator: Operator) -> Features:
    shape = operator.outputs[0].shape
    pixels = _pixels(shape)
    return {
        "call": 1.0,
        "pixels": float(pixels),
        "results": float(pixels * _padded(_channels(shape), _LANES)),
        "bytes": float(operator.activation_bytes),
    }


def _pool(operator: Operator) -> Features:
    shape = operator.outputs[0].shape
    pixels, taps = _pixels(shape), operator.kernel[0] * operator.kernel[1]
    return {
        "call": 1.0,
        "pixels": float(pixels),
        "results": float(pixels * taps * _padded(_channels(shape), _LANES)),
        "input_bytes": float(sum(t.bytes for t in operator.inputs)),
    }


_QUANTITIES = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    **dict.fromkeys(_RESIZES, _resize),
    **dict.fromkeys(_POOLS, _pool),
}
