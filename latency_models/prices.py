"""Prices of quantities from whole networks: robust, non-negative, drawn towards prices that are plausible before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgenas.errors import MissingDependencyError
from edgenas.graph.opgraph import Operator, OpGraph
from edgenas.latency_models.feature_sets import FeatureSet
from edgenas.latency_models.features import CALL_CLASS

__all__ = ["Column", "quantity_matrix", "solve_prices"]

FloatArray = npt.NDArray[np.float64]
Column = tuple[str, str]
"""(price class, quantity)"""

# Ridge towards the prior, relative to the rows; share of the prior below which no price falls, so that no operator is
# ever free; rounds of reweighting and the relative error from which on a row counts less.
_RIDGE, _FLOOR = 1e-2, 0.3
_ROBUST_ROUNDS, _ROBUST_ERROR = 2, 0.05


@dataclass(frozen=True)
class Quantities:
    """Quantities of networks.

    Attributes:
        columns: what is counted.
        values: [networks, columns].
    """

    columns: tuple[Column, ...]
    values: FloatArray


def quantity_matrix(
    graphs: Sequence[OpGraph], features: FeatureSet, columns: Sequence[Column] | None = None
) -> Quantities:
    """Sums the quantities of the operators and of the call of each network.

    Args:
        graphs: the networks.
        features: what is counted.
        columns: the columns to sum, by default all that some network has.
    """
    cache: dict[Operator, dict[Column, float]] = {}
    sums: list[dict[Column, float]] = []
    by_id: dict[int, dict[Column, float]] = {}
    for graph in graphs:
        dtype = graph.tensors[graph.inputs[0]].dtype
        call = features.call_quantities(
            tuple(graph.tensors[i] for i in graph.inputs),
            tuple(graph.tensors[i] for i in graph.outputs),
        )
        total = {(f"{CALL_CLASS}/{dtype}", name): value for name, value in call.items()}
        for operator in graph.operators:
            # Builders share operator objects, and hashing one takes longer than all else here.
            found = by_id.get(id(operator))
            if found is None:
                found = cache.get(operator)
                if found is None:
                    kind = features.price_class(operator)
                    found = {(kind, name): v for name, v in features.quantities(operator).items()}
                    cache[operator] = found
                by_id[id(operator)] = found
            for column, value in found.items():
                total[column] = total.get(column, 0.0) + value
        sums.append(total)
    names = tuple(columns) if columns is not None else tuple(sorted({c for total in sums for c in total}))
    values = np.array([[total.get(name, 0.0) for name in names] for total in sums], dtype=np.float64)
    return Quantities(names, values.reshape(len(graphs), len(names)))


def solve_prices(
    values: FloatArray,
    latency_ms: FloatArray,
    prior_ms: FloatArray,
    row_weights: FloatArray | None = None,
    *,
    ridge: float = _RIDGE,
    floor: float = _FLOOR,
) -> FloatArray:
    """Prices w >= floor * prior that minimise the squared relative errors of values @ w, and the distance to the prior.

    Args:
        values: quantities [networks, columns].
        latency_ms: measured [networks].
        prior_ms: plausible prices [columns], ms per unit; 0 where nothing is known.
        row_weights: weight of each network [networks], 1 without it.
        ridge: weight of the distance to the prior, per network.
        floor: share of the prior below which no price may fall.

    Returns:
        [columns], ms per unit.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingDependencyError("scipy", "fit", "Fitting a latency predictor") from error
    relative = values / latency_ms[:, None]
    seen = np.any(values > 0, axis=0)
    scale = np.where(seen, np.sqrt((relative**2).mean(axis=0)), 1.0)
    rows, prior = relative / scale, prior_ms * scale
    pull = np.sqrt(ridge * len(rows))
    base = np.ones(len(rows)) if row_weights is None else row_weights
    weights, solution = base, prior
    for _ in range(1 + _ROBUST_ROUNDS):
        system = np.vstack([rows * weights[:, None], pull * np.eye(rows.shape[1])])
        target = np.concatenate([weights * (1.0 - floor * (rows @ prior)), pull * (1.0 - floor) * prior])
        found, _ = nnls(system, target, maxiter=100 * rows.shape[1])
        solution = found + floor * prior
        miss = np.abs(rows @ solution - 1.0)
        weights = base * np.sqrt(np.minimum(1.0, _ROBUST_ERROR / np.maximum(miss, 1e-9)))
    # Of a quantity that no network has nothing was learned: it keeps its prior.
    return np.asarray(np.where(seen, solution / scale, prior_ms), dtype=np.float64)


def as_coefficients(columns: Sequence[Column], prices_ms: FloatArray) -> dict[str, dict[str, float]]:
    """Prices as a predictor holds them."""
    found: dict[str, dict[str, float]] = {}
    for (kind, name), value in zip(columns, prices_ms.tolist(), strict=True):
        found.setdefault(kind, {})[name] = value
    return found


def scaled_prior(
    columns: Sequence[Column], ratios: Mapping[str, float], values: FloatArray, latency_ms: FloatArray
) -> FloatArray:
    """Price ratios brought to the speed of a device: the typical network costs what was measured."""
    prior = np.array([ratios.get(name, 0.0) for _, name in columns], dtype=np.float64)
    predicted = values @ prior
    return prior / float(np.median(predicted / latency_ms)) if np.any(predicted > 0) else prior
