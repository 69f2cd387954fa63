"""Names of the formats of files and of the engines that write them."""

from __future__ import annotations

__all__ = ["ENGINES", "FORMATS", "INTEGER_FORMATS"]

FORMATS = {
    "float32": "weights and activations in 32 bits",
    "float16": "weights in 16 bits, computed in 32: half the size, hardly any error",
    "dynamic": "weights in 8 bits, activations quantised while it runs: no calibration, CPU only",
    "int8": "weights and activations in 8 bits: Edge TPU, Ethos-U, and the quickest on CPUs",
    "int16x8": "weights in 8 bits, activations in 16: near to float32, slow on most devices",
}

INTEGER_FORMATS = frozenset({"int8", "int16x8"})
"""Formats whose activations have scales, so that they need representative frames."""

ENGINES = {
    "auto": "whichever errs less on real frames",
    "tensorflow": "TensorFlow's converter",
    "litert-quantizer": "ai-edge-quantizer on the float32 file",
}
