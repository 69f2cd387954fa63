"""Latency models of NAS-Bench-201 networks compared on the same split: 5-fold over random rows, each row held out once.

    python benchmarks/nasbench201_models.py --data ../shared/data/latency [--column eagle_tpu] [--json]

Two Edge TPU laboratories (HW-NAS-Bench, EAGLE), a Snapdragon 855 in int8, a Cortex-A76 and a Raspberry Pi 4 in float:
five columns of nasbench201_edge.csv, each alone. Intervals are made equally for all models: the width of a part's 90%
intervals comes from the held-out errors on the other parts, split-conformal; shown is their mean half width. Where a
model knows no better, one width holds for all networks; edgenas' follows the network.

- Boosting reads the one-hot code of the cell, or counts of the operators and how they are wired, with the sum over
  operators as one more column: what edgenas' correction reads.
- "sum over operators" is edgenas without its correction: prices of TFLite's CPU kernels fitted to the other parts;
  for the Edge TPU the analytical model of all hosts, whose parameters (fewer than forty, some of them per host) were
  fitted once, to 300 of these networks among other rows.
- "noise floor" is no model. A network that computes the same with the same operators, in the same order, as others
  is predicted by the median of those others: what is left is the noise of the measurement (and of that median, so a
  model that averages over many networks can do better). The second figure of edgenas is on exactly these networks.

About three minutes on one core, most of it edgenas' corrections. Needs `pip install 'edgenas[fit]'`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.correction_fit import fit_correction, with_band
from edgenas.latency_models.descriptors import describe
from edgenas.latency_models.edgetpu_parameters import prices_of
from edgenas.latency_models.edgetpu_rows import LAB_HOSTS, fit_parameters, read_edgetpu_rows
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.evaluation import accuracy
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.prices import quantity_matrix, scaled_prior, solve_prices
from edgenas.latency_models.ruy_features import PRIOR_RATIOS
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.nasbench201 import OPERATIONS, parse_cell
from edgenas.latency_models.tables.read import read_columns
from edgenas.latency_models.usable import usable_rows

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Fitter = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""(features of networks, their latencies in ms, features of others) to the latencies of those in ms."""

_COLUMNS = ("rice_edgetpu", "eagle_tpu", "eagle_cpu_855", "true_a76", "rice_raspi4")
_FOLDS, _CONFIDENCE, _CELLS = 5, 0.9, 300
_FIGURES = (
    "mape_percent",
    "rmspe_percent",
    "within_10_percent",
    "spearman",
    "interval_percent",
    "coverage_percent",
)


def main() -> None:
    """Fits, compares and prints a Markdown table, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/latency"), help="folder of the tables"
    )
    parser.add_argument(
        "--column", action="append", choices=_COLUMNS, help="only this one; repeatable, default: all"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, default: 0")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    wanted = tuple(options.column or _COLUMNS)
    edgetpu = _edgetpu_parameters(options.data, options.seed) if set(wanted) & set(LAB_HOSTS) else {}
    results: list[dict[str, Any]] = []
    table = options.data / "nasbench201_edge.csv"
    columns = {column.name: column for column in read_columns("nasbench201", [table], only=set(wanted))}
    for name in wanted:
        began = time.perf_counter()
        results += _compare(usable_rows(columns[name]).column, edgetpu, options.seed)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"seed": options.seed, "results": results}))
        return
    print(
        "| Column | Model | Networks | MAPE % | RMSPE % | within 10 % | Spearman | 90 % interval, ± % | covered % |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in results:
        figures = [
            "" if row[key] is None else f"{row[key]:.{4 if key == 'spearman' else 2}f}" for key in _FIGURES
        ]
        print(f"| {row['column']} | {row['model']} | {row['rows']} | {' | '.join(figures)} |")


def _compare(column: MeasuredColumn, edgetpu: dict[str, float], seed: int) -> list[dict[str, Any]]:
    """Figures of all models on one column."""
    fold = np.random.default_rng(seed).permutation(len(column)) % _FOLDS
    measured, graphs = column.latency_ms, column.graphs
    cache: dict[int, dict[str, float]] = {}
    described = [cache.setdefault(id(graph), describe(graph)) for graph in graphs]
    macs = np.array([[1.0, graph.macs] for graph in graphs], dtype=np.float64)
    one_hot = np.array([_one_hot(name) for name in column.names])
    summed, summed_of_part = _sums(column, fold, edgetpu)
    counts = _matrix(described)
    aggregates = np.hstack([counts, macs[:, 1:]])
    predictions: dict[str, FloatArray] = {
        "MACs and a constant": _held_out(_least_squares, macs, measured, fold),
        "sums per operator type, non-negative": _held_out(
            _least_squares, _matrix([_op_sums(g) for g in graphs]), measured, fold
        ),
        "gradient boosting on the one-hot cell": _held_out(_boosting, one_hot, measured, fold),
        "gradient boosting on counts of the graph": _held_out(_boosting, aggregates, measured, fold),
        "edgenas, sum over operators": summed,
    }
    found = [
        _figures(column.name, model, measured, predicted, _one_width(measured, predicted, fold))
        for model, predicted in predictions.items()
    ]
    ours, widths = _edgenas(described, measured, summed, summed_of_part, fold, seed)
    found.append(_figures(column.name, "edgenas", measured, ours, widths))
    rows, floor = _noise_floor(column)
    found.append(
        _figures(column.name, "edgenas, networks with equal ones", measured[rows], ours[rows], widths[rows])
    )
    found.append(
        _figures(
            column.name,
            "noise floor, the same networks",
            measured[rows],
            floor,
            _one_width(measured[rows], floor, fold[rows]),
        )
    )
    return found


def _edgetpu_parameters(folder: Path, seed: int) -> dict[str, float]:
    rows, _ = read_edgetpu_rows(folder, _CELLS, seed)
    return fit_parameters(rows)[0]


def _one_hot(cell: str) -> FloatArray:
    edges = [operation for node in parse_cell(cell) for operation in node]
    return np.array([float(edge == operation) for edge in edges for operation in OPERATIONS])


def _op_sums(graph: OpGraph) -> dict[str, float]:
    """Multiply-accumulates, results and number of the operators of each type and kernel."""
    found = {"call": 1.0}
    for operator in graph.operators:
        kind = f"{operator.type} {operator.kernel}"
        for name, value in (("macs", operator.macs), ("results", operator.outputs[0].elements), ("count", 1)):
            found[f"{kind}/{name}"] = found.get(f"{kind}/{name}", 0.0) + value
    return found


def _matrix(found: Sequence[dict[str, float]]) -> FloatArray:
    names = sorted({name for one in found for name in one})
    return np.array([[one.get(name, 0.0) for name in names] for one in found], dtype=np.float64)


def _held_out(fitter: Fitter, values: FloatArray, latency_ms: FloatArray, fold: IntArray) -> FloatArray:
    predicted = np.empty(len(values))
    for held in range(_FOLDS):
        out = fold == held
        predicted[out] = fitter(values[~out], latency_ms[~out], values[out])
    return predicted


def _least_squares(values: FloatArray, latency_ms: FloatArray, others: FloatArray) -> FloatArray:
    """Non-negative least squares of relative errors."""
    from scipy.optimize import nnls

    relative = values / latency_ms[:, None]
    scale = np.abs(relative).max(axis=0) + 1e-300
    prices, _ = nnls(relative / scale, np.ones(len(values)), maxiter=100 * values.shape[1])
    return np.asarray(np.maximum(others @ (prices / scale), 1e-6), dtype=np.float64)


def _boosting(values: FloatArray, latency_ms: FloatArray, others: FloatArray) -> FloatArray:
    """Boosted trees on logarithms."""
    from sklearn.ensemble import GradientBoostingRegressor

    model = GradientBoostingRegressor(
        n_estimators=500, learning_rate=0.05, max_depth=5, subsample=0.7, max_features=0.3, random_state=0
    )
    model.fit(values, np.log(latency_ms))
    return np.asarray(np.exp(model.predict(others)), dtype=np.float64)


def _sums(
    column: MeasuredColumn, fold: IntArray, edgetpu: dict[str, float]
) -> tuple[FloatArray, list[FloatArray]]:
    """Sums over operators: by fits without the row's part, and per part of all rows by the fit without that part."""
    if column.name in LAB_HOSTS:
        price_graph, prices = FEATURE_SETS["edgetpu"].price_graph, prices_of(edgetpu, LAB_HOSTS[column.name])
        if price_graph is None:
            raise TypeError("The Edge TPU's feature set prices whole networks.")
        priced = [price_graph(graph, prices) for graph in column.graphs]
        summed = np.array([sum(times) + call for times, call in priced])
        return summed, [summed] * _FOLDS
    matrix = quantity_matrix(column.graphs, FEATURE_SETS["ruy"])
    ratios = PRIOR_RATIOS[column.graphs[0].tensors[0].dtype]
    held_out, of_part = np.empty(len(column)), []
    for held in range(_FOLDS):
        values, latency_ms = matrix.values[fold != held], column.latency_ms[fold != held]
        prior = scaled_prior(matrix.columns, ratios, values, latency_ms)
        of_part.append(matrix.values @ solve_prices(values, latency_ms, prior))
        held_out[fold == held] = of_part[-1][fold == held]
    return held_out, of_part


def _edgenas(
    described: list[dict[str, float]],
    measured: FloatArray,
    summed: FloatArray,
    summed_of_part: list[FloatArray],
    fold: IntArray,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Corrected latencies held out, and log half widths whose bands are made without the row's part."""
    predicted, corrections = np.empty(len(measured)), []
    for held in range(_FOLDS):
        rest, out = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        # As the shipped fit does, the correction learns from sums held out themselves, except in the part held out.
        ratios = np.log(measured[rest] / summed[rest])
        corrections.append(fit_correction("nasbench201", [described[i] for i in rest], ratios, seed=seed))
        factors = np.exp(corrections[-1].log_factors([described[i] for i in out]))
        predicted[out] = summed_of_part[held][out] * factors
    widths = np.empty(len(measured))
    for held, correction in enumerate(corrections):
        rest, out = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        errors = np.log(measured[rest] / predicted[rest])
        banded = with_band(correction, [described[i] for i in rest], errors)
        wider = np.exp(banded.log_widening([described[i] for i in out]))
        widths[out] = banded.band.width(_CONFIDENCE) * wider
    return predicted, widths


def _one_width(measured: FloatArray, predicted: FloatArray, fold: IntArray) -> FloatArray:
    errors = np.log(measured / predicted)
    widths = np.empty(len(errors))
    for held in range(_FOLDS):
        widths[fold == held] = ErrorBand.from_residuals(errors[fold != held].tolist()).width(_CONFIDENCE)
    return widths


def _noise_floor(column: MeasuredColumn) -> tuple[IntArray, FloatArray]:
    """Rows of networks that have equal ones, and the median latency of those."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for row, (family, graph) in enumerate(zip(column.families, column.graphs, strict=True)):
        alike.setdefault((family, graph.operators, graph.wiring), []).append(row)
    pairs = [
        (row, float(np.median([column.latency_ms[other] for other in rows if other != row])))
        for rows in alike.values()
        if len(rows) > 1
        for row in rows
    ]
    chosen, medians = zip(*sorted(pairs), strict=True)
    return np.array(chosen, dtype=np.intp), np.array(medians, dtype=np.float64)


def _figures(
    column: str, model: str, measured: FloatArray, predicted: FloatArray, widths: FloatArray
) -> dict[str, Any]:
    figures = accuracy(measured, predicted, predicted * np.exp(-widths), predicted * np.exp(widths))
    interval = 100 * float(np.mean(np.expm1(widths)))
    return {
        "column": column,
        "model": model,
        "rows": figures["rows"],
        **{key: figures[key] for key in _FIGURES if key in figures},
        "interval_percent": interval,
    }


if __name__ == "__main__":
    main()
