"""The feature set of the Coral Edge TPU: the names that `edgenas.latency_models.feature_sets` asks for.

    latency = call + bytes in and out + sum over operators on the chip of (instructions + computing and streaming)
              + operators on the host

Computing is in `edgetpu_quantities`, whole networks in `edgetpu_graph`, what runs where in `edgetpu_placement`.
"""

from __future__ import annotations

from edgenas.graph.opgraph import Operator
from edgenas.latency_models.edgetpu_graph import (
    CACHE_BYTES,
    CHIP_CLASS,
    LARGEST_TENSOR_BYTES,
    call_quantities,
    parameter_plan,
    price_graph,
)
from edgenas.latency_models.edgetpu_placement import is_mapped, placement
from edgenas.latency_models.edgetpu_quantities import quantities, stored_bytes

__all__ = [
    "CACHE_BYTES",
    "FEATURE_SET",
    "PRICE_CLASS",
    "call_quantities",
    "parameter_plan",
    "placement",
    "price_class",
    "price_graph",
    "quantities",
    "stands_alone",
    "stored_bytes",
]

FEATURE_SET = 1
PRICE_CLASS = CHIP_CLASS


def price_class(operator: Operator) -> str:
    """All operators share one class of prices: the chip's parts are priced, not kinds of operators."""
    return PRICE_CLASS


def stands_alone(operator: Operator) -> bool:
    """Whether the operator runs on the chip with its parameters there, in every network of such operators."""
    return is_mapped(operator) and stored_bytes(operator) <= LARGEST_TENSOR_BYTES
