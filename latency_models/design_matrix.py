"""Measured rows as the linear system that the coefficients solve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgenas.graph.opgraph import Operator, OpGraph
from edgenas.latency_models.feature_sets import FEATURE_SETS, FeatureSet
from edgenas.latency_models.features import CALL_CLASS, PRIOR_CLASS, element_type, prior_features

__all__ = ["DesignMatrix", "Row"]

FloatArray = npt.NDArray[np.float64]
Column = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """One measured network or single operator.

    Attributes:
        name: unique name.
        group: rows of one group are always held out together, e.g. int8 and float32 of one architecture.
        graph: its operators.
        measured_ms: latency of the whole.
        operator_ms: time of each operator of the graph, None where it is not known.
        kind: "network" or "operator"; only networks count in the held-out error.
        disagreement: relative gap between its two fastest processes, None with one process.
    """

    name: str
    group: str
    graph: OpGraph
    measured_ms: float
    operator_ms: tuple[float | None, ...] | None = None
    kind: str = "network"
    disagreement: float | None = None

    @property
    def dtype(self) -> str:
        """Element type of the network's input."""
        return self.graph.tensors[self.graph.inputs[0]].dtype


class DesignMatrix:
    """Quantities of rows and of their operators, one column per (operator class, quantity).

    Args:
        rows: the rows.
        features: what is counted.

    Attributes:
        rows: the rows.
        columns: the columns.
        networks: quantities of whole rows [rows, columns].
        operators: distinct operators that were timed.
        operator_quantities: their quantities [operators, columns].
    """

    def __init__(self, rows: Sequence[Row], features: FeatureSet = FEATURE_SETS["xnnpack"]) -> None:
        self.rows = tuple(rows)
        times: dict[Operator, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for number, row in enumerate(rows):
            for operator, ms in zip(row.graph.operators, _operator_times(row), strict=True):
                if ms is not None:
                    times[operator][number].append(ms)
        self._times = {
            operator: {n: float(np.median(v)) for n, v in seen.items()} for operator, seen in times.items()
        }
        self.operators = tuple(self._times)
        sparse_rows = [_row_quantities(row, features) for row in rows]
        sparse_operators = [{features.price_class(o): features.quantities(o)} for o in self.operators]
        self.columns: tuple[Column, ...] = tuple(
            sorted(
                {(c, f) for item in (*sparse_rows, *sparse_operators) for c, fs in item.items() for f in fs}
            )
        )
        index = {column: i for i, column in enumerate(self.columns)}
        self.networks = _dense(sparse_rows, index)
        self.operator_quantities = _dense(sparse_operators, index)

    def operator_times(self, rows: Iterable[int]) -> tuple[FloatArray, FloatArray]:
        """Median times of the operators over the given rows, NaN where none has it, and how many rows have it."""
        chosen = set(rows)
        median = np.full(len(self.operators), np.nan)
        count = np.zeros(len(self.operators))
        for i, seen in enumerate(self._times.values()):
            values = [ms for number, ms in seen.items() if number in chosen]
            if values:
                median[i], count[i] = float(np.median(values)), len(values)
        return median, count

    def priors(self) -> tuple[dict[str, FloatArray], tuple[str, ...]]:
        """Per element type the prior quantities of its operators (zero rows for the others) and their names."""
        names = ("call", "macs", "bytes")
        matrices: dict[str, FloatArray] = {}
        for i, operator in enumerate(self.operators):
            matrix = matrices.setdefault(
                f"{PRIOR_CLASS}/{element_type(operator)}", np.zeros((len(self.operators), len(names)))
            )
            quantities = prior_features(operator)
            matrix[i] = [quantities[name] for name in names]
        return matrices, names


def _operator_times(row: Row) -> tuple[float | None, ...]:
    """Times of the operators, brought down to the latency of the whole where they exceed it.

    They are taken in one process, which may have been disturbed; the latency is the best of several.
    """
    if row.operator_ms is None:
        return (None,) * len(row.graph.operators)
    total = sum(ms for ms in row.operator_ms if ms is not None)
    scale = min(1.0, row.measured_ms / total) if total > 0 else 1.0
    return tuple(None if ms is None else ms * scale for ms in row.operator_ms)


def _row_quantities(row: Row, features: FeatureSet) -> dict[str, dict[str, float]]:
    graph = row.graph
    call = features.call_quantities(
        tuple(graph.tensors[i] for i in graph.inputs), tuple(graph.tensors[i] for i in graph.outputs)
    )
    total: dict[str, dict[str, float]] = {f"{CALL_CLASS}/{row.dtype}": call}
    for operator in graph.operators:
        sums = total.setdefault(features.price_class(operator), {})
        for name, value in features.quantities(operator).items():
            sums[name] = sums.get(name, 0.0) + value
    return total


def _dense(items: Sequence[Mapping[str, Mapping[str, float]]], index: Mapping[Column, int]) -> FloatArray:
    matrix = np.zeros((len(items), len(index)))
    for i, item in enumerate(items):
        for kind, quantities in item.items():
            for name, value in quantities.items():
                matrix[i, index[kind, name]] = value
    return matrix
