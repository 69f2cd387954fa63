"""Fits the predictor of one configuration to columns of published tables, and tests it on networks held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.errors import EdgenasError
from edgenas.graph.opgraph import Operator
from edgenas.latency_models.correction import Correction
from edgenas.latency_models.correction_fit import TUNED_ON, fit_correction, with_band
from edgenas.latency_models.descriptors import describe
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.features import quantised_as_int8
from edgenas.latency_models.fit import Fit, Point, accuracy_of
from edgenas.latency_models.operator_offsets import fit_offsets, operator_counts, operator_key
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.prices import as_coefficients, quantity_matrix, scaled_prior, solve_prices
from edgenas.latency_models.ruy_features import PRIOR_RATIOS
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.usable import check_unit, usable_rows

__all__ = [
    "Group",
    "bands_of",
    "fit_groups",
    "merge_columns",
    "points_of",
    "sources_of",
    "with_correction",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

_FOLDS = 5
# Where fewer operators are told apart, a correction says the same and more.
_FEWEST_DISTINCT_OPERATORS, _CLEARLY_BETTER = 100, 0.9
_FEWEST = 10
# From this many networks of one kind on a correction is learned; more than the most teach it little and cost much.
_FEWEST_FOR_CORRECTION, _MOST_FOR_CORRECTION = 300, 2000


@dataclass(frozen=True)
class Group:
    """Networks of one kind, measured on one configuration.

    Attributes:
        kind: name of the kind, e.g. "nasbench201"; small letters, digits, "-", "_".
        column: the usable rows.
        notes: what was left out.
    """

    kind: str
    column: MeasuredColumn
    notes: tuple[str, ...] = ()


def merge_columns(kind: str, columns: Sequence[MeasuredColumn], name: str) -> Group:
    """Puts columns about one configuration together; a network that several hold counts once, the first one.

    Raises:
        UsageError: a column does not hold milliseconds.
    """
    notes: list[str] = []
    parts: list[MeasuredColumn] = []
    seen: set[str] = set()
    for column in columns:
        usable = usable_rows(column)
        check_unit(usable.column)
        notes += usable.notes
        new = np.array([i for i, n in enumerate(usable.column.names) if n not in seen], dtype=np.intp)
        seen.update(usable.column.names)
        parts.append(usable.column.take(new))
    return Group(kind, _joined(parts, name), tuple(dict.fromkeys(notes)))


def _joined(parts: Sequence[MeasuredColumn], name: str) -> MeasuredColumn:
    return MeasuredColumn(
        name=name,
        names=tuple(n for part in parts for n in part.names),
        families=tuple(f for part in parts for f in part.families),
        graphs=tuple(g for part in parts for g in part.graphs),
        latency_ms=np.concatenate([part.latency_ms for part in parts]),
        spread_ms=np.concatenate([part.spread_ms for part in parts]),
        rows=tuple(r for part in parts for r in part.rows),
        origin=parts[0].origin,
    )


def fit_groups(
    groups: Sequence[Group],
    *,
    device: str,
    configuration: str,
    dtype: str,
    confidence: float = 0.9,
    seed: int = 0,
    facts: Mapping[str, Any] | None = None,
) -> Fit:
    """Fits prices of TFLite's CPU kernels to all groups together, and a correction to each group that is large enough.

    Every error on the card is on networks held out, in five parts drawn at random from the rows of a group. (A
    third of the NAS-Bench-201 networks has an equal twin in the other parts: so has a network that a user asks about.)

    Args:
        groups: measured networks by kind.
        device: device profile.
        configuration: configuration of the device.
        dtype: element type of the networks, "int8" or "float32".
        confidence: confidence of the intervals.
        seed: seed of the split.
        facts: further entries of the card.

    Raises:
        EdgenasError: there are fewer than ten rows.
        MissingDependencyError: SciPy is not installed.
    """
    features = FEATURE_SETS["ruy"]
    groups = [group for group in groups if len(group.column)]
    graphs = [graph for group in groups for graph in group.column.graphs]
    if len(graphs) < _FEWEST:
        raise EdgenasError(
            f"Too few usable rows for {device}/{configuration}: {len(graphs)}. Expected at least {_FEWEST}. Adapt the "
            "predictor of another device to so few: edgenas latency adapt --help"
        )
    latency_ms = np.concatenate([group.column.latency_ms for group in groups])
    counts = [len(group.column) for group in groups]
    weights = np.concatenate([np.full(n, 1 / np.sqrt(n)) for n in counts]) * np.sqrt(
        len(graphs) / len(groups)
    )
    matrix = quantity_matrix(graphs, features)
    rng = np.random.default_rng(seed)
    fold = np.concatenate([rng.permutation(n) % _FOLDS for n in counts])

    def prices(chosen: IntArray) -> FloatArray:
        prior = scaled_prior(matrix.columns, PRIOR_RATIOS[dtype], matrix.values[chosen], latency_ms[chosen])
        return solve_prices(matrix.values[chosen], latency_ms[chosen], prior, weights[chosen])

    summed_held_out = np.empty(len(graphs))
    for held in range(_FOLDS):
        summed_held_out[fold == held] = matrix.values[fold == held] @ prices(np.flatnonzero(fold != held))
    final = prices(np.arange(len(graphs)))
    summed = matrix.values @ final
    corrections: list[Correction] = []
    offsets_ms: dict[str, float] = {}
    coefficients = as_coefficients(matrix.columns, final)

    def price_of(operator: Operator) -> float:
        prices_ms = coefficients[features.price_class(operator)]
        return sum(prices_ms.get(name, 0.0) * value for name, value in features.quantities(operator).items())

    starts = np.concatenate([[0], np.cumsum(counts)])
    predicted = summed_held_out.copy()
    for group, start, end in zip(groups, starts[:-1], starts[1:], strict=True):
        if end - start < _FEWEST_FOR_CORRECTION:
            continue
        part = slice(int(start), int(end))
        offsets_ms.update(_add_offsets(group, summed[part], summed_held_out[part], fold[part], price_of))
        correction, held_out = with_correction(
            group, summed[part], summed_held_out[part], fold[part], seed=seed
        )
        corrections.append(correction)
        predicted[part] = held_out
    predictor = LatencyPredictor(
        name=f"{device}/{configuration}",
        device=device,
        configuration=configuration,
        dtype=dtype,
        coefficients=coefficients,
        bands={dtype: ErrorBand.from_residuals(np.log(latency_ms / summed_held_out).tolist())},
        domain=Domain.of(_distinct_operators(groups), latency_ms.tolist()),
        confidence=confidence,
        features=features,
        corrections=tuple(corrections),
        offsets_ms=offsets_ms,
    )
    bands = [bands_of(group, corrections) for group in groups]
    points = points_of(groups, predicted, dtype, confidence, bands)
    card = {
        "device": device,
        "configuration": configuration,
        "dtype": dtype,
        **accuracy_of(points),
        "confidence": confidence,
        "split": f"{_FOLDS}-fold over random rows; every error is on networks held out",
        "seed": seed,
        "by_kind": {
            group.kind: accuracy_of(points[int(a) : int(b)])
            for group, a, b in zip(groups, starts[:-1], starts[1:], strict=True)
        },
        "sources": sources_of(groups),
        "notes": [note for group in groups for note in group.notes],
        **(facts or {}),
    }
    return Fit(predictor, card, tuple(points))


def _add_offsets(
    group: Group,
    summed: FloatArray,
    summed_held_out: FloatArray,
    fold: IntArray,
    price_of: Callable[[Operator], float],
) -> dict[str, float]:
    """Learns what each operator of a group costs beside its price, and adds it to the sums where that helps.

    Args:
        group: the networks.
        summed: latency [N] by prices of all rows; changed in place.
        summed_held_out: the same by prices without the row's part; changed in place.
        fold: part of each row [N].
        price_of: price of an operator in ms.

    Returns:
        Offset in ms per operator; empty where networks held out are not predicted clearly better with them.
    """
    measured = group.column.latency_ms
    operators, counts = operator_counts(group.column.graphs)
    if len(operators) < _FEWEST_DISTINCT_OPERATORS:
        return {}
    prices_ms = np.array([price_of(operator) for operator in operators])
    better = summed_held_out.copy()
    for held in range(int(fold.max()) + 1):
        rest, out = fold != held, fold == held
        better[out] += counts[out] @ fit_offsets(
            counts[rest], prices_ms, summed_held_out[rest], measured[rest]
        )
    errors = [float(np.mean(np.abs(values / measured - 1))) for values in (summed_held_out, better)]
    if errors[1] > _CLEARLY_BETTER * errors[0]:
        return {}
    offsets = fit_offsets(counts, prices_ms, summed, measured)
    summed += counts @ offsets
    summed_held_out[:] = better
    return dict(zip(map(operator_key, operators), offsets.tolist(), strict=True))


def with_correction(
    group: Group,
    summed: FloatArray,
    summed_held_out: FloatArray,
    fold: IntArray,
    *,
    seed: int,
    paths: bool = False,
) -> tuple[Correction, FloatArray]:
    """A correction fitted on all rows of a group, with the band of its errors on rows held out.

    Args:
        group: the networks.
        summed: latency [N] by a sum over operators that was fitted on all rows.
        summed_held_out: the same by fits without the row's part.
        fold: part of each row [N].
        seed: seed of the subsets.
        paths: count three operators in a row too, and tune the final correction on all networks, which these many
            descriptors need; the fits for the held-out errors are tuned on fewer, so that the card is no better
            than the predictor.

    Returns:
        The correction, and the corrected latency of every row by a fit without its part [N].
    """
    measured = group.column.latency_ms
    described = [describe(graph, paths=paths) for graph in group.column.graphs]
    held_out = summed_held_out.copy()
    for held in range(int(fold.max()) + 1):
        rest, out = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        correction = fit_correction(
            group.kind,
            [described[i] for i in rest],
            np.log(measured[rest] / summed_held_out[rest]),
            seed=seed,
            most=_MOST_FOR_CORRECTION,
        )
        spoken = np.array([i for i in out if correction.accepts(described[i])], dtype=np.intp)
        if len(spoken):
            held_out[spoken] *= np.exp(correction.log_factors([described[i] for i in spoken]))
    final = fit_correction(
        group.kind,
        described,
        np.log(measured / summed),
        seed=seed,
        most=_MOST_FOR_CORRECTION,
        tuned_on=_MOST_FOR_CORRECTION if paths else TUNED_ON,
    )
    return with_band(final, described, np.log(measured / held_out)), held_out


def points_of(
    groups: Sequence[Group],
    predicted: FloatArray,
    dtype: str,
    confidence: float,
    bands: Sequence[Sequence[ErrorBand] | None] | None = None,
) -> list[Point]:
    """Held-out predictions with their intervals.

    Args:
        groups: measured networks.
        predicted: by fits without the network, ms, all groups one after the other.
        dtype: element type of the networks.
        confidence: confidence of the intervals.
        bands: per group the band of each network; None for one band from the errors of the group.
    """
    points: list[Point] = []
    start = 0
    for group, own in zip(groups, bands or [None] * len(groups), strict=True):
        values = predicted[start : start + len(group.column)]
        start += len(group.column)
        if own is None:
            errors = np.log(group.column.latency_ms / values).tolist()
            own = [ErrorBand.from_residuals(errors)] * len(values)
        for name, measured, value, band in zip(
            group.column.names, group.column.latency_ms.tolist(), values.tolist(), own, strict=True
        ):
            low, high = band.interval(value, confidence)
            points.append(Point(name, quantised_as_int8(dtype), measured, value, low, high))
    return points


def bands_of(group: Group, corrections: Sequence[Correction]) -> list[ErrorBand] | None:
    """The band of each network by the correction of its kind, None where there is none."""
    for correction in corrections:
        if correction.kind == group.kind:
            described = [describe(graph, paths=correction.paths) for graph in group.column.graphs]
            return [correction.band.scaled(f) for f in np.exp(correction.log_widening(described)).tolist()]
    return None


def sources_of(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Where the rows come from, for the card."""
    return [
        {
            "kind": group.kind,
            "column": group.column.name,
            "rows": len(group.column),
            "source": group.column.origin.source,
            "licence": group.column.origin.licence,
            "commit": group.column.origin.commit,
        }
        for group in groups
    ]


def _distinct_operators(groups: Sequence[Group]) -> set[Any]:
    by_id = {id(o): o for group in groups for graph in group.column.graphs for o in graph.operators}
    return set(by_id.values())
