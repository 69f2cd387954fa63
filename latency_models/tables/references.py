"""Names of networks from which their graphs are rebuilt, e.g. `nasbench201:zeros:int8:|nor_conv_3x3~0|+...`."""

from __future__ import annotations

from edgenas.errors import UsageError, unknown_name
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.fbnet import fbnet_graph
from edgenas.latency_models.tables.nasbench201 import DEAD_PARTS, nasbench201_graph

__all__ = ["DTYPES", "graph_of_reference", "is_reference", "reference_of"]

DTYPES = ("float32", "int8")
_NASBENCH201, _FBNET = "nasbench201", "fbnet"


def is_reference(text: str) -> bool:
    """Whether a text begins like a reference."""
    return text.startswith((f"{_NASBENCH201}:", f"{_FBNET}:"))


def reference_of(name: str, graph: OpGraph) -> str:
    """The reference that gives exactly `graph`; "" if the name is no network of a known space.

    Args:
        name: `arch_str` of the network.
        graph: how it was run.
    """
    dtype = graph.tensors[graph.inputs[0]].dtype
    if dtype not in DTYPES:
        return ""
    try:
        if name.startswith("|"):
            for dead in DEAD_PARTS:
                if nasbench201_graph(name, dtype=dtype, dead=dead) == graph:
                    return f"{_NASBENCH201}:{dead}:{dtype}:{name}"
        elif " " in name and fbnet_graph(name, dtype=dtype) == graph:
            return f"{_FBNET}:{dtype}:{name}"
    except UsageError:
        return ""
    return ""


def graph_of_reference(reference: str) -> OpGraph:
    """Rebuilds a graph.

    Raises:
        UsageError: the reference is malformed.
    """
    space, *options = reference.split(":")
    if space == _NASBENCH201 and len(options) == 3:
        dead, dtype, arch_str = options
        return nasbench201_graph(arch_str, dtype=_known_dtype(dtype), dead=dead)
    if space == _FBNET and len(options) == 2:
        return fbnet_graph(options[1], dtype=_known_dtype(options[0]))
    raise UsageError(
        f"Not a reference of a network: {reference[:120]!r}. Expected 'nasbench201:<dead parts>:<dtype>:<cell>' or "
        "'fbnet:<dtype>:<blocks>'."
    )


def _known_dtype(dtype: str) -> str:
    if dtype not in DTYPES:
        raise unknown_name("element type", dtype, DTYPES)
    return dtype
