"""`FeatureSet`: what the time of an operator is made of on one class of devices, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgenas.errors import unknown_name
from edgenas.graph.opgraph import Operator, OpGraph, Tensor
from edgenas.latency_models import edgetpu_features, ethos_features, features, ruy_features

__all__ = ["FEATURE_SETS", "Coefficients", "FeatureSet", "feature_set", "usual_features"]

Features = dict[str, float]
Coefficients = Mapping[str, Mapping[str, float]]
"""Price class to quantity to ms per unit."""


@dataclass(frozen=True)
class FeatureSet:
    """Non-negative quantities of operators; a predictor holds a price (ms per unit, never negative) for each.

    Attributes:
        name: identifies the set in predictor files.
        version: grows when a class or a quantity changes its meaning.
        price_class: operator to the class that its prices are found under.
        quantities: operator to its quantities.
        call_quantities: (inputs, outputs) to what one call costs besides its operators.
        placement: operators of a graph to where each runs, "cpu", "edgetpu" or "npu".
        stored_bytes: operator to what its parameters take on the chip.
        cache_bytes: parameters of that many bytes stay on the chip from call to call.
        stands_alone: whether an operator costs the same in every network whose parameters fit into the cache.
        price_graph: ms of each operator and of the call, for networks with operators that do not stand alone or
            with more parameters than the cache holds; None where all operators of all networks stand alone.
    """

    name: str
    version: int
    price_class: Callable[[Operator], str]
    quantities: Callable[[Operator], Features]
    call_quantities: Callable[[tuple[Tensor, ...], tuple[Tensor, ...]], Features]
    placement: Callable[[OpGraph], tuple[str, ...]]
    stored_bytes: Callable[[Operator], int] = lambda operator: 0
    cache_bytes: float = math.inf
    stands_alone: Callable[[Operator], bool] = lambda operator: True
    price_graph: Callable[[OpGraph, Coefficients], tuple[list[float], float]] | None = None


def _all_on_cpu(graph: OpGraph) -> tuple[str, ...]:
    return ("cpu",) * len(graph.operators)


FEATURE_SETS = {
    s.name: s
    for s in (
        FeatureSet(
            "xnnpack",
            features.FEATURE_SET,
            features.operator_class,
            features.operator_features,
            features.call_features,
            _all_on_cpu,
        ),
        FeatureSet(
            "ruy",
            ruy_features.FEATURE_SET,
            ruy_features.price_class,
            ruy_features.quantities,
            ruy_features.call_quantities,
            _all_on_cpu,
        ),
        FeatureSet(
            "edgetpu",
            edgetpu_features.FEATURE_SET,
            edgetpu_features.price_class,
            edgetpu_features.quantities,
            edgetpu_features.call_quantities,
            edgetpu_features.placement,
            edgetpu_features.stored_bytes,
            edgetpu_features.CACHE_BYTES,
            edgetpu_features.stands_alone,
            edgetpu_features.price_graph,
        ),
        FeatureSet(
            "ethos-u",
            ethos_features.FEATURE_SET,
            ethos_features.price_class,
            ethos_features.quantities,
            ethos_features.call_quantities,
            ethos_features.placement,
        ),
    )
}
"""XNNPACK kernels (today's TFLite on CPUs), TFLite's built-in kernels (im2col and ruy), the Coral Edge TPU, Arm Ethos-U
(as Vela simulates it)."""

_USUAL = {"vela": "ethos-u"}


def feature_set(name: str) -> FeatureSet:
    """The set of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in FEATURE_SETS:
        raise unknown_name("feature set", name, FEATURE_SETS)
    return FEATURE_SETS[name]


def usual_features(kind: str) -> FeatureSet:
    """The set that measurements with operator times are fitted with, by the kind of the device (`profile.KINDS`)."""
    return FEATURE_SETS[_USUAL.get(kind, "xnnpack")]
