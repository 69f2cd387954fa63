"""What the Edge TPU compiler puts on the chip, and what makes it fail, as rules on the operators of a network."""

from __future__ import annotations

from edgenas.graph.opgraph import Operator, OpGraph

__all__ = [
    "CPU",
    "EDGETPU",
    "FREE_OPERATORS",
    "MAPPED_OPERATORS",
    "QUANTISED_TYPES",
    "edgetpu_failure",
    "is_mapped",
    "placement",
]

CPU, EDGETPU = "cpu", "edgetpu"

# Source: the compiler's list as Axis mirrors it for ARTPEC-7
# (developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops), compared from ADD to
# RESIZE_BILINEAR; the rest of the alphabet is general knowledge that was not compared. Four compiled models of Coral's
# collection agree (tests/latency_models/test_edgetpu_placement.py). What is not listed stays on the CPU.
MAPPED_OPERATORS = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXPAND_DIMS", "FULLY_CONNECTED",
    "L2_NORMALIZATION", "LOGISTIC", "LSTM", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PACK", "PAD",
    "PRELU", "QUANTIZE", "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE",
    "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE", "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT",
    "SQUARED_DIFFERENCE", "SQUEEZE", "STRIDED_SLICE", "SUB", "SUM", "TANH", "TILE", "TRANSPOSE", "TRANSPOSE_CONV",
})  # fmt: skip
"""Types that the compiler maps where their tensors are quantised."""

QUANTISED_TYPES = frozenset({"int8", "uint8", "int16"})
"""Element types of activations that the compiler maps; int8 and uint8 by the compiled models, int16 not verified."""

FREE_OPERATORS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "RELU", "RELU6", "RELU_N1_TO_1"})
"""Types that cost nothing on the chip: they rename a tensor, or clamp what another operator writes or reads anyway.

With a price for ReLUs that stand alone, errors on EAGLE's networks grow from 5.8 to 7.6%, on HW-NAS-Bench's from 6.2
to 7.0%.
"""

# A result beyond 16 tiles x 192 KiB that is also many times larger than its source stays on the CPU. Source: the
# compiled DeepLab of Coral's model collection, which leaves its last resize (33 to 513) and keeps all others.
_LARGEST_RESIZE_BYTES = 16 * 192 * 1024
_LARGEST_RESIZE_RATIO = 16
_RESIZES = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"})

# Source: the networks of HW-NAS-Bench that failed (-1) on its Edge TPU; see `nasbench201.fails_on_edgetpu`.
_NO_FUSED_ACTIVATION = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D"})
_NOT_OF_ZEROS = frozenset({"AVERAGE_POOL_2D", "MAX_POOL_2D", "CONV_2D", "DEPTHWISE_CONV_2D"})
_ZERO_STAYS_ZERO = frozenset({"ADD", *FREE_OPERATORS})
_ZERO = "zero"


def is_mapped(operator: Operator) -> bool:
    """Whether the compiler would put the operator on the chip if all before it were there."""
    if operator.type not in MAPPED_OPERATORS or not operator.inputs or not operator.outputs:
        return False
    if any(t.dtype not in QUANTISED_TYPES or not t.shape for t in (*operator.inputs, *operator.outputs)):
        return False
    if operator.type in _RESIZES:
        small, large = operator.inputs[0], operator.outputs[0]
        return (
            large.bytes <= _LARGEST_RESIZE_BYTES or large.elements <= _LARGEST_RESIZE_RATIO * small.elements
        )
    return True


def placement(graph: OpGraph) -> tuple[str, ...]:
    """Where each operator runs, `CPU` or `EDGETPU`.

    The compiler makes one piece for the chip: what depends on an operator of the CPU behind that piece stays on the
    CPU too. Operators of the CPU before it, e.g. the quantisation of a float image, cut nothing off.
    """
    places: list[str] = []
    on_chip: set[int] = set()
    behind: set[int] = set()
    for operator, (reads, writes) in zip(graph.operators, graph.wiring, strict=True):
        if is_mapped(operator) and behind.isdisjoint(reads):
            places.append(EDGETPU)
            on_chip.update(writes)
        else:
            places.append(CPU)
            if any(tensor in on_chip or tensor in behind for tensor in reads):
                behind.update(writes)
    return tuple(places)


def edgetpu_failure(graph: OpGraph) -> str:
    """Why the compiler would give up on the whole network, or the runtime on what it made; "" if nothing is known.

    Constant zeros are those that the flag "zero" marks and constants where a network reads a feature map.
    """
    zeros: set[int] = set()
    for number, (operator, (reads, writes)) in enumerate(zip(graph.operators, graph.wiring, strict=True)):
        name = f"operator {number} ({operator.type})"
        if operator.type in _NO_FUSED_ACTIVATION and operator.activation != "none":
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
