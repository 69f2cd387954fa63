"""`check_vela`: which operators of a network an Ethos-U runs, by asking Arm's compiler; figures are simulated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgenas.device_profiles.measurement import SIMULATED
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.vela_advice import advice, cpu_price
from edgenas.device_profiles.vela_compiler import VELA_COMMAND, compile_vela
from edgenas.device_profiles.vela_result import CPU, VelaResult
from edgenas.graph import read_tflite

__all__ = ["check_vela"]

_ON_CHIP = ("SRAM", "On-chip Flash")


def check_vela(
    path: Path,
    profile: DeviceProfile,
    configuration: Configuration,
    *,
    timeout_seconds: float = 300.0,
    command: Sequence[str] = VELA_COMMAND,
) -> dict[str, Any]:
    """What `edgenas check FILE --device ethos-u... --json` prints.

    An operator counts as mapped unless Vela leaves it to the CPU: those that it removes or takes apart are mapped.

    Args:
        path: the .tflite file, not compiled yet.
        profile: the device.
        configuration: the configuration of it.
        timeout_seconds: longest time for the compiler.
        command: the compiler program.

    Returns:
        "file", "device", "configuration", "fully_mapped", "operators" (each "index", "type", "mapped", "reason" and
        the simulated "cycles"), "subgraphs" (calls of the NPU), "parameter_bytes_on_chip" and
        "parameter_bytes_off_chip" (of all operators, in the NPU's encoding for those that it runs),
        "peak_activation_bytes" (of the file's graph, in its order), "changes" (what to do about unmapped operators);
        "source" ("simulated") and the figures of `VelaResult.figures`, and "cpu_ms" where the device file prices
        operators on the CPU (None elsewhere: Vela counts them as nothing, so "npu_ms" is not the latency then).

    Raises:
        UsageError: the file is missing, damaged or compiled already.
        MissingDependencyError: ethos-u-vela is not installed.
        EdgenasError: the compiler failed.
    """
    graph = read_tflite(path)
    result = compile_vela(path, configuration, timeout_seconds=timeout_seconds, command=command)
    price = cpu_price(profile.hardware, profile.origin)
    left = result.cpu_operators
    on_chip, off_chip = _parameter_bytes(result)
    return {
        "file": str(path),
        "device": profile.name,
        "configuration": configuration.name,
        "fully_mapped": not left,
        "operators": [
            {
                "index": o.index,
                "type": o.type,
                "mapped": o.target != CPU,
                "reason": o.reason,
                "cycles": o.cycles.total,
            }
            for o in result.operators
        ],
        "subgraphs": result.npu_subgraphs,
        "parameter_bytes_on_chip": on_chip,
        "parameter_bytes_off_chip": off_chip,
        "peak_activation_bytes": graph.peak_activation_bytes,
        "changes": advice(result.operators),
        "source": SIMULATED,
        "cpu_ms": None if price is None else sum(price.ms(o.operator) for o in left),
        **result.figures(),
    }


def _parameter_bytes(result: VelaResult) -> tuple[int, int]:
    """Bytes of parameters on and off the chip; those of operators on the CPU lie off it, as the file has them."""
    on_cpu = sum(o.operator.parameter_bytes for o in result.cpu_operators)
    if result.parameters_in in _ON_CHIP:
        return result.encoded_bytes, on_cpu
    return 0, result.encoded_bytes + on_cpu
