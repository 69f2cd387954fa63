"""What operators cost on the Coral Edge TPU."""

from __future__ import annotations

from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models.features import Features

__all__ = ["FEATURE_SET", "PRICE_CLASS", "call_quantities", "placement", "price_class", "quantities"]

FEATURE_SET = 1
PRICE_CLASS = "operators"


def price_class(operator: Operator) -> str:
    """All operators share one class of prices."""
    return PRICE_CLASS


def placement(graph: OpGraph) -> tuple[str, ...]:
    """Where each operator runs."""
    return ("edgetpu",) * len(graph.operators)


def call_quantities(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Features:
    """Quantities of one call."""
    return {"call": 1.0}


def quantities(operator: Operator) -> Features:
    """Quantities of an operator."""
    return {"operators": 1.0, "macs": float(operator.macs), "results": float(operator.outputs[0].elements)}


CACHE_BYTES = 7.8 * 2**20


def stored_bytes(operator: Operator) -> int:
    """Bytes of an operator's parameters on the chip."""
    return operator.parameter_bytes


def stands_alone(operator: Operator) -> bool:
    """Whether the operator is mapped."""
    return True


def price_graph(graph: OpGraph, coefficients: object) -> tuple[list[float], float]:
    """Ms of operators and call."""
    return [0.0] * len(graph.operators), 0.0
