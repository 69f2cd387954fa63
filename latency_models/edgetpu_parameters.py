"""Parameters of the Edge TPU model with what is plausible before a fit, and the prices that follow from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edgenas.latency_models.edgetpu_graph import CHIP_CLASS, CPU_CLASS, STREAM_CLASS
from edgenas.latency_models.features import CALL_CLASS

__all__ = ["HOSTS", "NAMES", "PRIOR", "SPREAD", "Parameters", "mixed_host", "parameters_of", "prices_of"]

FloatArray = npt.NDArray[np.float64]
Parameters = Mapping[str, float]
"""Chip parameters by name, host parameters as "host.name"."""

_CYCLE_NS = 2.0  # 500 MHz; source: Coral's data sheets.
_NS_PER_MS = 1e6
_NS_PER_US = 1e3
_KIB = 1024

# Plausible value and its spread on a logarithmic scale. A step of the convolutions takes one cycle where the data
# sheet's 4 TOPS are reached; the post-process was measured with LiteRT on one desktop core.
_CHIP = {
    "convolution_cycles": (1.0, 0.3),
    "depthwise_cycles": (4.0, 1.5),
    "dense_cycles": (0.3, 1.5),
    "vector_cycles": (4.0, 1.5),
    "pool_cycles": (2.0, 1.5),
    "mac_operator_us": (2.0, 1.0),
    "other_operator_us": (5.0, 1.0),
    "unhidden_share": (0.2, 1.0),
    "instruction_kib": (2.5, 0.5),
    "score_ns": (2.0, 0.4),
    "anchor_ns": (150.0, 0.4),
}
# Call in ms; in, out and stream in ns per byte; clock as its period over 2 ns; cpu as time over a desktop core's.
_HOST_SPREAD = {"call_ms": 0.15, "in_ns": 0.3, "out_ns": 0.5, "stream_ns": 0.15, "clock": 0.35, "cpu": 0.7}

HOSTS: Mapping[str, tuple[float, ...]] = {
    "usb3": (0.292, 3.2, 43.0, 2.75, 1.0, 2.0),
    "x86_64": (0.29, 3.0, 35.0, 2.5, 1.0, 1.0),
    "rp4b": (0.35, 4.0, 43.0, 3.2, 1.5, 3.0),
    "sparta": (0.33, 4.0, 43.0, 3.2, 1.2, 3.0),
    "usb2": (0.36, 27.7, 114.0, 28.0, 1.0, 2.0),
    "rp3b": (0.4, 29.0, 130.0, 30.0, 1.5, 6.0),
    "aarch64": (0.12, 2.0, 6.0, 2.75, 1.0, 5.0),
    "sweeps": (0.11, 2.0, 6.0, 2.63, 1.5, 1.0),
    "eagle": (0.3, 3.2, 43.0, 2.75, 1.0, 1.0),
    "rice": (0.3, 3.2, 43.0, 2.75, 1.0, 1.0),
}
"""Machines that the chip was attached to, with plausible values; transfer rates from the public tests of buses."""

# Fitted freely these hosts' clocks came out between 0.8 and 1: they run at 500 MHz.
_FULL_CLOCK = ("usb3", "usb2", "x86_64", "eagle", "rice")
_FIXED = {**{f"{host}.clock": 1.0 for host in _FULL_CLOCK}, "x86_64.cpu": 1.0}
_LARGEST_CPU_FACTOR = 6.0  # Of ordinary operators: beyond it only the post-process was ever seen.

NAMES: tuple[str, ...] = (
    *_CHIP,
    *(f"{host}.{name}" for host in HOSTS for name in _HOST_SPREAD if f"{host}.{name}" not in _FIXED),
)
"""Free parameters."""


def _prior(name: str) -> tuple[float, float]:
    if name in _CHIP:
        return _CHIP[name]
    host, _, quantity = name.partition(".")
    return HOSTS[host][list(_HOST_SPREAD).index(quantity)], _HOST_SPREAD[quantity]


PRIOR: FloatArray = np.log([_prior(name)[0] for name in NAMES])
SPREAD: FloatArray = np.array([_prior(name)[1] for name in NAMES])
"""Logarithms of the plausible values, and their standard deviations [free parameters]."""


def parameters_of(logarithms: FloatArray) -> dict[str, float]:
    """All parameters from the logarithms of the free ones, with the configuration "mixed" of a desktop host."""
    found = dict(zip(NAMES, np.exp(logarithms).tolist(), strict=True))
    found.update(_FIXED)
    return {**found, **mixed_host(found)}


def mixed_host(parameters: Parameters) -> dict[str, float]:
    """The host "mixed": geometric mean of the PC, twice, and the single-board computer of the micro-models, once."""
    return {
        f"mixed.{name}": (parameters[f"x86_64.{name}"] ** 2 * parameters[f"usb3.{name}"]) ** (1 / 3)
        for name in _HOST_SPREAD
    }


def prices_of(
    parameters: Parameters, host: str, *, clock: float | None = None, largest_cpu: float = _LARGEST_CPU_FACTOR
) -> dict[str, dict[str, float]]:
    """Prices as a predictor holds them, in ms per unit.

    Args:
        parameters: all parameters.
        host: a key of `HOSTS`, or "mixed".
        clock: period over 2 ns, by default the host's.
        largest_cpu: limit of the host's factor for operators other than the post-process.
    """
    on_host = {name: parameters[f"{host}.{name}"] for name in _HOST_SPREAD}
    slow = on_host["clock"] if clock is None else clock
    cycle_ms = slow * _CYCLE_NS / _NS_PER_MS
    stream_ms = on_host["stream_ns"] / _NS_PER_MS
    cpu_ms = on_host["cpu"] / _NS_PER_MS
    operator_ms = slow * _NS_PER_US / _NS_PER_MS
    return {
        f"{CALL_CLASS}/int8": {
            "call": on_host["call_ms"],
            "input_bytes": on_host["in_ns"] / _NS_PER_MS,
            "output_bytes": on_host["out_ns"] / _NS_PER_MS,
        },
        CHIP_CLASS: {
            "convolution_steps": parameters["convolution_cycles"] * cycle_ms,
            "depthwise_steps": parameters["depthwise_cycles"] * cycle_ms,
            "dense_steps": parameters["dense_cycles"] * cycle_ms,
            "pool_steps": parameters["pool_cycles"] * cycle_ms,
            "vector_steps": parameters["vector_cycles"] * cycle_ms,
            "mac_operators": parameters["mac_operator_us"] * operator_ms,
            "other_operators": parameters["other_operator_us"] * operator_ms,
            "instructions": parameters["instruction_kib"] * _KIB * stream_ms,
        },
        STREAM_CLASS: {"bytes": stream_ms, "unhidden": parameters["unhidden_share"]},
        CPU_CLASS: {
            "desktop_ns": min(on_host["cpu"], largest_cpu) / _NS_PER_MS,
            "anchors": cpu_ms * parameters["anchor_ns"],
            "scores": cpu_ms * parameters["score_ns"],
        },
    }
