"""What operators that Vela leaves to the CPU cost, where a device file says so, and what to change about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgenas.device_profiles.vela_result import CPU, NPU, VelaOperator
from edgenas.errors import UsageError
from edgenas.graph.opgraph import Operator

__all__ = ["CPU_KEYS", "CpuPrice", "advice", "cpu_price", "is_float", "refusal"]

CPU_KEYS = ("cpu_clock_mhz", "cpu_cycles_per_mac", "cpu_cycles_per_element")
"""Keys of a device file's `[hardware]` that price operators on the CPU: all of them, or none."""

_RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
_STEPS = {4.0: "two", 8.0: "three"}
_MOST_LISTED = 6


@dataclass(frozen=True, slots=True)
class CpuPrice:
    """What operators on the CPU cost.

    Attributes:
        clock_mhz: clock of the CPU.
        cycles_per_mac: cycles per multiply-accumulate.
        cycles_per_element: cycles per element of the outputs.
    """

    clock_mhz: float
    cycles_per_mac: float
    cycles_per_element: float

    def ms(self, operator: Operator) -> float:
        """Time of one operator, ms."""
        elements = sum(tensor.elements for tensor in operator.outputs)
        cycles = self.cycles_per_mac * operator.macs + self.cycles_per_element * elements
        return cycles / (self.clock_mhz * 1e3)


def cpu_price(hardware: Mapping[str, Any], origin: str) -> CpuPrice | None:
    """The price in a device file's `[hardware]`, None where it has none.

    Args:
        hardware: the table.
        origin: the file, for errors.

    Raises:
        UsageError: only some of `CPU_KEYS` are there, or a value makes no sense (a price of nothing included).
    """
    given = [key for key in CPU_KEYS if key in hardware]
    if not given:
        return None
    missing = [key for key in CPU_KEYS if key not in hardware]
    if missing:
        raise UsageError(
            f"Device file {origin}: [hardware] prices the CPU's operators by {', '.join(CPU_KEYS)} together. "
            f"Received {', '.join(given)} without {', '.join(missing)}."
        )
    for key in CPU_KEYS:
        value = hardware[key]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise UsageError(
                f"Device file {origin}: `hardware.{key}` must be a number above 0. Received {value!r}."
            )
    return CpuPrice(*(float(hardware[key]) for key in CPU_KEYS))


def is_float(operators: Sequence[VelaOperator]) -> bool:
    """Whether the whole network is a float one: its first operator reads floats and none runs on the NPU."""
    first = next((tensor for o in operators for tensor in o.operator.inputs), None)
    return first is not None and first.dtype.startswith("float") and all(o.target != NPU for o in operators)


def advice(operators: Sequence[VelaOperator]) -> list[str]:
    """What to change so that all operators of a network run on the NPU; empty where they do."""
    if is_float(operators):
        return ["quantise the network to int8, inputs and outputs included (edgenas export --int8)"]
    return list(dict.fromkeys(_advice(o.operator) for o in operators if o.target == CPU))


def refusal(operators: Sequence[VelaOperator]) -> str:
    """Why there is no latency of a network with operators on the CPU: they would count as nothing.

    Args:
        operators: all of the network, some of them on the CPU.
    """
    changes = "; ".join(advice(operators))
    if is_float(operators):
        return f"nothing of it runs on the NPU, because it is a float network. To change: {changes}."
    left = [o for o in operators if o.target == CPU]
    listed = [f"{o.index} {o.type} ({o.reason})" for o in left[:_MOST_LISTED]]
    if len(left) > _MOST_LISTED:
        listed.append(f"and {len(left) - _MOST_LISTED} more")
    return (
        f"{len(left)} of {len(operators)} operators would run on the CPU, which Vela counts as zero cycles, so the "
        f"figure would be too low: {'; '.join(listed)}. To change: {changes}. Or price them: {', '.join(CPU_KEYS)} "
        "under [hardware] of a device file."
    )


def _advice(operator: Operator) -> str:
    if any(tensor.dtype.startswith("float") for tensor in (*operator.inputs, *operator.outputs)):
        return (
            "this part of the network is float: replace the operator of it that TFLite has no int8 kernel for"
        )
    if operator.type in _RESIZES and operator.inputs and len(operator.inputs[0].shape) == 4:
        source, result = operator.inputs[0].shape, operator.outputs[0].shape
        factor = result[1] / source[1]
        if factor == result[2] / source[2] and factor in _STEPS:
            return (
                f"write it as {_STEPS[factor]} x2 resizes one after another instead of one x{factor:g}, or without "
                "half_pixel_centers"
            )
        return (
            "write it as x2 resizes one after another; factors that are no power of two do not run on the NPU"
        )
    return "replace the operator; `vela --supported-ops-report` lists what the NPU runs"
