"""The functions that rules of a .toml file name: what is wrong with one operator, or "" if nothing is.

Each takes the operator, its facts (None where only an `OpGraph` is known; a check that needs them then finds nothing
wrong) and the rule's numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from edgenas.compatibility.facts import OperatorFacts
from edgenas.graph.opgraph import Operator

__all__ = ["CHECKS", "Check"]

Check = Callable[[Operator, OperatorFacts | None, Mapping[str, Any]], str]


def _data_types(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    types = numbers["types"]
    for tensor in operator.inputs:
        dtype = tensor.dtype
        if dtype not in types and dtype not in numbers["state_types"].get(operator.type, ()):
            return f"it reads {dtype}"
        if not tensor.shape:
            return "it reads a scalar"
    for tensor in operator.outputs:
        if tensor.dtype not in types:
            return f"it writes {tensor.dtype}"
        if not tensor.shape:
            return "it writes a scalar"
    if not operator.inputs or not operator.outputs:
        return "it reads or writes no feature map"
    return ""


def _constant_types(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    for tensor in facts.inputs if facts else ():
        if tensor is not None and tensor.constant and tensor.dtype not in numbers["types"]:
            return f"its constant {tensor.name!r} is {tensor.dtype}"
    return ""


def _quantised(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    for tensor in (*facts.inputs, *facts.outputs) if facts else ():
        if tensor is None or tensor.constant or tensor.variable:
            continue
        if tensor.scales == 0:
            return f"tensor {tensor.name!r} has no quantisation parameters"
        if tensor.scales > 1:
            return f"tensor {tensor.name!r} has {tensor.scales} scales, a feature map may have one"
    return ""


def _constant_inputs(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    for position in numbers["positions"].get(operator.type, ()) if facts else ():
        tensor = facts.inputs[position] if facts and position < len(facts.inputs) else None
        if tensor is not None and not tensor.constant:
            return f"its input {position} ({tensor.name!r}) is computed while the model runs"
    return ""


def _inner_dimensions(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    most = numbers["most"]
    for tensor in (*operator.inputs, *operator.outputs):
        if prod(tensor.shape[:-most]) > 1:
            return f"shape {'x'.join(map(str, tensor.shape))} has more than {most} dimensions, or a batch"
    return ""


def _activations(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    activation = operator.activation
    if facts and facts.options.get("fusedactivationfunction"):
        activation = "activation"
    return "" if activation in numbers["allowed"] else f"its {activation.replace('_', ' ')} is fused into it"


def _equal_dilation(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    vertical, horizontal = operator.dilation
    return "" if vertical == horizontal else f"its dilation is {vertical} by {horizontal}"


def _ungrouped(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    weights = facts.inputs[1] if facts and len(facts.inputs) > 1 else None
    if weights is None or not operator.inputs or len(weights.shape) != 4:
        return ""
    depth, part = operator.inputs[0].shape[-1], weights.shape[-1]
    return "" if part in (0, depth) else f"it has {depth // part} groups"


def _zeros_joined(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    joined = [t for t in facts.inputs if t is not None] if facts else []
    for tensor in joined:
        if not tensor.constant:
            continue
        if len(joined) > numbers["most_inputs"]:
            return f"it joins a constant with {len(joined) - 1} tensors"
        values = tensor.values()
        if values is None or bool((values != tensor.zero_point).any()):
            return "it joins a constant that is not all zeros"
    return ""


def _one_row(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    rows = prod(operator.outputs[0].shape[:-1])
    return "" if rows == 1 else f"it gives {rows} rows"


def _plain_weights(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    if facts is None:
        return ""
    if facts.options.get("weightsformat"):
        return "its weights are shuffled"
    weights = facts.inputs[1] if len(facts.inputs) > 1 else None
    return "its weights have a scale per channel" if weights is not None and weights.scales > 1 else ""


def _axes(operator: Operator, facts: OperatorFacts | None) -> set[int]:
    axes = facts.constant(1) if facts else None
    rank = len(operator.inputs[0].shape)
    return set() if axes is None else {axis + rank if axis < 0 else axis for axis in axes}


def _reduced_axes(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    axes, shape = _axes(operator, facts), operator.inputs[0].shape
    if 0 in axes and len(shape) > 1:
        return "it reduces the batch dimension"
    multiple = numbers["depth_multiple"].get(operator.type, 1)
    if len(shape) - 1 in axes and shape[-1] % multiple:
        return f"it reduces {shape[-1]} channels, not a multiple of {multiple}"
    return ""


def _reduced_positions(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    shape = operator.inputs[0].shape
    count = prod(shape[axis] for axis in _axes(operator, facts) if 0 < axis < len(shape) - 1)
    return (
        "" if count <= numbers["most"] else f"it reduces {count:,} positions, more than {numbers['most']:,}"
    )


def _batch_unpadded(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    paddings = facts.constant(1) if facts else None
    padded = paddings is not None and len(operator.inputs[0].shape) > 1 and any(paddings[:2])
    return "it pads the batch dimension" if padded else ""


def _axis_not_batch(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    if facts is None:
        return ""
    given = facts.constant(0) if operator.type == "SPLIT" else [facts.options.get("axis", 0)]
    tensor = operator.inputs[0] if operator.type == "SPLIT" else operator.outputs[0]
    on_batch = given is not None and any(axis in (0, -len(tensor.shape)) for axis in given)
    return "it works along the batch dimension" if on_batch else ""


def _one_slope_per_channel(
    operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]
) -> str:
    slopes = facts.inputs[1] if facts and len(facts.inputs) > 1 else None
    if slopes is None or prod(slopes.shape[:-1]) == 1:
        return ""
    return f"its slopes have the shape {'x'.join(map(str, slopes.shape))}"


def _unit_steps(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    steps = facts.constant(3) if facts else None
    if steps is not None and any(step != 1 for step in steps):
        return f"its steps are {', '.join(map(str, steps))}"
    for mask, name in (("ellipsismask", "an ellipsis"), ("newaxismask", "a new axis")):
        if facts and facts.options.get(mask):
            return f"it has {name}"
    return ""


def _last_dimension(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    size = operator.inputs[0].shape[-1]
    return (
        "" if size <= numbers["most"] else f"its innermost dimension is {size:,}, above {numbers['most']:,}"
    )


def _resize_size(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    small, large = operator.inputs[0], operator.outputs[0]
    if large.bytes <= numbers["largest_bytes"] or large.elements <= numbers["largest_ratio"] * small.elements:
        return ""
    times = large.elements / max(1, small.elements)
    return f"its result has {large.bytes / 2**20:.1f} MiB and is {times:.0f} times larger than its source"


def _output_bytes(operator: Operator, facts: OperatorFacts | None, numbers: Mapping[str, Any]) -> str:
    size, limit = sum(t.bytes for t in operator.outputs), numbers["less_than"]
    if numbers.get("flat") and sum(n > 1 for n in operator.outputs[0].shape) > 2:
        return ""
    return "" if size < limit else f"its result has {size / 2**20:.1f} MiB, {limit / 2**20:.1f} or more"


CHECKS: dict[str, Check] = {
    "activations": _activations,
    "axis_not_batch": _axis_not_batch,
    "batch_unpadded": _batch_unpadded,
    "constant_inputs": _constant_inputs,
    "constant_types": _constant_types,
    "data_types": _data_types,
    "equal_dilation": _equal_dilation,
    "inner_dimensions": _inner_dimensions,
    "last_dimension": _last_dimension,
    "one_row": _one_row,
    "one_slope_per_channel": _one_slope_per_channel,
    "output_bytes": _output_bytes,
    "plain_weights": _plain_weights,
    "quantised": _quantised,
    "reduced_axes": _reduced_axes,
    "reduced_positions": _reduced_positions,
    "resize_size": _resize_size,
    "ungrouped": _ungrouped,
    "unit_steps": _unit_steps,
    "zeros_joined": _zeros_joined,
}
"""Checks by the names that rules give them."""
