"""What whole networks cost on the Edge TPU: the chip's part, what crosses its boundary, and the rest on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models.edgetpu_placement import CPU, FREE_OPERATORS, placement
from edgenas.latency_models.edgetpu_quantities import BUSY, quantities, stored_bytes, streamed_bytes
from edgenas.latency_models.features import CALL_CLASS, Features

__all__ = [
    "CACHE_BYTES",
    "CHIP_CLASS",
    "CPU_CLASS",
    "LARGEST_TENSOR_BYTES",
    "STREAM_CLASS",
    "ChipOperator",
    "Parts",
    "call_quantities",
    "cpu_quantities",
    "parameter_plan",
    "price_graph",
    "split",
]

CACHE_BYTES = 7.8 * 2**20
"""Parameters up to here stay on the chip. Source: the compiler's memory tables, 7.81 MiB seen and 7.86 refused."""

LARGEST_TENSOR_BYTES = 7.1 * 2**20
"""Parameters of one operator beyond this are always sent again. Source: the same, 6.9 MiB kept and 7.17 not."""

CHIP_CLASS, STREAM_CLASS, CPU_CLASS = "chip", "stream", "cpu"
_POSTPROCESS = "TFLite_Detection_PostProcess"

# Operators left to the host, ns per element of their largest tensor on a desktop core. Measured with LiteRT on the
# machine that this project was written on, one thread; what is not listed counts 1.
_CPU_NS = {
    "ARG_MAX": 1.2, "RESIZE_BILINEAR": 1.0, "RESIZE_NEAREST_NEIGHBOR": 0.2, "SOFTMAX": 4.0, "CAST": 0.5,
    "QUANTIZE": 1.0, "DEQUANTIZE": 0.5, "LOGISTIC": 0.3,
}  # fmt: skip
_CPU_OPERATOR_NS, _CPU_MAC_NS, _CPU_OTHER_NS = 2000.0, 0.15, 1.0


@dataclass(frozen=True, slots=True)
class ChipOperator:
    """An operator on the chip.

    Attributes:
        index: its place in the network.
        quantities: what it asks of the chip.
        streamed_bytes: parameters sent to it per call, 0 where they stay on the chip.
    """

    index: int
    quantities: Features
    streamed_bytes: float


@dataclass(frozen=True, slots=True)
class Parts:
    """A network split up as the compiler does it.

    Attributes:
        chip: operators on the chip that cost something.
        cpu: operators on the host with what they ask of it.
        inputs: tensors sent to the chip.
        outputs: tensors that come back.
        on_chip_bytes: parameters that stay on the chip.
        off_chip_bytes: parameters that do not.
    """

    chip: tuple[ChipOperator, ...]
    cpu: tuple[tuple[int, Features], ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    on_chip_bytes: int
    off_chip_bytes: int


def call_quantities(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Features:
    """One call of the chip with the bytes that go there and come back."""
    return {
        "call": 1.0,
        "input_bytes": float(sum(t.bytes for t in inputs)),
        "output_bytes": float(sum(t.bytes for t in outputs)),
    }


def cpu_quantities(operator: Operator) -> Features:
    """What an operator asks of the host: the detection post-process by anchors and scores, others as desktop time."""
    if operator.type == _POSTPROCESS and len(operator.inputs) > 1 and len(operator.inputs[0].shape) > 1:
        boxes, scores = operator.inputs[:2]
        return {"anchors": float(boxes.shape[1]), "scores": float(scores.elements)}
    elements = max((t.elements for t in (*operator.inputs, *operator.outputs)), default=0)
    rate = _CPU_NS.get(operator.type, _CPU_OTHER_NS)
    return {"desktop_ns": _CPU_OPERATOR_NS + _CPU_MAC_NS * operator.macs + rate * elements}


def split(graph: OpGraph, cache_bytes: float = CACHE_BYTES) -> Parts:
    """Splits a network between chip and host, and its parameters between chip memory and stream."""
    made: dict[int, None] = {}
    read: dict[int, None] = {}
    read_by_host: set[int] = set()
    on_chip: list[int] = []
    cpu = []
    for index, place in enumerate(placement(graph)):
        reads, writes = graph.wiring[index]
        if place == CPU:
            cpu.append((index, cpu_quantities(graph.operators[index])))
            read_by_host.update(reads)
            continue
        made.update(dict.fromkeys(writes))
        read.update(dict.fromkeys(reads))
        if graph.operators[index].type not in FREE_OPERATORS:
            on_chip.append(index)
    stored = [stored_bytes(graph.operators[i]) for i in on_chip]
    kept = _kept(stored, cache_bytes)
    chip = tuple(
        ChipOperator(
            i, quantities(graph.operators[i]), 0.0 if n in kept else streamed_bytes(graph.operators[i])
        )
        for n, i in enumerate(on_chip)
    )
    kept_bytes = sum(stored[n] for n in kept)
    wanted = read_by_host.union(graph.outputs)
    return Parts(
        chip,
        tuple(cpu),
        tuple(graph.tensors[t] for t in read if t not in made),
        tuple(graph.tensors[t] for t in made if t in wanted),
        kept_bytes,
        sum(stored) - kept_bytes,
    )


def _kept(stored: Sequence[int], cache_bytes: float) -> set[int]:
    """Parameters that stay on the chip: the largest first while they fit, in the order of the network among equals."""
    kept: set[int] = set()
    used = 0
    for n in sorted(range(len(stored)), key=lambda n: (-stored[n], n)):
        if stored[n] <= LARGEST_TENSOR_BYTES and used + stored[n] <= cache_bytes:
            kept.add(n)
            used += stored[n]
    return kept


def parameter_plan(graph: OpGraph) -> tuple[int, int]:
    """Bytes of parameters that stay on the chip, and of those sent to it in each call."""
    parts = split(graph)
    return parts.on_chip_bytes, parts.off_chip_bytes


def price_graph(
    graph: OpGraph,
    coefficients: Mapping[str, Mapping[str, float]],
    cache_bytes: float = CACHE_BYTES,
) -> tuple[list[float], float]:
    """Time of each operator and of the call.

    An operator with streamed parameters takes the longer of computing and streaming, and a share of the shorter that
    is not hidden behind it. Without any operator on the chip the call itself costs nothing.

    Args:
        graph: the network.
        coefficients: prices by the classes "call/int8" (call, input_bytes, output_bytes), "chip" (see
            `edgetpu_quantities.quantities`), "stream" (bytes; unhidden, a share) and "cpu" (desktop_ns, anchors,
            scores), in ms per unit.
        cache_bytes: parameters that stay on the chip.

    Returns:
        Ms per operator and ms of the call.
    """
    parts = split(graph, cache_bytes)
    chip, stream = coefficients.get(CHIP_CLASS, {}), coefficients.get(STREAM_CLASS, {})
    times = [0.0] * len(graph.operators)
    for operator in parts.chip:
        counted = operator.quantities
        busy = sum(chip.get(name, 0.0) * counted.get(name, 0.0) for name in BUSY)
        sending = stream.get("bytes", 0.0) * operator.streamed_bytes
        body = max(busy, sending) + stream.get("unhidden", 0.0) * min(busy, sending)
        times[operator.index] = body + chip.get("instructions", 0.0) * counted.get("instructions", 0.0)
    host = coefficients.get(CPU_CLASS, {})
    for index, asked in parts.cpu:
        times[index] = _dot(host, asked)
    if not parts.inputs:
        return times, 0.0
    call = coefficients.get(f"{CALL_CLASS}/int8", {})
    return times, _dot(call, call_quantities(parts.inputs, parts.outputs))


def _dot(prices: Mapping[str, float], counted: Mapping[str, float]) -> float:
    return sum(prices.get(name, 0.0) * value for name, value in counted.items())
