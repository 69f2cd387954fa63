"""Requirements of a search that other rooms judge: what runs on the Edge TPU."""

from __future__ import annotations

from edgenas.compatibility import obstacle, obstacle_count
from edgenas.graph import graph_of
from edgenas.search import Bound, Requirement
from edgenas.space import Architecture

__all__ = ["edgetpu_requirement"]


def edgetpu_requirement() -> Requirement:
    """Every operator of the exported network must run on the Edge TPU.

    Its amount is one more than the operators that do not, so that what no network meets is noticed as a latency target
    is that nothing reaches.
    """
    bound = Bound(
        "--require",
        lambda architecture: 1.0 + obstacle_count(graph_of(architecture, "int8")),
        1.0,
        _operators,
        word="edgetpu",
        problem=_runs_on_edgetpu,
    )
    return Requirement("require", _runs_on_edgetpu, bound)


def _operators(amount: float) -> str:
    count = round(amount - 1)
    return f"{count} operator{'' if count == 1 else 's'} outside of edgetpu"


def _runs_on_edgetpu(architecture: Architecture) -> str:
    """What of the exported network would not run on the Edge TPU, "" if everything would."""
    found = obstacle(graph_of(architecture, "int8"))
    return found and f"does not run on edgetpu as a whole: {found}"
