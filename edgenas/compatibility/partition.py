"""Which operators the Edge TPU compiler puts into its one piece, and when it gives up on a network as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from edgenas.compatibility.rules import edgetpu_rules
from edgenas.graph.opgraph import Operator, OpGraph

__all__ = ["FREE_OPERATORS", "first_piece", "graph_failure", "obstacle", "obstacle_count"]

FREE_OPERATORS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU", "RELU6", "RELU_N1_TO_1"})
"""Types that cost nothing on the chip: they rename a tensor, or clamp what another operator writes or reads anyway.

With a price for ReLUs that stand alone, errors on EAGLE's networks grow from 5.8 to 7.6%, on HW-NAS-Bench's from 6.2
to 7.0%.
"""

# Source: the networks of HW-NAS-Bench that failed (-1) on its Edge TPU; see `nasbench201.fails_on_edgetpu`.
_NO_FUSED_ACTIVATION = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D"})
_NOT_OF_ZEROS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D"})
_ZERO_STAYS_ZERO = frozenset({"ADD", *FREE_OPERATORS})
_ZERO = "zero"


def first_piece(graph: OpGraph, supported: Sequence[bool]) -> tuple[bool, ...]:
    """Which operators stand in the first piece of supported ones, the only one that is compiled.

    TFLite hands a delegate its operators in turns: all of one kind (supported or not) that are ready, then all of the
    other kind that are ready by then, and so on; the first operator decides which kind begins. Source:
    tensorflow/lite/graph_info.cc, `PartitionGraphIntoIndependentNodeSubsets`; the compiled MoveNet of Coral's
    collection agrees: three heads behind an ARG_MAX in the file, but not behind it in the graph, are mapped.

    Args:
        graph: operators in execution order.
        supported: per operator whether it could be mapped on its own.
    """
    if not supported:
        return ()
    piece = 0 if supported[0] else 1
    turn_of: dict[
        int, int
    ] = {}  # Tensors of later turns than the first; empty where everything is supported.
    found = []
    for able, (reads, writes) in zip(supported, graph.wiring, strict=True):
        turn = 0
        if turn_of:
            for tensor in reads:
                if tensor in turn_of and turn_of[tensor] > turn:
                    turn = turn_of[tensor]
        # Supported operators have the turns `piece`, `piece` + 2, ..., the others those between.
        if ((turn - piece) & 1) == able:
            turn += 1
        if turn:
            for tensor in writes:
                turn_of[tensor] = turn
        found.append(able and turn == piece)
    return tuple(found)


def graph_failure(graph: OpGraph, pools: bool = True) -> str:
    """Why the compiler would give up on the whole network, or the runtime on what it made; "" if nothing is known.

    Constant zeros are those that the flag "zero" marks and constants where a network reads a feature map.

    Args:
        graph: the network.
        pools: whether pools with a fused activation count.
    """
    zeros: set[int] = set()
    for number, (operator, (reads, writes)) in enumerate(zip(graph.operators, graph.wiring, strict=True)):
        name = f"operator {number} ({operator.type})"
        if pools and operator.type in _NO_FUSED_ACTIVATION and operator.activation != "none":
            return f"{name} is a pool with the activation {operator.activation} fused into it"
        if operator.type in _NOT_OF_ZEROS:
            if _ZERO in operator.flags:
                return f"the weights of {name} are multiplied by zero"
            if not reads or not zeros.isdisjoint(reads):
                return f"{name} works on a constant: zeros"
        if (operator.type == "MUL" and _ZERO in operator.flags) or (
            operator.type in _ZERO_STAYS_ZERO
            and reads
            and zeros.issuperset(reads)
            and _adds_nothing(operator)
        ):
            zeros.update(writes)
    return ""


def _adds_nothing(operator: Operator) -> bool:
    return operator.type != "ADD" or operator.parameter_bytes == 0


def obstacle(graph: OpGraph) -> str:
    """Why a network would not run on the Edge TPU as a whole: the first operator that would not; "" if all do.

    For networks that are no files yet: rules that need a file's facts pass.
    """
    rules = edgetpu_rules()
    for index, operator in enumerate(graph.operators):
        found = rules.broken(operator)
        if found is not None:
            return f"operator {index} ({operator.type}): {found.reason}"
    return graph_failure(graph)


def obstacle_count(graph: OpGraph) -> int:
    """How many operators would not run on the Edge TPU; one more where the compiler would give up on the whole.

    0 where `obstacle` finds nothing: a search can lower it step by step.
    """
    rules = edgetpu_rules()
    return sum(rules.broken(operator) is not None for operator in graph.operators) + bool(
        graph_failure(graph)
    )
