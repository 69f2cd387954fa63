"""What a candidate costs and is worth: `Evaluation`, and the functions that a search is given to get one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, cast

from edgenas.errors import EdgenasError
from edgenas.scoring import defined
from edgenas.space.architecture import Architecture

__all__ = [
    "STATUSES",
    "Estimator",
    "Evaluation",
    "Evaluator",
    "LatencyEstimate",
    "Part",
    "PartEvaluator",
    "evaluate",
]

STATUSES = ("completed", "diverged", "failed", "rejected", "pruned")


@dataclass(frozen=True)
class Part:
    """A part of the training of a candidate.

    Attributes:
        until_step: step of the schedule to stop after; None for its end.
        state: `Evaluation.state` of the part before; None begins.
    """

    until_step: int | None
    state: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Evaluation:
    """The outcome of training one candidate under the proxy schedule. A failure is a value, not an exception.

    Attributes:
        metrics: {task: {metric: value}}, None for a metric that no valid pixel defines; may be empty after a
            failure.
        seconds: wall time by phase; `total` is always there after `evaluate`.
        status: "completed", "diverged" (the loss left the finite numbers; the same network would do so again),
            "failed" (out of memory, an exception; trying again may help), "rejected" (it does not meet what the
            search requires; it was not trained) or "pruned" (behind others after a part of the schedule; its metrics
            are those of that part).
        reason: why there is no result; empty when completed.
        state: what the next `Part` needs to go on exactly, where the training stopped before its end; else None.
    """

    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    status: str = "completed"
    reason: str = ""
    state: bytes | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(
                f"Invalid value for argument `status`. Expected one of {STATUSES}. Received {self.status!r}."
            )

    @property
    def completed(self) -> bool:
        """Whether there are metrics to score."""
        return self.status == "completed"


class LatencyEstimate(Protocol):
    """What the search reads of a prediction; `edgenas.latency_models.LatencyEstimate` fits."""

    @property
    def latency_ms(self) -> float:
        """Point estimate."""

    @property
    def interval_ms(self) -> tuple[float, float]:
        """Lower and upper end of the interval."""

    def upper_ms(self, risk: float) -> float:
        """The latency that the device exceeds with probability `risk`; only called when a risk is given."""


Evaluator = Callable[[Architecture, int], Evaluation]
"""Trains an architecture with a seed. An `EdgenasError` that it raises stops the search: it says that no
candidate can be evaluated (data gone, disk full). Everything else that it raises fails that one trial."""


class PartEvaluator(Protocol):
    """An evaluator for searches that prune: it trains a candidate part by part."""

    def __call__(self, architecture: Architecture, seed: int, part: Part | None = None) -> Evaluation:
        """Trains a part of the schedule, all of it for None; metrics, and a state unless it is the last part.

        The last part gives what an uninterrupted training gives. Parts of one candidate may be trained in different
        processes.
        """


Estimator = Callable[[Architecture], LatencyEstimate]


def evaluate(
    evaluator: Evaluator, architecture: Architecture, seed: int, part: Part | None = None
) -> Evaluation:
    """Calls the evaluator and turns whatever it raises, or whatever is not finite, into data.

    Args:
        evaluator: a `PartEvaluator` where a part is given.
        architecture: the network.
        seed: seed of the training.
        part: which part of the training; None for all of it.

    Raises:
        EdgenasError: the evaluator says that the search cannot go on.
    """
    started = time.monotonic()
    try:
        if part is None:
            outcome = evaluator(architecture, seed)
        else:
            outcome = cast(PartEvaluator, evaluator)(architecture, seed, part)
    except EdgenasError:
        raise
    except Exception as error:  # MemoryError among them; KeyboardInterrupt is not an Exception
        outcome = Evaluation(status="failed", reason=describe(error))
    metrics = {
        str(task): {str(name): defined(value) for name, value in values.items()}
        for task, values in outcome.metrics.items()
    }
    seconds = {str(name): float(value) for name, value in outcome.seconds.items() if math.isfinite(value)}
    seconds.setdefault("total", time.monotonic() - started)
    return replace(outcome, metrics=metrics, seconds=seconds)


def describe(error: BaseException) -> str:
    """The kind and the first line of an exception, for a trial's `reason`."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
