"""What single operators cost more or less than their price, where enough networks hold each of them.

Prices follow from quantities and miss what a kernel does at one particular size. In a space with some hundred distinct
operators, thousands of networks tell the time of each; the sum stays additive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgenas.errors import MissingDependencyError
from edgenas.graph.opgraph import Operator, OpGraph

__all__ = ["LEAST_SHARE", "fit_offsets", "operator_counts", "operator_key"]

FloatArray = npt.NDArray[np.float64]

LEAST_SHARE = 0.05
"""No operator costs less than this share of its price, whatever its offset."""

_RIDGE = 1e-5  # Relative to the networks: as good as exact where the measurements are additive.
_ROUNDS, _ROBUST_ERROR = 3, 0.02


def operator_key(operator: Operator) -> str:
    """Names an operator with its sizes, for JSON."""
    shapes = ",".join("x".join(map(str, t.shape[1:])) for t in (*operator.inputs, *operator.outputs))
    window = f"{operator.kernel[0]}x{operator.kernel[1]}/{operator.stride[0]}"
    dtype = operator.inputs[0].dtype if operator.inputs else ""
    return " ".join((operator.type, dtype, shapes, window, operator.activation, *operator.flags))


def operator_counts(graphs: Sequence[OpGraph]) -> tuple[tuple[Operator, ...], FloatArray]:
    """The distinct operators and how often each network has each [networks, operators]."""
    places: dict[int, int] = {}
    index: dict[str, int] = {}
    operators: list[Operator] = []
    rows: list[dict[int, int]] = []
    for graph in graphs:
        row: dict[int, int] = {}
        for operator in graph.operators:
            place = places.get(id(operator))
            if place is None:
                place = index.setdefault(operator_key(operator), len(index))
                places[id(operator)] = place
                if place == len(operators):
                    operators.append(operator)
            row[place] = row.get(place, 0) + 1
        rows.append(row)
    counts = np.zeros((len(graphs), len(index)))
    for i, row in enumerate(rows):
        counts[i, list(row)] = list(row.values())
    return tuple(operators), counts


def fit_offsets(
    counts: FloatArray, prices_ms: FloatArray, summed_ms: FloatArray, latency_ms: FloatArray
) -> FloatArray:
    """Offsets that bring the sums to the measurements: bounded ridge regression of relative errors, robust.

    Args:
        counts: how often each network has each operator [networks, operators].
        prices_ms: price of each operator [operators]; none loses more than nearly all of it.
        summed_ms: latency by prices [networks].
        latency_ms: measured [networks].

    Returns:
        [operators], ms.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    try:
        from scipy.linalg import solve_triangular
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingDependencyError("scipy", "fit", "Fitting a latency predictor") from error
    scale = np.maximum(prices_ms, 1e-3 * float(np.median(prices_ms)))
    rows = counts * scale / latency_ms[:, None]
    most = 1.0 - LEAST_SHARE
    # Shares of the price, counted from the least that is allowed: they are not negative.
    target = 1.0 - summed_ms / latency_ms + most * rows.sum(axis=1)
    ridge = _RIDGE * len(rows) * np.eye(rows.shape[1])
    weights = np.ones(len(rows))
    shares = np.full(rows.shape[1], most)
    for _ in range(_ROUNDS):
        weighted = rows * weights[:, None]
        factor = np.linalg.cholesky(weighted.T @ rows + ridge).T
        pulled = weighted.T @ target + np.diag(ridge) * most
        shares, _ = nnls(factor, solve_triangular(factor.T, pulled, lower=True), maxiter=20 * len(shares))
        miss = np.abs(rows @ shares - target)
        weights = np.minimum(1.0, _ROBUST_ERROR / np.maximum(miss, 1e-9))
    return np.asarray((shares - most) * scale, dtype=np.float64)
