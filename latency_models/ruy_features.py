"""What operators cost with TFLite's built-in CPU kernels (im2col and ruy), as on phones up to TFLite 2.10.

Found in the measurements of mobile-ml-benchmark (84 configurations of 6 phones; `benchmarks/mobile_cpu_models.py`
compares): a convolution is a serial im2col copy (only for kernels or strides above 1), a matrix product in tiles of
4 x 8, a pass over its output and packing of its weights; a grouped convolution runs in the reference kernel; int8
depthwise has a quick path for 3x3 and channels in eights only. Quantities are shared between classes of operators,
because their kernels share the code that they count.
"""

from __future__ import annotations

from edgenas.graph.opgraph import Operator, Tensor
from edgenas.latency_models.features import Features

__all__ = ["FEATURE_SET", "PRICE_CLASS", "PRIOR_RATIOS", "call_quantities", "price_class", "quantities"]

FEATURE_SET = 1
PRICE_CLASS = "operators"

_TILE_ROWS, _TILE_COLUMNS, _DEPTH_STEP = 4, 8, 16
_CACHE_BYTES = 2**20  # An output beyond this leaves the second-level cache.

PRIOR_RATIOS: dict[str, Features] = {
    "float32": {
        "call": 0.0, "macs": 1.0, "im2col": 20.0, "im2col_rows": 100.0, "results": 20.0, "weights": 20.0,
        "results_beyond_cache": 0.0, "operators": 5e4, "dense_weights": 5.0, "grouped_macs": 15.0,
        "grouped_taps": 45.0, "depthwise_macs": 5.0, "other_operators": 1e5, "concatenated": 20.0, "averaged": 40.0,
        "pooled": 5.0, "padded": 10.0, "padded_edge": 0.0, "added": 25.0, "elementwise": 10.0,
    },
    "int8": {
        "call": 0.0, "macs": 1 / 3, "macs_16_columns": 1 / 3, "macs_16_deep": 1 / 3, "im2col": 5.0,
        "im2col_rows": 500.0, "results": 70.0, "weights": 15.0, "results_beyond_cache": 0.0, "operators": 2e5,
        "dense_weights": 5.0, "fully_connected_weights": 25.0, "grouped_macs": 40.0, "grouped_taps": 300.0,
        "depthwise_macs": 7.0, "depthwise_macs_slow": 15.0, "other_operators": 1e6, "concatenated": 60.0,
        "averaged": 80.0, "pooled": 15.0, "padded": 50.0, "padded_edge": 0.0, "added": 60.0, "elementwise": 60.0,
    },
}  # fmt: skip
"""Price of each quantity relative to that of a multiply-accumulate, on a typical phone: what a fit shrinks to."""


def price_class(operator: Operator) -> str:
    """All operators share one class of prices."""
    return PRICE_CLASS


def call_quantities(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Features:
    """A call costs the same whatever the network."""
    return {"call": 1.0}


def quantities(operator: Operator) -> Features:
    """Quantities of an operator: counts of elements, multiply-accumulates or operators."""
    if not operator.inputs or not operator.outputs or not operator.outputs[0].shape:
        return {"other_operators": 1.0}
    kind = operator.type
    if kind == "FULLY_CONNECTED" or (kind == "CONV_2D" and _pixels(operator.inputs[0]) == 1):
        return _dense(operator)
    if kind == "CONV_2D":
        return _grouped(operator) if _groups(operator) > 1 else _convolution(operator)
    if kind == "DEPTHWISE_CONV_2D":
        slow = _int8(operator) and (operator.kernel != (3, 3) or operator.inputs[0].shape[-1] % 8)
        return {
            "operators": 1.0,
            "depthwise_macs_slow" if slow else "depthwise_macs": float(operator.macs),
        }
    return {"other_operators": 1.0, **_moved(operator)}


def _pixels(tensor: Tensor) -> int:
    return tensor.elements // tensor.shape[-1] if tensor.shape and tensor.shape[-1] else 1


def _up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def _int8(operator: Operator) -> bool:
    return operator.inputs[0].dtype in ("int8", "uint8")


def _groups(operator: Operator) -> int:
    return next((int(f.partition("=")[2]) for f in operator.flags if f.startswith("groups=")), 1)


def _dense(operator: Operator) -> Features:
    found = {"operators": 1.0, "dense_weights": float(operator.macs)}
    if _int8(operator) and operator.type == "FULLY_CONNECTED":
        found["fully_connected_weights"] = float(operator.macs)
    return found


def _convolution(operator: Operator) -> Features:
    image, out = operator.inputs[0], operator.outputs[0]
    pixels, channels = _pixels(out), out.shape[-1]
    depth = operator.kernel[0] * operator.kernel[1] * image.shape[-1]
    rows = _up(pixels, _TILE_ROWS)
    found = {
        "operators": 1.0,
        "macs": float(rows * _up(channels, _TILE_COLUMNS) * depth),
        "results": float(pixels * channels),
        "weights": float(channels * depth),
        "results_beyond_cache": max(0.0, pixels * channels - _CACHE_BYTES / (1 if _int8(operator) else 4)),
    }
    if _int8(operator):
        found["macs_16_columns"] = float(rows * _up(channels, 2 * _TILE_COLUMNS) * depth)
        found["macs_16_deep"] = float(rows * _up(channels, _TILE_COLUMNS) * _up(depth, _DEPTH_STEP))
    if operator.kernel != (1, 1) or operator.stride != (1, 1):
        found["im2col"] = float(pixels * depth)
        found["im2col_rows"] = float(pixels * operator.kernel[0])
    return found


def _grouped(operator: Operator) -> Features:
    taps = operator.outputs[0].elements * operator.kernel[0] * operator.kernel[1]
    return {"operators": 1.0, "grouped_macs": float(operator.macs), "grouped_taps": float(taps)}


def _moved(operator: Operator) -> Features:
    read, written = operator.inputs[0], operator.outputs[0]
    if operator.type == "CONCATENATION":
        return {"concatenated": float(written.elements)}
    if operator.type == "MEAN":
        return {"averaged": float(read.elements)}
    if operator.type in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return {"pooled": float(written.elements * operator.kernel[0] * operator.kernel[1])}
    if operator.type == "PAD":
        side = max(written.shape[1:-1], default=1)
        return {"padded": float(written.elements), "padded_edge": float(4 * side * written.shape[-1])}
    if operator.type in ("ADD", "SUB") and len(operator.inputs) > 1:
        return {"added": float(written.elements)}
    # Every other operator is taken for one pass over its output.
    return {"elementwise": 0.0 if operator.type == "RESHAPE" else float(written.elements)}
