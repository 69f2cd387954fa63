"""How good a predictor is on a measured column: what `edgenas latency evaluate` prints."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from edgenas.latency_models.evaluation import accuracy, kendall
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.usable import check_unit, usable_rows

__all__ = ["evaluate_column"]

FloatArray = npt.NDArray[np.float64]

_WORST = 5
_MOST_FAMILIES = 40


def evaluate_column(column: MeasuredColumn, predictor: LatencyPredictor) -> dict[str, Any]:
    """Compares measurements with predictions.

    Args:
        column: measured networks.
        predictor: of the configuration that the column is about.

    Returns:
        `device` (the column's name), `configuration` ("device/configuration" of the predictor), `rows`, the figures
        of `evaluation.accuracy`, `kendall`, `interval_width_percent` (median half width), `in_domain_percent`,
        `worst` (five networks), `by_family` (MAPE, where there are at most 40 families), `excluded` (counts),
        `notes`, and `failing` (precision, recall, F1) where the table holds networks that would not compile.

    Raises:
        UsageError: the column does not hold milliseconds.
    """
    usable = usable_rows(column)
    rows = usable.column
    found: dict[str, Any] = {
        "device": column.name,
        "configuration": f"{predictor.device}/{predictor.configuration}",
        "rows": len(rows),
        "excluded": {"failed": usable.failed, "constant": usable.constant},
        "notes": list(usable.notes),
    }
    failing = _failing(column, predictor)
    if failing is not None:
        found["failing"] = failing
    if not len(rows):
        return found
    estimates = predictor.predict_many(rows.graphs)
    predicted = np.array([e.latency_ms for e in estimates])
    low, high = (np.array([e.interval_ms[i] for e in estimates]) for i in (0, 1))
    check_unit(rows, predicted)
    errors = predicted / rows.latency_ms - 1
    found.update(accuracy(rows.latency_ms, predicted, low, high))
    found["kendall"] = kendall(rows.latency_ms, predicted)
    found["interval_width_percent"] = 100 * float(np.median(np.sqrt(high / low) - 1))
    found["in_domain_percent"] = 100 * float(np.mean([e.in_domain for e in estimates]))
    found["worst"] = [
        {
            "name": rows.names[i],
            "measured_ms": float(rows.latency_ms[i]),
            "predicted_ms": float(predicted[i]),
            "error_percent": 100 * float(errors[i]),
        }
        for i in np.argsort(-np.abs(errors))[:_WORST]
    ]
    by_family: dict[str, list[float]] = defaultdict(list)
    for family, error in zip(rows.families, errors.tolist(), strict=True):
        by_family[family].append(abs(error))
    if len(by_family) <= _MOST_FAMILIES:
        found["by_family"] = {
            family: {"rows": len(values), "mape_percent": 100 * float(np.mean(values))}
            for family, values in sorted(by_family.items())
        }
    return found


def _failing(column: MeasuredColumn, predictor: LatencyPredictor) -> dict[str, Any] | None:
    """How well the rules of the Edge TPU compiler tell the networks that would not compile; None without any."""
    if predictor.features.name != "edgetpu" or not column.failed.any():
        return None
    from edgenas.latency_models.edgetpu_placement import edgetpu_failure

    told = np.array([bool(edgetpu_failure(graph)) for graph in column.graphs])
    right = int((told & column.failed).sum())
    precision = right / max(1, int(told.sum()))
    recall = right / int(column.failed.sum())
    return {
        "rows": len(column),
        "failed": int(column.failed.sum()),
        "told": int(told.sum()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if right else 0.0,
    }
