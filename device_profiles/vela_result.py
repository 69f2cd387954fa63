"""`VelaResult`: what Arm's compiler estimates of one network on one Ethos-U; simulated, nothing of it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgenas.graph.opgraph import Operator

__all__ = ["CPU", "NPU", "UNLISTED", "VelaCycles", "VelaOperator", "VelaResult"]

NPU, CPU, UNLISTED = "npu", "cpu", "unlisted"
"""Where an operator runs. The compiler's report has no step of unlisted ones: they were removed (a reshape, say), or
done by steps that name another operator or none (ARG_MAX)."""


@dataclass(frozen=True, slots=True)
class VelaCycles:
    """Estimated cycles of the NPU's clock.

    Attributes:
        npu: computing.
        sram: access to the SRAM.
        dram: access to the DRAM.
        flash: access to flash, on the chip and off it.
        total: what counts: per operator the largest of the others, which go on at the same time, summed up.
    """

    npu: int = 0
    sram: int = 0
    dram: int = 0
    flash: int = 0
    total: int = 0

    def __add__(self, other: VelaCycles) -> VelaCycles:
        return VelaCycles(
            self.npu + other.npu,
            self.sram + other.sram,
            self.dram + other.dram,
            self.flash + other.flash,
            self.total + other.total,
        )


@dataclass(frozen=True, slots=True)
class VelaOperator:
    """One operator of the file.

    Attributes:
        index: its number in the file, as in `OpGraph.operators`.
        type: TFLite name, e.g. "CONV_2D".
        name: name of what it writes, as in the compiler's report; empty where the report has no row of it.
        target: `NPU`, `CPU` or `UNLISTED`.
        cycles: estimate; all zero on the CPU, whose work the compiler does not count.
        reason: why it is on the CPU, in the compiler's words; empty elsewhere.
        operator: the operator itself.
    """

    index: int
    type: str
    name: str
    target: str
    cycles: VelaCycles
    reason: str
    operator: Operator


@dataclass(frozen=True)
class VelaResult:
    """Estimate of one network.

    Attributes:
        accelerator: e.g. "ethos-u55-128".
        system: name of the system configuration.
        memory: name of the memory mode.
        version: version of ethos-u-vela.
        clock_mhz: clock of the NPU.
        cycles: of the whole network.
        sram_bytes: peak use of SRAM.
        dram_bytes: peak use of DRAM.
        flash_bytes: use of flash, for parameters and commands.
        macs: multiply-accumulates on the NPU, padding that it really computes left out.
        parameter_bytes: parameters of operators on the NPU before they were encoded.
        encoded_bytes: the same parameters as the NPU reads them.
        parameters_in: memory that holds them, e.g. "Off-chip Flash".
        npu_subgraphs: parts of the network that run on the NPU, each one call of it.
        operators: every operator of the file, in order.
        unattributed_cycles: total cycles of steps that the compiler names no operator for.
        compiled: the compiled file, None where it was not kept.
    """

    accelerator: str
    system: str
    memory: str
    version: str
    clock_mhz: float
    cycles: VelaCycles
    sram_bytes: int
    dram_bytes: int
    flash_bytes: int
    macs: int
    parameter_bytes: int
    encoded_bytes: int
    parameters_in: str
    npu_subgraphs: int
    operators: tuple[VelaOperator, ...]
    unattributed_cycles: int = 0
    compiled: Path | None = None

    @property
    def npu_ms(self) -> float:
        """Estimated time of one inference on the NPU, ms; operators on the CPU are not in it."""
        return self.cycles_ms(self.cycles.total)

    @property
    def cpu_operators(self) -> tuple[VelaOperator, ...]:
        """Operators that are left to the CPU."""
        return tuple(o for o in self.operators if o.target == CPU)

    def cycles_ms(self, cycles: float) -> float:
        """Time of so many cycles, ms."""
        return cycles / (self.clock_mhz * 1e3)

    def figures(self) -> Mapping[str, Any]:
        """What a record of the estimate keeps besides the latency, JSON-ready."""
        return {
            "accelerator": self.accelerator,
            "system": self.system,
            "memory": self.memory,
            "vela": self.version,
            "npu_clock_mhz": self.clock_mhz,
            "npu_ms": self.npu_ms,
            "cycles": asdict(self.cycles),
            "sram_bytes": self.sram_bytes,
            "dram_bytes": self.dram_bytes,
            "flash_bytes": self.flash_bytes,
            "macs": self.macs,
            "npu_subgraphs": self.npu_subgraphs,
            "cpu_operators": [
                {"index": o.index, "type": o.type, "reason": o.reason} for o in self.cpu_operators
            ],
        }
