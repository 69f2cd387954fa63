"""How good predictions are: the numbers on a predictor's card."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["accuracy", "kendall", "spearman"]

FloatArray = npt.NDArray[np.float64]

_PAIR_ROWS = 512  # Rows compared with all others at once: bounds the memory.


def accuracy(
    measured_ms: FloatArray,
    predicted_ms: FloatArray,
    low_ms: FloatArray | None = None,
    high_ms: FloatArray | None = None,
) -> dict[str, Any]:
    """Errors of predictions, relative to the measurement.

    Args:
        measured_ms: [N], N at least 1.
        predicted_ms: [N].
        low_ms: [N], lower ends of the intervals.
        high_ms: [N], upper ends.

    Returns:
        rows, mape_percent, rmspe_percent, within_5_percent, within_10_percent, worst_percent, bias_percent (mean
        signed error), spearman (None for fewer than 3 rows or equal values), coverage_percent (None without
        intervals).
    """
    errors = (predicted_ms - measured_ms) / measured_ms
    covered = None
    if low_ms is not None and high_ms is not None:
        covered = 100 * float(np.mean((low_ms <= measured_ms) & (measured_ms <= high_ms)))
    return {
        "rows": len(errors),
        "mape_percent": 100 * float(np.mean(np.abs(errors))),
        "rmspe_percent": 100 * float(np.sqrt(np.mean(errors**2))),
        "within_5_percent": 100 * float(np.mean(np.abs(errors) <= 0.05)),
        "within_10_percent": 100 * float(np.mean(np.abs(errors) <= 0.10)),
        "worst_percent": 100 * float(np.max(np.abs(errors))),
        "bias_percent": 100 * float(np.mean(errors)),
        "spearman": spearman(measured_ms, predicted_ms),
        "coverage_percent": covered,
    }


def spearman(a: FloatArray, b: FloatArray) -> float | None:
    """Rank correlation with mean ranks for ties; None where it is not defined."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def kendall(a: FloatArray, b: FloatArray) -> float | None:
    """Rank correlation tau-b, which counts pairs in the same and in the other order; None where it is not defined."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    agree = pairs_a = pairs_b = 0.0
    for start in range(0, len(a), _PAIR_ROWS):
        part = slice(start, start + _PAIR_ROWS)
        order_a = np.sign(a[part, None] - a[None, :])
        order_b = np.sign(b[part, None] - b[None, :])
        agree += float(np.sum(order_a * order_b))
        pairs_a += float(np.sum(order_a != 0))
        pairs_b += float(np.sum(order_b != 0))
    return agree / float(np.sqrt(pairs_a * pairs_b))


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)
