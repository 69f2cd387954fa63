"""Intervals by resampling: of metrics over frames, and of anything over seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgenas.evaluation.frame_sums import FrameSums, Table

__all__ = ["LEVEL", "frame_intervals", "percentile_interval", "resampled_means"]

LEVEL = 0.95
"""Share of the resampled values that an interval holds, between equal tails (percentile bootstrap)."""

_AT_ONCE = 64


def frame_intervals(
    sums: FrameSums, resamples: int, seed: int
) -> dict[str, tuple[float | None, float | None]]:
    """The interval of every metric if the frames had been others of the same kind.

    Each resample draws as many frames as there are, with replacement (Efron's percentile bootstrap). It says how much
    a metric hangs on these frames, not how much it hangs on the training's seed.

    Args:
        sums: rows of all frames.
        resamples: how often to draw.
        seed: of the draws; all tasks draw the same frames.

    Returns:
        {metric: (low, high)}; None where no resample defines the metric.
    """
    table = sums.table
    count = len(table)
    rng = np.random.default_rng(seed)
    parts: list[dict[str, Table]] = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start)
        times_drawn = rng.multinomial(count, np.full(count, 1.0 / count), size=size).astype(np.float64)
        parts.append(sums.metrics(times_drawn @ table))
    return {name: percentile_interval(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def percentile_interval(values: Table) -> tuple[float | None, float | None]:
    """The `LEVEL` interval of resampled values, NaN left out; (None, None) where nothing is left."""
    defined = values[~np.isnan(values)]
    if not defined.size:
        return None, None
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


def resampled_means(
    groups: list[Table], statistic: Callable[[list[Table]], float | None], resamples: int, seed: int
) -> tuple[float | None, float | None]:
    """The interval of a statistic of the groups' means, each group resampled on its own.

    Args:
        groups: rows of each group, [members, columns]; a mean over NaN is NaN.
        statistic: from the means [columns] of each group to a number, None where it is undefined.
        resamples: how often to draw.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = [rows[rng.integers(0, len(rows), len(rows))].mean(axis=0) for rows in groups]
        value = statistic(drawn)
        values.append(np.nan if value is None else value)
    return percentile_interval(np.array(values))
