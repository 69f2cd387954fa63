"""`OpGraph` as plain values for JSON, and back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import Any

from edgenas.graph.opgraph import Operator, OpGraph, Tensor

__all__ = ["from_dict", "graph_key", "to_dict"]

_DEFAULTS = {field.name: field.default for field in fields(Operator)}
_KEY_LENGTH = 20


def to_dict(graph: OpGraph) -> dict[str, Any]:
    """Plain values: equal operators once, tensors as [dtype, sizes...]."""
    numbers: dict[Operator, int] = {}
    order = [numbers.setdefault(operator, len(numbers)) for operator in graph.operators]
    return {
        "operators": [_operator_to_dict(operator) for operator in numbers],
        "order": order,
        "wiring": [[list(reads), list(writes)] for reads, writes in graph.wiring],
        "tensors": {str(number): _tensor_to_list(tensor) for number, tensor in graph.tensors.items()},
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "output_names": list(graph.output_names),
    }


def from_dict(values: dict[str, Any]) -> OpGraph:
    """The graph of `to_dict`.

    Raises:
        ValueError, KeyError, TypeError, IndexError, AttributeError: the values are no graph.
    """
    operators = [_operator_from_dict(entry) for entry in values["operators"]]
    wiring = tuple((_numbers(reads), _numbers(writes)) for reads, writes in values["wiring"])
    tensors = {int(number): _tensor_from_list(entry) for number, entry in values["tensors"].items()}
    graph = OpGraph(
        tuple(operators[i] for i in _numbers(values["order"])),
        wiring,
        tensors,
        _numbers(values["inputs"]),
        _numbers(values["outputs"]),
        tuple(str(name) for name in values["output_names"]),
    )
    used = {t for reads, writes in wiring for t in (*reads, *writes)} | {*graph.inputs, *graph.outputs}
    if len(wiring) != len(graph.operators) or not used <= tensors.keys():
        raise ValueError("the wiring does not fit the operators and tensors")
    return graph


def graph_key(values: dict[str, Any]) -> str:
    """A name of the values of `to_dict` that equal graphs share."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def _operator_to_dict(operator: Operator) -> dict[str, Any]:
    values: dict[str, Any] = {
        "type": operator.type,
        "inputs": [_tensor_to_list(t) for t in operator.inputs],
        "outputs": [_tensor_to_list(t) for t in operator.outputs],
    }
    for name, default in _DEFAULTS.items():
        value = getattr(operator, name)
        if name not in values and value != default:
            values[name] = list(value) if isinstance(value, tuple) else value
    return values


def _operator_from_dict(values: dict[str, Any]) -> Operator:
    extra = {name: value for name, value in values.items() if name not in ("type", "inputs", "outputs")}
    for name, value in extra.items():
        if name not in _DEFAULTS:
            raise ValueError(f"an operator has the unknown field {name!r}")
        if isinstance(value, list):
            extra[name] = tuple(value)
        if type(extra[name]) is not type(_DEFAULTS[name]):
            raise ValueError(f"the field {name!r} of an operator is {value!r}")
    return Operator(
        str(values["type"]),
        tuple(_tensor_from_list(t) for t in values["inputs"]),
        tuple(_tensor_from_list(t) for t in values["outputs"]),
        **extra,
    )


def _tensor_to_list(tensor: Tensor) -> list[Any]:
    return [tensor.dtype, *tensor.shape]


def _tensor_from_list(values: list[Any]) -> Tensor:
    shape = _numbers(values[1:])
    if any(size < 0 for size in shape):
        raise ValueError(f"a tensor has the shape {shape}")
    return Tensor(shape, str(values[0]))


def _numbers(values: list[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)
