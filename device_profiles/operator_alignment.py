"""Which event of the runtime's profile belongs to which operator of the file; exact or not at all.

XNNPACK runs the operators it takes over in the order of the file, but under kernel names of its own, and it may
run one operator as several kernels or fuse it into a neighbour. Operators it does not take over run between
the delegate's partitions, which moves later independent operators in front of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["align_operators", "execution_order"]

Wiring = Sequence[tuple[Sequence[int], Sequence[int]]]

_OUTSIDE = re.compile(r"(?P<type>.+) \[(?P<index>\d+)\]")
_DEPTHWISE = ("DWConv", "VMulCAddC")
_CLAMP = "Clamp"
# One event that an operator may have before its own: a dynamically quantised one converts its input, a fully
# connected one may flatten it.
_BEFORE = {
    "CONV_2D": ("Convert",),
    "DEPTHWISE_CONV_2D": ("Convert",),
    "FULLY_CONNECTED": ("Convert", "Static Reshape"),
}
_CLAMP_AFTER = frozenset({"ADD", "SUB", "MUL", "DIV", "CONCATENATION"})
# TFLite operator type -> (kernels it runs as, fewest events, most events).
_KERNELS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "ABS": (("Abs",), 1, 1),
    "ADD": (("Add",), 1, 1),
    "AVERAGE_POOL_2D": (("Average Pooling",), 1, 1),
    "CONCATENATION": (("Copy",), 0, 16),
    "CONV_2D": (("Convolution", "Fully Connected"), 1, 1),
    "DEPTHWISE_CONV_2D": (_DEPTHWISE, 1, 1),
    "DEPTH_TO_SPACE": (("Depth To Space",), 1, 1),
    "DEQUANTIZE": (("Convert",), 0, 1),
    "DIV": (("Divide",), 1, 1),
    "ELU": (("ELU",), 1, 1),
    "EXP": (("Exp",), 1, 1),
    "FULLY_CONNECTED": (("Fully Connected", "Dynamic Fully Connected"), 1, 1),
    "GELU": (("GELU", "ApproxGELU"), 1, 1),
    "HARD_SWISH": (("HardSwish",), 1, 1),
    "LEAKY_RELU": (("LeakyReLU",), 1, 1),
    "LOGISTIC": (("Sigmoid",), 1, 1),
    "MAXIMUM": (("Maximum",), 1, 1),
    "MAX_POOL_2D": (("Max Pooling",), 1, 1),
    "MEAN": (("Mean",), 1, 1),
    "MINIMUM": (("Minimum",), 1, 1),
    "MUL": (("Multiply", "Square"), 1, 1),
    "NEG": (("Negate",), 1, 1),
    "PAD": (("Constant Pad",), 0, 1),
    "PRELU": (("PReLU",), 1, 1),
    "QUANTIZE": (("Convert", "Unary Elementwise", "Invalid Unary Op"), 0, 1),
    "RELU": ((_CLAMP,), 0, 1),
    "RELU6": ((_CLAMP,), 0, 1),
    "RESHAPE": (("Static Reshape", "Copy"), 0, 1),
    "RESIZE_BILINEAR": (("Resize Bilinear",), 1, 1),
    "SLICE": (("Slice",), 1, 1),
    "SOFTMAX": (("Softmax",), 1, 1),
    "SPACE_TO_DEPTH": (("Space To Depth",), 1, 1),
    "SQUARE": (("Square",), 1, 1),
    "SQUARED_DIFFERENCE": (("Squared Difference",), 1, 1),
    "STRIDED_SLICE": (("Slice",), 1, 1),
    "SUB": (("Subtract",), 1, 1),
    "SUM": (("Sum",), 1, 1),
    "TANH": (("TanH",), 1, 1),
    "TRANSPOSE": (("Transpose",), 1, 1),
    "TRANSPOSE_CONV": (("Deconvolution",), 1, 1),
}


def align_operators(
    operator_types: Sequence[str], events: Sequence[tuple[str, float]], wiring: Wiring | None = None
) -> tuple[float | None, ...] | None:
    """Gives every operator of a file the time of its events.

    Args:
        operator_types: TFLite types in the order of the file, e.g. "CONV_2D".
        events: (tag, ms) in order of execution, as in `Measurement.operator_ms`.
        wiring: per operator (tensors read, tensors written), as `OpGraph.wiring`; needed where operators run
            outside the delegate, because the order of execution follows from it.

    Returns:
        Per operator the sum of its events in ms, None for an operator without an event (it was fused into a
        neighbour, whose time includes it). None altogether when the events do not fit the operators, fit in
        more than one way, or contain kernels or types that are not known here: never a guess.
    """
    outside: dict[int, str] = {}
    for tag, _ in events:
        match = _OUTSIDE.fullmatch(tag)
        if match:
            index = int(match["index"])
            if index in outside or index >= len(operator_types) or operator_types[index] != match["type"]:
                return None
            outside[index] = match["type"]
    order = tuple(range(len(operator_types)))
    if outside:
        if wiring is None or len(wiring) != len(operator_types):
            return None
        order = execution_order(wiring, frozenset(outside))
        if len(order) < len(operator_types):
            return None
    counts = _event_counts(
        [operator_types[i] for i in order],
        [f"{outside[i]} [{i}]" if i in outside else None for i in order],
        [_kernel(tag) for tag, _ in events],
    )
    if counts is None:
        return None
    times: list[float | None] = [None] * len(operator_types)
    position = 0
    for operator, count in zip(order, counts, strict=True):
        if count:
            times[operator] = sum(ms for _, ms in events[position : position + count])
        position += count
    return tuple(times)


def execution_order(wiring: Wiring, outside: frozenset[int]) -> tuple[int, ...]:
    """Order in which TFLite runs a graph of which it delegates all operators but `outside`.

    TFLite cuts the graph greedily: it collects every operator that is ready and of the same side (delegated or
    not) as the first ready one, then starts the next part.

    Args:
        wiring: per operator (tensors read, tensors written).
        outside: operators that are not delegated.

    Returns:
        Operator numbers; fewer than there are when the graph has a cycle.
    """
    written = {tensor for _, writes in wiring for tensor in writes}
    ready: set[int] = {tensor for reads, _ in wiring for tensor in reads} - written
    waiting = list(range(len(wiring)))
    order: list[int] = []
    while waiting:
        side: bool | None = None
        later: list[int] = []
        for i in waiting:
            reads, writes = wiring[i]
            if ready.issuperset(reads) and side in (None, i in outside):
                side = i in outside
                order.append(i)
                ready.update(writes)
            else:
                later.append(i)
        if len(later) == len(waiting):
            break
        waiting = later
    return tuple(order)


def _event_counts(
    types: Sequence[str], outside: Sequence[str | None], kernels: Sequence[str]
) -> list[int] | None:
    """How many events each operator has, if there is exactly one way to cut the events up; two count as many."""
    ways: list[dict[int, int]] = [{0: 1}]
    for kind, tag in zip(types, outside, strict=True):
        following: dict[int, int] = {}
        for event, number in ways[-1].items():
            for count in _possible_counts(kind, tag, kernels, event):
                following[event + count] = min(2, following.get(event + count, 0) + number)
        ways.append(following)
    if ways[-1].get(len(kernels)) != 1:
        return None
    counts: list[int] = []
    end = len(kernels)
    for i in range(len(types) - 1, -1, -1):
        start = next(e for e in ways[i] if end - e in _possible_counts(types[i], outside[i], kernels, e))
        counts.append(end - start)
        end = start
    return counts[::-1]


def _possible_counts(kind: str, outside: str | None, kernels: Sequence[str], event: int) -> set[int]:
    """Numbers of events from `event` on that an operator can own; empty when they cannot be its own."""
    if outside is not None:
        return {1} if kernels[event : event + 1] == [outside] else set()
    if kind not in _KERNELS:
        return set()
    names, fewest, most = _KERNELS[kind]
    starts = {0}
    if event < len(kernels) and kernels[event] in _BEFORE.get(kind, ()):
        starts.add(1)
    counts: set[int] = set()
    for start in starts:
        for main in range(most + 1):
            if main and (
                event + start + main > len(kernels) or kernels[event + start + main - 1] not in names
            ):
                break
            if main >= fewest:
                end = start + main
                counts.add(end)
                if main and kind in _CLAMP_AFTER and kernels[event + end : event + end + 1] == [_CLAMP]:
                    counts.add(end + 1)
    return counts


def _kernel(tag: str) -> str:
    """Name of the kernel without data types; depthwise convolutions have a name of their own."""
    if _OUTSIDE.fullmatch(tag):
        return tag
    depthwise = tag.rsplit(" ", 1)[-1]
    return depthwise if depthwise in _DEPTHWISE else tag.split(" (", 1)[0]
