"""A search as it is, but for the training of its candidates: that takes minutes, so metrics are drawn instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgenas.search import Evaluation, Part
from edgenas.search.executors.in_process import InProcess
from edgenas.space import Architecture
from edgenas.tasks import get_task

__all__ = ["Rehearsed", "in_this_process"]


class Rehearsed:
    """Stands where the evaluator stands; metrics follow from the network, and so the same command gives the same."""

    def __call__(self, architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        """Metrics between 0.3 and 0.6 for every metric of the tasks."""
        rng = np.random.default_rng([seed, int(architecture.hash[:8], 16)])
        metrics: Mapping[str, Mapping[str, float]] = {
            head.task: {name: float(rng.uniform(0.3, 0.6)) for name in get_task(head.task).metrics}
            for head in architecture.heads
        }
        unfinished = part is not None and part.until_step is not None
        return Evaluation(metrics, {"train": 0.01}, state=b"rehearsed" if unfinished else None)


def in_this_process(self: Any, evaluator: Any) -> InProcess:
    """Instead of `Execution.make`."""
    del self, evaluator
    return InProcess(Rehearsed())
