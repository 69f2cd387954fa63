"""Reads what `edgenas evaluate` stored beside the networks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.evaluation.store import read_stored
from edgenas.report.coerce import Metrics, as_interval, as_mapping, as_metrics, as_number, as_text

__all__ = ["StoredEvaluation", "read_evaluations"]

_KINDS = {"float32": "final, float32", "int8": "final, int8"}
_NOT_METRICS = ("compat",)


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """One network on one selection of frames.

    Attributes:
        network: which, "final, Keras", "final, float32" or "final, int8".
        frames: the frames in words: data, split and count.
        metrics: scores per task.
        intervals: task to metric to the ends of its 95% interval; empty without --bootstrap.
        resamples: of the intervals, 0 without them.
    """

    network: str
    frames: str
    metrics: Metrics
    intervals: dict[str, dict[str, tuple[float, float]]]
    resamples: int


def read_evaluations(run: Path) -> tuple[StoredEvaluation, ...]:
    """Evaluations of the trained and of the exported networks, in the order in which a pipeline makes them.

    Raises:
        UsageError: a file is damaged.
    """
    found = [_read(row, "final, Keras") for row in read_stored(run / "train")]
    for row in read_stored(run / "export"):
        dtype = as_text(row.get("dtype"))
        found.append(_read(row, _KINDS.get(dtype, f"final, {dtype or 'exported'}")))
    order = ["final, Keras", *_KINDS.values()]
    return tuple(sorted(found, key=lambda e: order.index(e.network) if e.network in order else len(order)))


def _read(row: dict[str, Any], network: str) -> StoredEvaluation:
    tasks = [as_text(task) for task in row.get("tasks") or () if as_text(task) not in _NOT_METRICS]
    scores = as_metrics({task: _numbers(row.get(task)) for task in tasks})
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    for task, ends in as_mapping(row.get("intervals")).items():
        pairs = {name: as_interval(pair) for name, pair in as_mapping(ends).items()}
        intervals[task] = {name: pair for name, pair in pairs.items() if pair is not None}
    count = as_number(row.get("frames"))
    frames = f"{as_text(row.get('data'))}, {as_text(row.get('split'))}, {count or 0:.0f} frames"
    resamples = as_number(as_mapping(row.get("bootstrap")).get("resamples"))
    return StoredEvaluation(network, frames, scores, intervals, int(resamples or 0))


def _numbers(value: Any) -> dict[str, Any]:
    """Without nested values, such as one score per class."""
    return {name: score for name, score in as_mapping(value).items() if not isinstance(score, dict | list)}
