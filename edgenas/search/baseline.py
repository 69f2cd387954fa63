"""The MT edge baseline of a run: what quality 1.0 means. Trained once, kept in `baseline.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.evaluation import Evaluation
from edgenas.search.events import BaselineDone, BaselineStarted, EventHandler, WorkerLost
from edgenas.search.executors import BASELINE_NUMBER, Executor, Job
from edgenas.search.objective import Latency, Objective
from edgenas.space.architecture import Architecture
from edgenas.storage import read_json, write_json

__all__ = ["BASELINE_FILE", "MAX_LOSSES", "Baseline", "interval", "obtain_baseline", "other_devices"]

BASELINE_FILE = "baseline.json"
FORMAT = "edgenas.baseline"

MAX_LOSSES = 3
"""An evaluation whose worker was lost so many times has failed: most likely it needs more memory than there is."""


@dataclass(frozen=True)
class Baseline:
    """The baseline network with its evaluation under the proxy schedule.

    Attributes:
        architecture: the default of the search space.
        latency: its predicted latency.
        evaluation: its metrics, completed.
    """

    architecture: Architecture
    latency: Latency
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """The content of `baseline.json`."""
        return {
            "format": FORMAT,
            "version": 1,
            "architecture": self.architecture.to_dict(),
            "architecture_hash": self.architecture.hash,
            "metrics": {task: dict(values) for task, values in self.evaluation.metrics.items()},
            "predicted_ms": self.latency.predicted_ms,
            "predicted_interval_ms": interval(self.latency),
            **other_devices(self.latency),
            "seconds": dict(self.evaluation.seconds),
        }


def interval(latency: Latency) -> list[float] | None:
    """[low, high] in milliseconds, or None without a device."""
    return None if latency.low_ms is None or latency.high_ms is None else [latency.low_ms, latency.high_ms]


def other_devices(latency: Latency) -> dict[str, Any]:
    """What is predicted for the further devices, by their labels; nothing where there are none."""
    if not latency.others:
        return {}
    others = {
        label: {
            "predicted_ms": other.predicted_ms,
            "predicted_interval_ms": interval(other),
            "predicted_bound_ms": other.bound_ms,
        }
        for label, other in latency.others.items()
    }
    return {"other_devices": others}


def obtain_baseline(
    architecture: Architecture,
    executor: Executor,
    objective: Objective,
    run_dir: Path,
    *,
    seed: int,
    limit_seconds: float | None,
    on_event: EventHandler,
) -> Baseline:
    """Reads the baseline of the run, or trains it as every candidate will be trained and stores it.

    Raises:
        UsageError: the stored baseline is damaged or of another network.
        EdgenasError: the baseline cannot be trained, or its metrics define no quality.
    """
    path = run_dir / BASELINE_FILE
    latency = objective.latency(architecture)
    reused = path.exists()
    if reused:
        evaluation = _stored(path, architecture)
    else:
        on_event(BaselineStarted(latency.predicted_ms))
        evaluation = _evaluate(executor, Job(BASELINE_NUMBER, architecture, seed, limit_seconds), on_event)
        if not evaluation.completed:
            raise EdgenasError(
                f"The baseline network could not be trained ({evaluation.status}): {evaluation.reason}. "
                "Every quality is measured against it, so the search stops here. Check the data and the "
                "training options."
            )
    baseline = Baseline(architecture, latency, evaluation)
    objective.score(
        evaluation.metrics, evaluation.metrics, latency
    )  # metrics without any quality: say so now
    if not reused:
        write_json(path, baseline.to_dict())
    on_event(BaselineDone(latency.predicted_ms, 0.0 if reused else evaluation.seconds["total"], reused))
    return baseline


def _evaluate(executor: Executor, job: Job, on_event: EventHandler) -> Evaluation:
    for attempts_left in reversed(range(MAX_LOSSES)):
        executor.submit(job)
        (done,) = executor.wait()
        if done.evaluation is not None:
            return done.evaluation
        on_event(WorkerLost(BASELINE_NUMBER, done.lost, again=attempts_left > 0))
    return Evaluation(status="failed", reason=f"{done.lost}, {MAX_LOSSES} times")


def _stored(path: Path, architecture: Architecture) -> Evaluation:
    data = read_json(path, "baseline evaluation")
    advice = "Delete the file to have the baseline trained again."
    if (
        not isinstance(data, Mapping)
        or data.get("format") != FORMAT
        or not isinstance(data.get("metrics"), Mapping)
        or not all(isinstance(values, Mapping) for values in data["metrics"].values())
    ):
        raise UsageError(f"{path} is no baseline evaluation of edgenas. {advice}")
    if data.get("architecture_hash") != architecture.hash:
        raise UsageError(
            f"{path} is of network {data.get('architecture_hash')!r}. Expected {architecture.hash!r}, "
            f"the default of the search space. {advice}"
        )
    return Evaluation(data["metrics"], data.get("seconds") or {"total": 0.0})
