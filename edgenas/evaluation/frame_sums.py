"""`FrameSums`: a row of sums per frame, from which the metrics of any selection of the frames follow.

The right values of the paper's metrics come from the tasks' own accumulators; these rows give what stands beside
them: further metrics of the field, the known-faulty public variants, intervals by resampling frames, and which
frames are worst.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameSums", "Table", "ratio"]

Table = NDArray[np.float64]


class FrameSums(ABC):
    """Sums per frame of one task.

    Metrics are fractions (not percent), degrees, or in the data set's depth unit. NaN stands for a metric that no
    valid pixel defines; it never leaves `edgenas.evaluation`.
    """

    def __init__(self) -> None:
        self._rows: list[Table] = []

    def update(self, target: NDArray[Any], output: NDArray[Any]) -> None:
        """Takes in a batch: truth [B, H, W(, 3)] and raw output [B, H, W, channels], both checked before."""
        self._rows.extend(self._row(t, o) for t, o in zip(target, output, strict=True))

    @property
    def table(self) -> Table:
        """The rows, [frames, sums]."""
        return np.stack(self._rows) if self._rows else np.zeros((0, 0))

    @property
    def total(self) -> Table:
        """Sums over all frames, [1, sums]."""
        total: Table = self.table.sum(axis=0, keepdims=True)
        return total

    @abstractmethod
    def metrics(self, sums: Table) -> dict[str, Table]:
        """Right values: those of the task's accumulator and further ones of the field.

        Args:
            sums: sums over the frames of each selection, [selections, sums].

        Returns:
            {metric: values [selections]}.
        """

    @abstractmethod
    def adashare(self) -> dict[str, float]:
        """Values as AdaShare's public code computes them, faults included, over all frames."""

    @abstractmethod
    def badness(self) -> Table:
        """How wrong each frame is, [frames], higher is worse; NaN where it has no valid pixel."""

    def details(self) -> dict[str, Any]:
        """What is no single number, JSON-ready."""
        return {}

    @abstractmethod
    def _row(self, target: NDArray[Any], output: NDArray[Any]) -> Table:
        """The sums of one frame."""


def ratio(part: Table, whole: Table) -> Table:
    """`part / whole`, NaN where `whole` is 0."""
    out = np.full(np.broadcast(part, whole).shape, np.nan)
    quotient: Table = np.divide(part, whole, out=out, where=whole != 0)
    return quotient
