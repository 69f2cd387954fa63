"""Fits a predictor to measured networks and operators, and tests it on networks held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import EdgenasError, MissingDependencyError
from edgenas.latency_models.design_matrix import DesignMatrix, Row
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.evaluation import accuracy
from edgenas.latency_models.feature_sets import FEATURE_SETS, FeatureSet
from edgenas.latency_models.predictor import LatencyPredictor

__all__ = ["UNSTABLE", "Fit", "Point", "accuracy_of", "fit"]

FloatArray = npt.NDArray[np.float64]
Coefficients = dict[str, dict[str, float]]

# Operator rows tell how the time of a network splits up; what counts in the end is the whole, so a distinct
# operator weighs a third of a network, and operators that are quick beside a network less still.
_OPERATOR_WEIGHT, _SINGLE_OPERATOR_WEIGHT, _QUICK_SHARE = 0.3, 0.3, 0.03
UNSTABLE = 0.15
"""Networks whose two fastest processes differ by more are left out."""
_ROBUST_ROUNDS, _ROBUST_FLOOR = 2, 0.01
_FEWEST_NETWORKS = 6


@dataclass(frozen=True, slots=True)
class Point:
    """A network beside its prediction by a predictor that was fitted without it."""

    name: str
    dtype: str
    measured_ms: float
    predicted_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True)
class Fit:
    """A fitted predictor.

    Attributes:
        predictor: fitted on all rows.
        card: what it was fitted on and how good it is on networks held out.
        points: the held-out predictions behind the card.
    """

    predictor: LatencyPredictor
    card: dict[str, Any]
    points: tuple[Point, ...]


def fit(
    rows: Sequence[Row],
    *,
    device: str,
    configuration: str,
    dtype: str,
    folds: int = 5,
    confidence: float = 0.9,
    seed: int = 0,
    facts: Mapping[str, Any] | None = None,
    features: FeatureSet = FEATURE_SETS["xnnpack"],
) -> Fit:
    """Fits non-negative coefficients to end-to-end and per-operator rows together.

    Rows are divided by their measured time, so that relative errors count. Rows whose two fastest processes
    differ by more than 15% are left out (the machine was disturbed) and counted on the card; others weigh less
    the more they differ.

    Args:
        rows: measured networks and single operators.
        device: device profile.
        configuration: configuration of the device.
        dtype: element type that the configuration is about.
        folds: parts of the networks, each of which is predicted from the others.
        confidence: confidence of the intervals.
        seed: seed of the split.
        facts: further entries for the card: machine, protocol, versions, date.
        features: what operators are priced by; see `feature_sets.usual_features`.

    Raises:
        EdgenasError: too few rows are usable.
        MissingDependencyError: SciPy is not installed.
    """
    usable = [row for row in rows if row.disagreement is None or row.disagreement <= UNSTABLE]
    networks = [row for row in usable if row.kind == "network"]
    measured = sum(row.kind == "network" for row in rows)
    if len({row.group for row in networks}) < _FEWEST_NETWORKS:
        raise EdgenasError(
            f"Too few measurements for a latency predictor of {device!r}: {len(networks)} of {measured} "
            f"networks are usable, at least {_FEWEST_NETWORKS} are needed. "
            "Other programs disturb the measurements, or the time was too short: run the same command again, it "
            "goes on where it stopped (--seconds gives it more time)."
        )
    matrix = DesignMatrix(usable, features)
    everything = np.arange(len(usable))
    coefficients = _as_mapping(matrix, _solve(matrix, everything))
    for name, values in _solve_priors(matrix).items():
        coefficients[name] = values
    held_out = _held_out(matrix, folds, seed)
    repeatability = _repeatability(networks, confidence)
    bands = _bands(usable, held_out, repeatability)
    predictor = LatencyPredictor(
        name=f"{device}/{configuration}",
        device=device,
        configuration=configuration,
        dtype=dtype,
        coefficients=coefficients,
        bands=bands,
        domain=Domain.of(
            (o for row in usable for o in row.graph.operators), [row.measured_ms for row in networks]
        ),
        confidence=confidence,
        features=features,
    )
    points = _points(usable, held_out, repeatability, confidence)
    by_type = {
        kind: accuracy_of([p for p in points if p.dtype == kind])
        for kind in sorted({p.dtype for p in points})
    }
    main = by_type.get(dtype) or accuracy_of(points)
    card = {
        "device": device,
        "configuration": configuration,
        **main,
        "confidence": confidence,
        "repeatability_percent": 100 * float(np.expm1(repeatability)),
        "networks_measured": measured,
        "networks_unstable": measured - len(networks),
        "single_operators": len(usable) - len(networks),
        "operators_timed": len(matrix.operators),
        "split": f"{folds}-fold over architectures; every error is on networks held out",
        "seed": seed,
        "by_element_type": by_type,
        **(facts or {}),
    }
    return Fit(predictor, card, tuple(points))


def _solve(matrix: DesignMatrix, chosen: npt.NDArray[np.intp]) -> FloatArray:
    """Coefficients [columns] from the rows `chosen`: weighted, robust, non-negative least squares."""
    rows = [matrix.rows[i] for i in chosen]
    measured = np.array([row.measured_ms for row in rows])
    weights = np.array([_weight(row) for row in rows])
    networks = matrix.networks[chosen] / measured[:, None]
    times, count = matrix.operator_times(chosen.tolist())
    timed = count > 0
    typical_ms = float(np.median(measured))
    operator_weights = _OPERATOR_WEIGHT * np.sqrt(count[timed]) / (times[timed] + _QUICK_SHARE * typical_ms)
    operators = matrix.operator_quantities[timed] * operator_weights[:, None]
    operator_targets = times[timed] * operator_weights
    solution = np.zeros(len(matrix.columns))
    robust = np.ones(len(rows))
    for _ in range(1 + _ROBUST_ROUNDS):
        w = weights * robust
        solution = _nonnegative_least_squares(
            np.vstack([networks * w[:, None], operators]), np.concatenate([w, operator_targets])
        )
        # Huber weights: a network that was disturbed in every process should not bend the others.
        residual = np.abs(networks @ solution - 1.0)
        limit = 2.0 * max(1.4826 * float(np.median(residual)), _ROBUST_FLOOR)
        robust = np.sqrt(np.minimum(1.0, limit / np.maximum(residual, 1e-12)))
    return solution


def _weight(row: Row) -> float:
    base = 1.0 if row.kind == "network" else _SINGLE_OPERATOR_WEIGHT
    return base / (1.0 + (row.disagreement or 0.0) / 0.05)


def _nonnegative_least_squares(matrix: FloatArray, target: FloatArray) -> FloatArray:
    """x >= 0 that minimises |matrix x - target|, with columns scaled to equal length.

    Raises:
        MissingDependencyError: SciPy is not installed.
    """
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingDependencyError("scipy", "fit", "Fitting a latency predictor") from error
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1.0
    solution, _ = nnls(matrix / scale, target, maxiter=50 * matrix.shape[1])
    return np.asarray(solution / scale, dtype=np.float64)


def _solve_priors(matrix: DesignMatrix) -> Coefficients:
    """Coefficients by element type for operators of classes that were never measured."""
    times, count = matrix.operator_times(range(len(matrix.rows)))
    priors: Coefficients = {}
    matrices, names = matrix.priors()
    for kind, quantities in matrices.items():
        timed = (count > 0) & (quantities[:, 0] > 0)
        weight = 1.0 / (times[timed] + _QUICK_SHARE * float(np.max(times[timed])))
        solution = _nonnegative_least_squares(quantities[timed] * weight[:, None], times[timed] * weight)
        priors[kind] = dict(zip(names, solution.tolist(), strict=True))
    return priors


def _held_out(matrix: DesignMatrix, folds: int, seed: int) -> FloatArray:
    """Predicted ms [rows] of the networks by fits without their group; NaN for single operators."""
    groups = sorted({row.group for row in matrix.rows if row.kind == "network"})
    order = np.random.default_rng(seed).permutation(len(groups))
    fold_of = {groups[g]: position % min(folds, len(groups)) for position, g in enumerate(order)}
    fold = np.array([fold_of[row.group] if row.kind == "network" else -1 for row in matrix.rows])
    predicted = np.full(len(matrix.rows), np.nan)
    for held in range(max(fold) + 1):
        solution = _solve(matrix, np.flatnonzero(fold != held))
        predicted[fold == held] = matrix.networks[fold == held] @ solution
    return predicted


def _repeatability(networks: Sequence[Row], confidence: float) -> float:
    """Log ratio of the two fastest processes of a network that a share `confidence` of the networks keeps to."""
    gaps = [np.log1p(row.disagreement) for row in networks if row.disagreement is not None]
    return float(np.quantile(gaps, confidence)) if gaps else 0.0


def _residuals(rows: Sequence[Row], predicted: FloatArray) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for i, row in enumerate(rows):
        if np.isfinite(predicted[i]):
            found[row.dtype].append((i, float(np.log(row.measured_ms / max(predicted[i], 1e-9)))))
    return found


def _bands(rows: Sequence[Row], predicted: FloatArray, repeatability: float) -> dict[str, ErrorBand]:
    return {
        dtype: ErrorBand.from_residuals([r for _, r in found], repeatability)
        for dtype, found in _residuals(rows, predicted).items()
    }


def _points(
    rows: Sequence[Row], predicted: FloatArray, repeatability: float, confidence: float
) -> list[Point]:
    """Held-out predictions; each interval comes from the residuals of the other networks."""
    points = []
    for dtype, found in _residuals(rows, predicted).items():
        for i, _ in found:
            others = [r for j, r in found if rows[j].group != rows[i].group] or [r for _, r in found]
            value = float(predicted[i])
            low, high = ErrorBand.from_residuals(others, repeatability).interval(value, confidence)
            points.append(Point(rows[i].name, dtype, rows[i].measured_ms, value, low, high))
    return points


def accuracy_of(points: Sequence[Point]) -> dict[str, Any]:
    """Figures of `evaluation.accuracy` about held-out predictions."""
    columns = (
        [getattr(p, name) for p in points] for name in ("measured_ms", "predicted_ms", "low_ms", "high_ms")
    )
    return accuracy(*(np.array(column) for column in columns))


def _as_mapping(matrix: DesignMatrix, solution: FloatArray) -> Coefficients:
    mapping: Coefficients = defaultdict(dict)
    for (kind, name), value in zip(matrix.columns, solution.tolist(), strict=True):
        mapping[kind][name] = value
    return dict(mapping)
