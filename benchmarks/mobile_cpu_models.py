"""Latency models of phones' CPUs compared on the same split: networks of families that no model was fitted on.

    python benchmarks/mobile_cpu_models.py --data ../shared/data/latency [--json]

The 84 CPU configurations of mobile-ml-benchmark (TFLite 2.10, 74 networks of 18 families each). Every model predicts
the networks of a family from the other families, on every configuration. Intervals are made equally for all models:
the width of a family's 90% intervals comes from the errors on the other families. Shown are medians over the
configurations of an element type. All models read the same graphs, with the operators that the release does not list.
A minute on one core; boosting, which takes most of it, is judged on every fourth configuration. Needs
`pip install 'edgenas[fit]'`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.evaluation import accuracy
from edgenas.latency_models.mobile_fit import fit_mobile
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.read import read_columns

FloatArray = npt.NDArray[np.float64]
Fitter = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""(aggregates of networks, their latencies in ms, aggregates of others) to the latencies of those in ms."""

_CONFIDENCE = 0.9
_ELEMENTWISE = frozenset({"PAD", "ADD", "MUL"})
_FIGURES = ("mape_percent", "within_10_percent", "interval_percent", "coverage_percent")


def main() -> None:
    """Fits, compares and prints a Markdown table, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data/latency"), help="folder of the release"
    )
    parser.add_argument(
        "--every", type=int, default=4, help="boosting on every so many configurations, default: 4"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    columns = read_columns(
        "mobile-ml-benchmark",
        [options.data / "mobile_cnn_e2e.csv"],
        operators=options.data / "mobile_cnn_ops.csv",
    )
    results: list[dict[str, object]] = []
    for dtype, kind in (("float32", "float"), ("int8", "quant")):
        chosen = [column for column in columns if column.name.endswith(kind)]
        for name, step, judge in _models(options.every):
            began = time.perf_counter()
            judged = judge(chosen, step)
            figures = {key: float(np.median([one[key] for one in judged])) for key in _FIGURES}
            row = {"model": name, "type": dtype, "configurations": len(judged), **figures}
            results.append({**row, "seconds": round(time.perf_counter() - began, 1)})
            print(f"{name}, {dtype}: {results[-1]['seconds']} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"results": results}))
        return
    print("| Model | Type | Configurations | MAPE % | within 10 % | 90 % interval, ± % | covered % |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for row in results:
        print(
            f"| {row['model']} | {row['type']} | {row['configurations']} | "
            + " | ".join(f"{row[key]:.1f}" for key in _FIGURES)
            + " |"
        )


Judged = list[dict[str, float]]
Judge = Callable[[list[MeasuredColumn], int], Judged]
"""(configurations, step) to the figures of every step-th configuration."""


def _models(every: int) -> list[tuple[str, int, Judge]]:
    """Name, step and judge of each model."""
    return [
        ("MACs and a constant", 1, partial(_held_out, _macs, _least_squares)),
        ("sums per operator type, non-negative", 1, partial(_held_out, _op_sums, _least_squares)),
        ("gradient boosting on such sums", every, partial(_held_out, _op_sums_and_macs, _boosting)),
        ("edgenas, judged on the same", every, _edgenas),
        ("edgenas", 1, _edgenas),
    ]


def _macs(graph: OpGraph) -> dict[str, float]:
    return {"call": 1.0, "macs": float(graph.macs)}


def _op_sums(graph: OpGraph, *, merged: bool = True) -> dict[str, float]:
    """Multiply-accumulates, results and number of the operators of each type, grouped convolutions being a type.

    Merged, convolutions of vectors count as dense layers, and padding, sums and products as one type: least squares
    do better so, boosting does not.
    """
    found = {"call": 1.0}
    for operator in graph.operators:
        kind = "CONV_2D_GROUP" if operator.flags else operator.type
        if merged and kind in _ELEMENTWISE:
            kind = "ELEMENTWISE"
        elif merged and kind == "CONV_2D" and operator.inputs[0].shape[1:-1] == (1, 1):
            kind = "FULLY_CONNECTED"
        for name, value in (
            ("macs", operator.macs),
            ("results", operator.outputs[0].elements),
            ("count", 1),
        ):
            found[f"{kind}/{name}"] = found.get(f"{kind}/{name}", 0.0) + value
    return found


def _op_sums_and_macs(graph: OpGraph) -> dict[str, float]:
    """The sums of every type, with the multiply-accumulates of all, which sort last."""
    return {**_op_sums(graph, merged=False), "total macs": float(graph.macs)}


def _least_squares(values: FloatArray, latency_ms: FloatArray, others: FloatArray) -> FloatArray:
    """Non-negative least squares of relative errors."""
    from scipy.optimize import nnls

    relative = values / latency_ms[:, None]
    scale = np.abs(relative).max(axis=0) + 1e-300
    prices, _ = nnls(relative / scale, np.ones(len(values)), maxiter=100 * values.shape[1])
    return np.asarray(np.maximum(others @ (prices / scale), 1e-6), dtype=np.float64)


def _boosting(values: FloatArray, latency_ms: FloatArray, others: FloatArray) -> FloatArray:
    """Boosted trees on logarithms: what a power of the multiply-accumulates, the last aggregate, leaves unexplained.

    Trees alone cannot extrapolate to networks larger than those seen.
    """
    from sklearn.ensemble import GradientBoostingRegressor

    x, z, y = np.log1p(values), np.log1p(others), np.log(latency_ms)
    slope, offset = np.polyfit(x[:, -1], y, 1)
    model = GradientBoostingRegressor(
        n_estimators=300, learning_rate=0.05, max_depth=3, subsample=0.8, min_samples_leaf=3, random_state=0
    )
    model.fit(x, y - slope * x[:, -1] - offset)
    return np.asarray(np.exp(model.predict(z) + slope * z[:, -1] + offset), dtype=np.float64)


def _held_out(
    aggregates: Callable[[OpGraph], dict[str, float]],
    fitter: Fitter,
    columns: list[MeasuredColumn],
    step: int,
) -> Judged:
    cache: dict[int, dict[str, float]] = {}
    judged: Judged = []
    for column in columns[::step]:
        found = [cache.setdefault(id(g), aggregates(g)) for g in column.graphs]
        names = sorted({name for one in found for name in one})
        values = np.array([[one.get(name, 0.0) for name in names] for one in found])
        families, predicted = np.array(column.families), np.empty(len(column))
        for family in np.unique(families):
            out = families == family
            predicted[out] = fitter(values[~out], column.latency_ms[~out], values[out])
        judged.append(_judge(column, predicted))
    return judged


def _judge(column: MeasuredColumn, predicted_ms: FloatArray) -> dict[str, float]:
    residuals, families = np.log(column.latency_ms / predicted_ms), np.array(column.families)
    widths = np.empty(len(column))
    for family in np.unique(families):
        band = ErrorBand.from_residuals(residuals[families != family].tolist())
        widths[families == family] = band.width(_CONFIDENCE)
    figures = accuracy(
        column.latency_ms, predicted_ms, predicted_ms * np.exp(-widths), predicted_ms * np.exp(widths)
    )
    whole = ErrorBand.from_residuals(residuals.tolist()).width(_CONFIDENCE)
    return {**figures, "interval_percent": 100 * float(np.expm1(whole))}


def _edgenas(columns: list[MeasuredColumn], step: int) -> Judged:
    fits = fit_mobile(columns, {column.name: ("phone", column.name) for column in columns})
    return [
        _judge(column, np.array([point.predicted_ms for point in fits[column.name].points]))
        for column in columns[::step]
    ]


if __name__ == "__main__":
    main()
