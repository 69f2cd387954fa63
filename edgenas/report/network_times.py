"""What the parts of the winner and of the baseline cost: times by one predictor, and activations by the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgenas.graph import graph_of
from edgenas.report.model_card import OperatorTime
from edgenas.report.part_times import operator_times, part_times
from edgenas.report.run_data import Candidate, RunData

__all__ = ["NetworkTimes", "network_times"]


@dataclass(frozen=True)
class NetworkTimes:
    """What is known of the parts of one network.

    Attributes:
        parts: latency per part in ms, see `part_times`; empty where it is not known.
        source: "predicted", "measured" or "simulated", for the times.
        operators: type of each operator, in execution order.
        live_bytes: bytes of the activations that live while each operator runs.
    """

    parts: Mapping[str, float] = field(default_factory=dict)
    source: str = "predicted"
    operators: tuple[str, ...] = ()
    live_bytes: tuple[int, ...] = ()


def network_times(run: RunData, candidate: Candidate | None) -> NetworkTimes:
    """By the predictor of the run, so that networks compare; else by the model card, which knows the winner only."""
    if candidate is None or candidate.architecture is None:
        return NetworkTimes()
    arch, predictor = candidate.architecture, run.predictor
    dtype = predictor.dtype if predictor else "int8"
    graph = graph_of(arch, dtype)
    types, live = tuple(o.type for o in graph.operators), graph.live_activation_bytes
    if predictor is not None:
        times = [OperatorTime(i, type_, ms, None) for i, type_, ms, _ in predictor.predict(graph).operators]
        return NetworkTimes(part_times(arch, times, dtype) or {}, "predicted", types, live)
    operators = run.card.operators if run.card else ()
    # The card's times belong to the exported network; part_times gives None for any other.
    parts = part_times(arch, operators) if operators else None
    if parts is None:
        return NetworkTimes(operators=types, live_bytes=live)
    return NetworkTimes(parts, operator_times(operators)[0], types, live)
