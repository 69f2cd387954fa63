"""`CompatibilityReport`: what the Edge TPU compiler would make of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edgenas.graph.opgraph import OpGraph

__all__ = ["CompatibilityReport", "OperatorVerdict"]


@dataclass(frozen=True, slots=True)
class OperatorVerdict:
    """Where one operator runs.

    Attributes:
        index: its place in the model.
        type: TFLite's name of it.
        mapped: whether the compiler puts it into its custom operator.
        reason: why not, "" if it is mapped.
        rule: name of the rule that it breaks, "behind" where only what stands before it is at fault.
        advice: what to change, "" where nothing is to be changed at this operator.
    """

    index: int
    type: str
    mapped: bool
    reason: str = ""
    rule: str = ""
    advice: str = ""


@dataclass(frozen=True)
class CompatibilityReport:
    """What edgetpu_compiler without special flags would make of a model, told from its operators: predicted.

    Attributes:
        operators: one verdict per operator.
        failure: why nothing would be compiled, "" if something would.
        input_bytes: feature maps sent to the chip in each call.
        output_bytes: feature maps that come back.
        peak_activation_bytes: largest sum of live feature maps of the whole model.
        advice: what to change, the most important first.
        chip_graph: the operators on the chip as a network of their own.
        parameter_bytes_on_chip: parameters that stay on the chip, None until `with_parameters`.
        parameter_bytes_off_chip: parameters sent to it in each call.
    """

    operators: tuple[OperatorVerdict, ...]
    failure: str
    input_bytes: int
    output_bytes: int
    peak_activation_bytes: int
    advice: tuple[str, ...]
    chip_graph: OpGraph
    parameter_bytes_on_chip: int | None = None
    parameter_bytes_off_chip: int | None = None

    @property
    def mapped_count(self) -> int:
        """Operators on the chip."""
        return sum(operator.mapped for operator in self.operators)

    @property
    def fully_mapped(self) -> bool:
        """Whether nothing is left to the CPU."""
        return not self.failure and self.mapped_count == len(self.operators)

    @property
    def subgraphs(self) -> int:
        """Pieces for the chip: the compiler makes one, or none."""
        return int(self.mapped_count > 0)

    @property
    def first_unmapped(self) -> OperatorVerdict | None:
        """The first operator that stays on the CPU."""
        return next((operator for operator in self.operators if not operator.mapped), None)

    @property
    def end_of_piece(self) -> OperatorVerdict | None:
        """The first operator of the CPU that stands after the first of the chip: where the chip's piece ends."""
        seen = False
        for operator in self.operators:
            if seen and not operator.mapped:
                return operator
            seen = seen or operator.mapped
        return None

    def behind(self, index: int) -> tuple[OperatorVerdict, ...]:
        """Operators that could be mapped and stay on the CPU for what stands before them, from `index` on."""
        return tuple(o for o in self.operators[index:] if o.rule == "behind")

    def with_parameters(self, on_chip_bytes: int, off_chip_bytes: int) -> CompatibilityReport:
        """The report with the memory plan of the chip's parameters."""
        return replace(self, parameter_bytes_on_chip=on_chip_bytes, parameter_bytes_off_chip=off_chip_bytes)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it, without the file and the device."""
        first = self.first_unmapped
        return {
            "fully_mapped": self.fully_mapped,
            "failure": self.failure,
            "operators": [
                {"index": o.index, "type": o.type, "mapped": o.mapped, "reason": o.reason, "rule": o.rule}
                for o in self.operators
            ],
            "first_unmapped": None if first is None else first.index,
            "subgraphs": self.subgraphs,
            "parameter_bytes_on_chip": self.parameter_bytes_on_chip,
            "parameter_bytes_off_chip": self.parameter_bytes_off_chip,
            "peak_activation_bytes": self.peak_activation_bytes,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "advice": list(self.advice),
        }
