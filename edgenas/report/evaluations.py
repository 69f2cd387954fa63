"""Reads what `edgenas evaluate` stored beside the networks of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import file_sha256
from edgenas.evaluation.store import read_stored
from edgenas.report.coerce import Intervals, Metrics, as_intervals, as_mapping, as_metrics, as_number, as_text

__all__ = ["StoredEvaluation", "read_evaluations"]

_KERAS = "final, Keras"
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
    intervals: Intervals
    resamples: int


def read_evaluations(run: Path) -> tuple[StoredEvaluation, ...]:
    """Evaluations of the trained and of the exported networks, in the order in which a pipeline makes them.

    Those of weights that a later training or export has replaced are left out.

    Raises:
        UsageError: a file is damaged.
    """
    found = []
    for folder, pattern in (("train", "*.keras"), ("export", "*.tflite")):
        rows = read_stored(run / folder)
        present = {file_sha256(path) for path in (run / folder).glob(pattern)} if rows else set()
        for row in rows:
            if row.get("model_sha256") in present:
                dtype = as_text(row.get("dtype"))
                found.append(_read(row, _KERAS if folder == "train" else f"final, {dtype or 'exported'}"))
    order = [_KERAS, "final, float32", "final, int8"]
    return tuple(sorted(found, key=lambda e: order.index(e.network) if e.network in order else len(order)))


def _read(row: dict[str, Any], network: str) -> StoredEvaluation:
    tasks = [as_text(task) for task in row.get("tasks") or () if as_text(task) not in _NOT_METRICS]
    scores = as_metrics({task: _numbers(row.get(task)) for task in tasks})
    count = as_number(row.get("frames"))
    frames = f"{as_text(row.get('data'))}, {as_text(row.get('split'))}, {count or 0:.0f} frames"
    resamples = as_number(as_mapping(row.get("bootstrap")).get("resamples"))
    return StoredEvaluation(network, frames, scores, as_intervals(row.get("intervals")), int(resamples or 0))


def _numbers(value: Any) -> dict[str, Any]:
    """Without nested values, such as one score per class."""
    return {name: score for name, score in as_mapping(value).items() if not isinstance(score, dict | list)}
