"""Which decisions of the search space matter: the share of the variance that each explains alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.report.study_data import Trial

__all__ = ["LEAST_TRIALS", "Importance", "importances"]

LEAST_TRIALS = 20
"""Networks that must have a quality before shares of variance mean anything."""

_LEAST_PER_CHOICE = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """One decision of the search space.

    Attributes:
        name: of the decision.
        quality: share of the variance of the quality that it explains alone, 0 to 1.
        latency: the same of the predicted latency; None where nothing was predicted.
        best: the choice with the highest mean quality, among those that at least three networks have.
        best_quality: that mean.
        trials: networks in which the decision is active.
    """

    name: str
    quality: float
    latency: float | None
    best: str
    best_quality: float
    trials: int


def importances(trials: Sequence[Trial]) -> tuple[Importance, ...]:
    """Decisions by falling importance for the quality; empty with fewer than `LEAST_TRIALS` different networks.

    The share is omega squared of a one-way analysis of variance (Hays, 1963), which unlike eta squared does not grow
    with the number of choices; below zero it counts as none.
    """
    networks = {t.architecture_hash or str(t.number): t for t in reversed(trials) if t.completed}
    kept = [t for t in networks.values() if t.quality is not None]
    if len(kept) < LEAST_TRIALS:
        return ()
    found = []
    for name in dict.fromkeys(name for t in kept for name in t.decisions):
        active = [t for t in kept if name in t.decisions]
        choices = np.array([str(t.decisions[name]) for t in active])
        quality = np.array([t.quality for t in active], dtype=np.float64)
        share = _omega_squared(choices, quality)
        if share is None:
            continue
        predicted = [t.predicted_ms for t in active]
        latency = None
        if all(value is not None for value in predicted):
            latency = _omega_squared(choices, np.array(predicted, dtype=np.float64))
        values, counts = np.unique(choices, return_counts=True)
        often = values[counts >= _LEAST_PER_CHOICE]
        means = [(float(quality[choices == value].mean()), str(value)) for value in often]
        best_quality, best = max(means)
        found.append(Importance(name, share, latency, best, best_quality, len(active)))
    return tuple(sorted(found, key=lambda item: (-item.quality, item.name)))


def _omega_squared(choices: NDArray[np.str_], values: NDArray[np.float64]) -> float | None:
    """None where there is nothing to compare: one choice only, too few values, or no variance."""
    groups = [values[choices == choice] for choice in np.unique(choices)]
    groups = [group for group in groups if len(group) >= _LEAST_PER_CHOICE]
    count, kinds = sum(map(len, groups)), len(groups)
    if kinds < 2 or count < LEAST_TRIALS:
        return None
    every = np.concatenate(groups)
    total = float(((every - every.mean()) ** 2).sum())
    if total <= 0.0:
        return None
    within = float(sum(((group - group.mean()) ** 2).sum() for group in groups))
    mean_within = within / (count - kinds)
    share = (total - within - (kinds - 1) * mean_within) / (total + mean_within)
    return float(min(max(share, 0.0), 1.0))
