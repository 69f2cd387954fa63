"""Adds up the operators' times over the parts of a network: stem, blocks, BiFPN, heads."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.graph import fragments_of
from edgenas.report.model_card import OperatorTime
from edgenas.space.architecture import Architecture

__all__ = ["operator_times", "part_times"]


def operator_times(operators: Sequence[OperatorTime]) -> tuple[str, list[float]]:
    """Times in milliseconds with their source, never mixed.

    Returns:
        ("predicted", times) where every operator has a prediction, else the times on the device with their own
        source, ("measured", times) or ("simulated", times).
    """
    if all(o.predicted_ms is not None for o in operators):
        return "predicted", [max(o.predicted_ms or 0.0, 0.0) for o in operators]
    return operators[0].source, [max(o.measured_ms or 0.0, 0.0) for o in operators]


def part_times(
    arch: Architecture, operators: Sequence[OperatorTime], dtype: str = "int8"
) -> dict[str, float] | None:
    """Time per part in milliseconds: "stem", "stage 1 block 2", ..., "BiFPN", "head depth", ...

    Args:
        arch: the network.
        operators: its operators with their times.
        dtype: element type of the network that was timed.

    Returns:
        None when the operators are not those of this network, so that no share is ever put on a wrong block.
    """
    owners = _owners(arch, dtype)
    ordered = sorted(operators, key=lambda o: o.index)
    if [(o.index, o.type) for o in ordered] != [(i, type_) for i, (_, type_) in enumerate(owners)]:
        return None
    times: dict[str, float] = {}
    for time, (part, _) in zip(operator_times(ordered)[1], owners, strict=True):
        times[part] = times.get(part, 0.0) + time
    return times


def _owners(arch: Architecture, dtype: str) -> list[tuple[str, str]]:
    """Part and type of every operator of the network, in execution order."""
    fragments = fragments_of(arch, dtype)
    blocks = [
        f"stage {s} block {b}"
        for s, stage in enumerate(arch.stages, 1)
        for b in range(1, len(stage.blocks) + 1)
    ]
    first_head = len(fragments) - len(arch.heads)
    owners: list[tuple[str, str]] = []
    for index, fragment in enumerate(fragments):
        if index == 0:
            part = "stem"
        elif index >= first_head:
            part = f"head {arch.tasks[index - first_head]}"
        elif blocks and len(fragment.operators) > 1:
            # Between two stages stand only the BiFPN's lateral convolutions and scales: one operator each.
            part = blocks.pop(0)
        else:
            part = "BiFPN"
        owners += [(part, operator.type) for operator in fragment.operators]
    return owners
