"""Where predictors price the Edge TPU's operators; the rules are those of `edgenas.compatibility`."""

from __future__ import annotations

from edgenas.compatibility.partition import FREE_OPERATORS, first_piece, graph_failure
from edgenas.compatibility.rules import edgetpu_rules
from edgenas.graph.opgraph import Operator, OpGraph

__all__ = ["CPU", "EDGETPU", "FREE_OPERATORS", "edgetpu_failure", "is_mapped", "placement"]

CPU, EDGETPU = "cpu", "edgetpu"


def is_mapped(operator: Operator) -> bool:
    """Whether the operator is priced on the chip if all before it are there: by the rules marked `predictors`."""
    return edgetpu_rules().priced_on_chip(operator)


def placement(graph: OpGraph) -> tuple[str, ...]:
    """Where each operator runs, `CPU` or `EDGETPU`.

    The compiler makes one piece for the chip: what depends on an operator of the CPU behind that piece stays on the
    CPU too. Operators of the CPU before it, e.g. the quantisation of a float image, cut nothing off.
    """
    supported = [is_mapped(operator) for operator in graph.operators]
    return tuple(EDGETPU if on_chip else CPU for on_chip in first_piece(graph, supported))


def edgetpu_failure(graph: OpGraph) -> str:
    """Why the compiler would give up on the whole network, or the runtime on what it made; "" if nothing is known."""
    return graph_failure(graph)
