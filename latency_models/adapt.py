"""A predictor for a new device from some tens of measurements and the predictor of another device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import UsageError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.descriptors import describe
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.features import CALL_CLASS
from edgenas.latency_models.fit import Fit, accuracy_of
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.prices import Column, as_coefficients, quantity_matrix, solve_prices
from edgenas.latency_models.table_fit import Group, points_of, sources_of

__all__ = ["FEWEST_SAMPLES", "adapt", "choose_next"]

FloatArray = npt.NDArray[np.float64]

FEWEST_SAMPLES = 3
# Pulls towards the source's prices that are tried, strongest first; the one that predicts each sample best from the
# others wins. No price may fall below a tenth of the source's.
_RIDGES = (3.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_FLOOR = 0.1
# Variance of a measurement (5%) relative to that of a price before any (50%).
_NOISE_SHARE = 0.01


def adapt(
    source: LatencyPredictor,
    group: Group,
    *,
    device: str,
    configuration: str,
    dtype: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Fit:
    """Moves the prices of a predictor to a new device.

    The source's prices, brought to the speed of the new device, are the prior; its corrections go along where they
    predict the samples better with than without. Every error on the card is of a sample by a fit without it.

    Args:
        source: predictor of a device of the same class.
        group: networks measured on the new device, from 3 on; 10 do.
        device: name of the new device.
        configuration: configuration of it.
        dtype: element type of the networks, by default that of the samples.
        facts: further entries of the card.

    Raises:
        UsageError: there are too few samples, or the source's features do not fit the networks.
        MissingDependencyError: SciPy is not installed.
    """
    column = group.column
    if len(column) < FEWEST_SAMPLES:
        raise UsageError(
            f"Too few measurements to adapt a predictor: {len(column)} usable networks. Expected at least "
            f"{FEWEST_SAMPLES}; 10 different ones are a good start."
        )
    matrix = quantity_matrix(column.graphs, source.features)
    prior = _prices_of(source, matrix.columns)
    measured = column.latency_ms
    if not np.all(matrix.values @ prior > 0):
        raise UsageError(
            f"The predictor {source.name} prices none of the operators of {column.names[0]!r}. Adapt from a device of "
            "the same class, see: edgenas devices"
        )
    best = (np.inf, _RIDGES[0], np.ones(len(column)), measured)
    for logs in _corrections(source, column.graphs):
        factor = np.exp(logs)
        for ridge in _RIDGES:
            held_out = factor * _leave_one_out(matrix.values, measured / factor, prior, ridge)
            error = float(np.sqrt(np.mean(np.log(held_out / measured) ** 2)))
            if error < 0.99 * best[0]:
                best = (error, ridge, factor, held_out)
    _, ridge, factor, held_out = best
    prices = _solve(matrix.values, measured / factor, prior, ridge)
    dtype = dtype or source.dtype
    band = _band(np.log(measured / held_out))
    corrected = bool(np.any(factor != 1.0))
    predictor = LatencyPredictor(
        name=f"{device}/{configuration}",
        device=device,
        configuration=configuration,
        dtype=dtype,
        coefficients=_completed(
            as_coefficients(matrix.columns, prices), source, prior, prices, matrix.columns
        ),
        bands={dtype: band},
        domain=Domain.of({o for graph in column.graphs for o in graph.operators}, measured.tolist()),
        confidence=source.confidence,
        features=source.features,
        corrections=tuple(replace(c, band=band) for c in source.corrections) if corrected else (),
    )
    points = points_of([group], held_out, dtype, source.confidence)
    card = {
        "device": device,
        "configuration": configuration,
        "dtype": dtype,
        **accuracy_of(points),
        "confidence": source.confidence,
        "split": "leave one sample out",
        "adapted_from": source.name,
        "ridge": ridge,
        "with_corrections": corrected,
        "sources": sources_of([group]),
        "notes": list(group.notes),
        **(facts or {}),
    }
    return Fit(predictor, card, tuple(points))


def choose_next(
    source: LatencyPredictor, candidates: Sequence[OpGraph], count: int, measured: Sequence[OpGraph] = ()
) -> list[int]:
    """Which networks to measure next: those that tell most about the prices that the candidates depend on.

    Greedy I-optimal design on the shares that each price has in the predicted latency: each choice lowers most the
    mean variance of the predictions for all candidates. (A D-optimal design picks oddities: on published Arm CPUs
    its ten networks told less than ten random ones; these tell more, see `tests/latency_models/test_adapt.py`.)

    Args:
        source: predictor that the new one will be adapted from.
        candidates: networks that could be measured.
        count: how many to choose.
        measured: networks that have been.

    Returns:
        Indices into `candidates`, the most telling first.
    """
    matrix = quantity_matrix([*measured, *candidates], source.features)
    parts = matrix.values * _prices_of(source, matrix.columns)
    shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), 1e-300)
    rest = shares[len(measured) :]
    wanted = rest.T @ rest
    information = _NOISE_SHARE * np.eye(shares.shape[1]) + shares[: len(measured)].T @ shares[: len(measured)]
    inverse = np.linalg.inv(information)
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        reach = rest @ inverse
        gain = np.einsum("ij,jk,ik->i", reach, wanted, reach) / (1.0 + np.einsum("ij,ij->i", reach, rest))
        gain[chosen] = -1.0
        pick = int(np.argmax(gain))
        chosen.append(pick)
        inverse -= np.outer(reach[pick], reach[pick]) / (1.0 + float(rest[pick] @ reach[pick]))
    return chosen


def _prices_of(source: LatencyPredictor, columns: Sequence[Column]) -> FloatArray:
    """The source's prices; those of a call and those by element type from another type where it lacks this one."""
    anywhere: dict[Column, float] = {}
    for kind, values in source.coefficients.items():
        for name, value in values.items():
            anywhere.setdefault((kind.partition("/")[0], name), value)
    return np.array(
        [
            source.coefficients.get(kind, {}).get(name, anywhere.get((kind.partition("/")[0], name), 0.0))
            for kind, name in columns
        ],
        dtype=np.float64,
    )


def _solve(values: FloatArray, latency_ms: FloatArray, prior: FloatArray, ridge: float) -> FloatArray:
    speed = float(np.median(latency_ms / (values @ prior)))
    return solve_prices(values, latency_ms, prior * speed, ridge=ridge, floor=_FLOOR)


def _leave_one_out(values: FloatArray, latency_ms: FloatArray, prior: FloatArray, ridge: float) -> FloatArray:
    predicted = np.empty(len(latency_ms))
    for i in range(len(latency_ms)):
        rest = np.arange(len(latency_ms)) != i
        predicted[i] = values[i] @ _solve(values[rest], latency_ms[rest], prior, ridge)
    return predicted


def _corrections(source: LatencyPredictor, graphs: Sequence[OpGraph]) -> list[FloatArray]:
    """Log factors of the networks [N]: none, and those of the source where it speaks about all samples."""
    found = [np.zeros(len(graphs))]
    for correction in source.corrections:
        described = [describe(graph, paths=correction.paths) for graph in graphs]
        if all(correction.accepts(d) for d in described):
            found.append(correction.log_factors(described))
    return found


def _band(log_ratios: FloatArray) -> ErrorBand:
    """Split-conformal on few samples; their leave-one-out errors are a little larger than those of the final fit."""
    return ErrorBand.from_residuals(log_ratios.tolist())


def _completed(
    fitted: dict[str, dict[str, float]],
    source: LatencyPredictor,
    prior: FloatArray,
    prices: FloatArray,
    columns: Sequence[Column],
) -> dict[str, dict[str, float]]:
    """Adds the source's prices of what no sample has, brought to the typical speed of the new device."""
    known = (prior > 0) & (prices > 0) & np.array([not kind.startswith(CALL_CLASS) for kind, _ in columns])
    speed = float(np.median(prices[known] / prior[known])) if known.any() else 1.0
    for kind, values in source.coefficients.items():
        own = fitted.setdefault(kind, {})
        for name, value in values.items():
            own.setdefault(name, value * speed)
    return fitted
