"""Fits the predictors of all phone configurations of mobile-ml-benchmark together.

Some 74 networks per configuration are few for twenty prices. But configurations agree in how prices relate to each
other, and those with equally many cores agree more: prices are first fitted to the latencies that all configurations of
an element type have in common, then to those of its one-core or its several-core half, then to each configuration, each
time drawn towards the level above. `benchmarks/mobile_cpu_models.py` compares with simpler models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import EdgenasError, UsageError
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.evaluation import accuracy
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.features import quantised_as_int8
from edgenas.latency_models.fit import Fit, Point
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.prices import (
    Quantities,
    as_coefficients,
    quantity_matrix,
    scaled_prior,
    solve_prices,
)
from edgenas.latency_models.ruy_features import PRIOR_RATIOS
from edgenas.latency_models.table_fit import Group, sources_of
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.usable import check_unit, usable_rows

__all__ = ["cores_of", "fit_mobile"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_KIND = "mobile-ml-benchmark"
# A row of a family with m networks weighs m to this power: fifteen ResNets teach less than fifteen families.
_FAMILY_POWER = -0.5
_HALF_WEIGHT_SPREAD = 0.05  # A measurement with this standard deviation, relative to its mean, weighs half.
# Without any family, others must remain to fit every configuration.
_FEWEST_NETWORKS, _FEWEST_FAMILIES = 6, 3
_FILL_ROUNDS = 30


@dataclass(frozen=True)
class _Table:
    """Measurements of one element type.

    Attributes:
        groups: usable rows of each configuration.
        rows: for each configuration, the networks that its rows are about.
        families: family of each network.
        quantities: [networks, quantities].
        latency_ms: [networks, configurations], NaN where not measured.
        spread: standard deviation relative to the mean [networks, configurations], 0 where not known.
        several: whether a configuration uses several cores [configurations].
        dtype: element type.
    """

    groups: tuple[Group, ...]
    rows: tuple[npt.NDArray[np.intp], ...]
    families: npt.NDArray[np.str_]
    quantities: Quantities
    latency_ms: FloatArray
    spread: FloatArray
    several: BoolArray
    dtype: str


def fit_mobile(
    columns: Sequence[MeasuredColumn],
    devices: Mapping[str, tuple[str, str]],
    *,
    confidence: float = 0.9,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Fit]:
    """Fits one predictor per column: prices of TFLite's built-in kernels.

    Every error on the cards is of a network whose whole family was left out, of all levels and all configurations.

    Args:
        columns: columns of mobile-ml-benchmark, called "device|cores|dtype". Networks of one name are the same network.
            Columns that `devices` does not name make the common levels firmer.
        devices: name of a column to (device profile, configuration).
        confidence: confidence of the intervals.
        facts: further entries of the cards.

    Returns:
        Name of each column in `devices` to its fit, in the order of `columns`.

    Raises:
        UsageError: a column does not hold milliseconds, or its name has no number of cores.
        EdgenasError: a column of `devices` is missing or has too few networks.
        MissingDependencyError: SciPy is not installed.
    """
    by_dtype: dict[str, list[Group]] = {}
    for column in columns:
        usable = usable_rows(column)
        check_unit(usable.column)
        if len(usable.column) >= _FEWEST_NETWORKS and len(set(usable.column.families)) >= _FEWEST_FAMILIES:
            by_dtype.setdefault(_dtype_of(usable.column), []).append(
                Group(_KIND, usable.column, usable.notes)
            )
    _check_complete(by_dtype, devices)
    fits: dict[str, Fit] = {}
    for dtype, groups in by_dtype.items():
        table = _table(groups, dtype)
        prices = _prices(table, np.ones(len(table.families), dtype=np.bool_))
        held_out = _held_out(table)
        for j, group in enumerate(groups):
            if group.column.name in devices:
                predicted = held_out[table.rows[j], j]
                fits[group.column.name] = _fit_of(
                    table, j, prices[j], predicted, devices[group.column.name], confidence, facts or {}
                )
    return {column.name: fits[column.name] for column in columns if column.name in fits}


def cores_of(name: str) -> int:
    """Number of cores that a column is about: 3 for "s10|1large2med|float".

    Raises:
        UsageError: the name has no number of cores.
    """
    parts = name.split("|")
    counts = re.findall(r"\d+", parts[1]) if len(parts) == 3 else []
    if not counts:
        raise UsageError(
            f"Column {name!r} does not say how many cores were used. Expected a name such as "
            "'pixel4|1large1med|quant': read the columns with the format 'mobile-ml-benchmark'."
        )
    return sum(map(int, counts))


def _dtype_of(column: MeasuredColumn) -> str:
    graph = column.graphs[0]
    return quantised_as_int8(graph.tensors[graph.inputs[0]].dtype)


def _check_complete(by_dtype: Mapping[str, Sequence[Group]], devices: Mapping[str, tuple[str, str]]) -> None:
    lacking = set(devices) - {group.column.name for groups in by_dtype.values() for group in groups}
    if lacking:
        raise EdgenasError(
            f"Too few measurements for a latency predictor of {', '.join(sorted(lacking))}: at least "
            f"{_FEWEST_NETWORKS} networks of {_FEWEST_FAMILIES} families are needed. Check the names of the columns, "
            "or leave these out."
        )


def _table(groups: Sequence[Group], dtype: str) -> _Table:
    number: dict[str, int] = {}
    families: list[str] = []
    graphs: list[OpGraph] = []
    for group in groups:
        column = group.column
        for name, family, graph in zip(column.names, column.families, column.graphs, strict=True):
            if name not in number:
                number[name] = len(number)
                families.append(family)
                graphs.append(graph)
    rows = tuple(np.array([number[n] for n in group.column.names], dtype=np.intp) for group in groups)
    latency_ms = np.full((len(number), len(groups)), np.nan)
    spread = np.zeros_like(latency_ms)
    for j, group in enumerate(groups):
        latency_ms[rows[j], j] = group.column.latency_ms
        spread[rows[j], j] = np.nan_to_num(group.column.spread_ms / group.column.latency_ms)
    return _Table(
        groups=tuple(groups),
        rows=rows,
        families=np.array(families),
        quantities=quantity_matrix(graphs, FEATURE_SETS["ruy"]),
        latency_ms=latency_ms,
        spread=spread,
        several=np.array([cores_of(group.column.name) > 1 for group in groups]),
        dtype=dtype,
    )


def _prices(table: _Table, chosen: BoolArray) -> FloatArray:
    """Prices [configurations, quantities] in ms per unit, from the networks `chosen` [networks]."""
    values, families = table.quantities.values[chosen], table.families[chosen]
    measured, spread = table.latency_ms[chosen], table.spread[chosen]
    filled = _filled(measured)
    weights = _family_weights(families)
    common, scale = _common(filled)
    ratios = PRIOR_RATIOS[table.dtype]
    top = _solve(values, common, scaled_prior(table.quantities.columns, ratios, values, common), weights)
    prices = np.empty((measured.shape[1], values.shape[1]))
    for several in (False, True):
        half = np.flatnonzero(table.several == several)
        if not len(half):
            continue
        middle = _solve(values, _common(filled[:, half])[0], top, weights)
        for j in half:
            there = np.isfinite(measured[:, j])
            noise = np.sqrt(1 + (spread[there, j] / _HALF_WEIGHT_SPREAD) ** 2)
            prices[j] = _solve(
                values[there], measured[there, j], middle * scale[j], _family_weights(families[there]) / noise
            )
    return prices


def _solve(values: FloatArray, latency_ms: FloatArray, prior: FloatArray, weights: FloatArray) -> FloatArray:
    """Prices; what no network has keeps the price of the prior."""
    return np.where(values.any(axis=0), solve_prices(values, latency_ms, prior, weights), prior)


def _family_weights(families: npt.NDArray[np.str_]) -> FloatArray:
    _, inverse, counts = np.unique(families, return_inverse=True, return_counts=True)
    weights = counts[inverse] ** (_FAMILY_POWER / 2)  # The solver squares them.
    return np.asarray(weights / np.sqrt(np.mean(weights**2)), dtype=np.float64)


def _filled(measured: FloatArray) -> FloatArray:
    """Missing latencies as network times configuration, by the best such product on a log scale.

    They are used for what configurations have in common only. Without them, the scale of a configuration that lacks
    the large networks would be off.
    """
    missing = np.isnan(measured)
    if not missing.any():
        return measured
    logs = np.log(measured)
    networks = np.nanmean(logs, axis=1)
    for _ in range(_FILL_ROUNDS):
        configurations = np.nanmean(logs - networks[:, None], axis=0)
        networks = np.nanmean(logs - configurations, axis=1)
    return np.where(missing, np.exp(networks[:, None] + configurations), measured)


def _common(latency_ms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shape of the latencies that configurations share [networks], and the scale of each one [configurations], ms."""
    scale = np.exp(np.log(latency_ms).mean(axis=0))
    return np.exp(np.median(np.log(latency_ms / scale), axis=1)), scale


def _held_out(table: _Table) -> FloatArray:
    """Predicted ms [networks, configurations] by fits without the network's family."""
    predicted = np.empty_like(table.latency_ms)
    for family in np.unique(table.families):
        out = table.families == family
        predicted[out] = table.quantities.values[out] @ _prices(table, ~out).T
    return predicted


def _fit_of(
    table: _Table,
    j: int,
    prices: FloatArray,
    predicted: FloatArray,
    target: tuple[str, str],
    confidence: float,
    facts: Mapping[str, Any],
) -> Fit:
    group = table.groups[j]
    column, dtype = group.column, table.dtype
    device, configuration = target
    residuals = np.log(column.latency_ms / predicted)
    families = np.array(column.families)
    points = _points(column, predicted, residuals, families, dtype, confidence)
    operators = {id(o): o for graph in column.graphs for o in graph.operators}
    predictor = LatencyPredictor(
        name=f"{device}/{configuration}",
        device=device,
        configuration=configuration,
        dtype=dtype,
        coefficients=as_coefficients(table.quantities.columns, prices),
        bands={dtype: ErrorBand.from_residuals(residuals.tolist())},
        domain=Domain.of(operators.values(), column.latency_ms.tolist()),
        confidence=confidence,
        features=FEATURE_SETS["ruy"],
    )
    errors = np.abs(predicted / column.latency_ms - 1)
    spread = column.spread_ms / column.latency_ms
    known = spread[np.isfinite(spread)]
    card = {
        "device": device,
        "configuration": configuration,
        "dtype": dtype,
        **accuracy(
            column.latency_ms,
            predicted,
            np.array([p.low_ms for p in points]),
            np.array([p.high_ms for p in points]),
        ),
        "confidence": confidence,
        "interval_percent": 100 * float(np.expm1(predictor.bands[dtype].width(confidence))),
        "noise_percent": 100 * float(np.median(known)) if len(known) else None,
        "split": "leave one family out: every error is on a network whose family was left out of all configurations",
        "by_family_mape_percent": {
            str(family): 100 * float(errors[families == family].mean()) for family in np.unique(families)
        },
        "fitted_with": f"prices drawn to what {len(table.groups)} configurations of type {dtype} have in common",
        "column": column.name,
        "sources": sources_of([group]),
        "notes": list(group.notes),
        **facts,
    }
    return Fit(predictor, card, points)


def _points(
    column: MeasuredColumn,
    predicted: FloatArray,
    residuals: FloatArray,
    families: npt.NDArray[np.str_],
    dtype: str,
    confidence: float,
) -> tuple[Point, ...]:
    """Held-out predictions; the interval of each comes from the errors of the other families."""
    points: list[Point] = []
    bands = {
        family: ErrorBand.from_residuals(residuals[families != family].tolist())
        for family in set(column.families)
    }
    for name, family, measured, value in zip(
        column.names, column.families, column.latency_ms.tolist(), predicted.tolist(), strict=True
    ):
        low, high = bands[family].interval(value, confidence)
        points.append(Point(name, dtype, measured, value, low, high))
    return tuple(points)
