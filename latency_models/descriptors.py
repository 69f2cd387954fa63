"""Networks as counts of what they consist of and how it is wired: what a learned correction looks at."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache

from edgenas.graph.opgraph import Operator, OpGraph

__all__ = ["GATE", "PATH", "describe"]

GATE = "gate:"
"""Prefix of descriptors that are facts, not amounts: networks that differ in one are of another kind."""

PATH = "path:"
"""Prefix of the counts of three operators in a row."""

_INPUT = "input"


def describe(graph: OpGraph, *, paths: bool = False) -> dict[str, float]:
    """Counts of a network.

    Args:
        graph: the network.
        paths: count three operators in a row too.

    Returns:
        `op:TYPE` and `edge:PRODUCER>CONSUMER` counts (types with kernel, stride and fused activation, without
        sizes); length of the longest chain; most tensors alive at once and summed over the steps; how many steps
        results wait for their readers; how many tensors have several readers; and the gates: shape and type of the
        inputs, shapes of the outputs.
    """
    found: Counter[str] = Counter()
    labels = [_label(operator) for operator in graph.operators]
    made_by: dict[int, int] = {}
    last_read: dict[int, int] = {}
    readers: Counter[int] = Counter()
    depth: dict[int, int] = defaultdict(int)
    waits = longest = 0
    sources: list[list[int]] = []
    for step, ((reads, writes), label) in enumerate(zip(graph.wiring, labels, strict=True)):
        if paths:
            sources.append([made_by[t] for t in reads if t in made_by])
            for middle in sources[step]:
                for first in sources[middle]:
                    found[f"{PATH}{labels[first]}>{labels[middle]}>{label}"] += 1
        found[f"op:{label}"] += 1
        for tensor in reads:
            maker = made_by.get(tensor, -1)
            found[_edge(labels[maker] if maker >= 0 else _INPUT, label)] += 1
            waits += step - maker - 1
            last_read[tensor] = step
            readers[tensor] += 1
        reached = 1 + max((depth[t] for t in reads), default=0)
        longest = max(longest, reached)
        for tensor in writes:
            made_by[tensor] = step
            depth[tensor] = reached
    most, total = _alive(graph, made_by, last_read)
    found["operators"] = len(labels)
    found["depth"] = longest
    found["alive_most"] = most
    found["alive_total"] = total
    found["waits"] = waits
    found["shared"] = sum(1 for n in readers.values() if n > 1)
    described: dict[str, float] = dict(found)
    for number in graph.inputs:
        described[f"{GATE}input {graph.tensors[number].shape} {graph.tensors[number].dtype}"] = 1.0
    for number in graph.outputs:
        described[f"{GATE}output {graph.tensors[number].shape}"] = 1.0
    return described


def _alive(graph: OpGraph, made_by: dict[int, int], last_read: dict[int, int]) -> tuple[int, int]:
    """Most tensors alive at once, and their number summed over the steps."""
    steps = len(graph.operators)
    change = [0] * (steps + 2)
    for number in (*graph.inputs, *made_by):
        begin = made_by.get(number, 0)
        end = steps if number in graph.outputs else last_read.get(number, begin)
        change[begin] += 1
        change[end + 1] -= 1
    alive = most = total = 0
    for step in range(steps):
        alive += change[step]
        most = max(most, alive)
        total += alive
    return most, total


@lru_cache(maxsize=1 << 14)
def _edge(maker: str, reader: str) -> str:
    return f"edge:{maker}>{reader}"


@lru_cache(maxsize=1 << 16)
def _label(operator: Operator) -> str:
    label = operator.type
    if max(operator.kernel) > 0:
        label += f" {operator.kernel[0]}x{operator.kernel[1]}"
    if max(operator.stride) > 1:
        label += f"/{max(operator.stride)}"
    if operator.activation != "none":
        label += f"+{operator.activation}"
    return label if not operator.flags else f"{label} {' '.join(operator.flags)}"
