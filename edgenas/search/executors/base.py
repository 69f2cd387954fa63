"""`Executor`: where evaluations run. The driver asks, stores and tells; an executor only evaluates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edgenas.search.evaluation import Evaluation, Evaluator, Part
from edgenas.space.architecture import Architecture

__all__ = ["BASELINE_NUMBER", "Done", "Executor", "ExecutorFactory", "Job"]

BASELINE_NUMBER = -1
"""`Job.number` of the MT edge baseline."""


@dataclass(frozen=True)
class Job:
    """One evaluation to be done; it can be sent to another process.

    Attributes:
        number: trial number, `BASELINE_NUMBER` for the baseline.
        architecture: the network.
        seed: second argument of the evaluator.
        limit_seconds: time after which the evaluation is ended as hung; None for never.
        part: which part of the training; None for all of it.
    """

    number: int
    architecture: Architecture
    seed: int
    limit_seconds: float | None = None
    part: Part | None = None


@dataclass(frozen=True)
class Done:
    """A job that has ended.

    Attributes:
        job: the job.
        evaluation: its outcome; None where the worker was lost, and the job must be given out again.
        lost: how the worker was lost, "" where it was not.
    """

    job: Job
    evaluation: Evaluation | None
    lost: str = ""


class Executor(Protocol):
    """Runs jobs, one or several at a time. Every submitted job comes back from `wait` once."""

    @property
    def capacity(self) -> int:
        """Jobs that may be in flight now; it may change."""

    def submit(self, job: Job) -> None:
        """Begins a job, or queues it where all workers are busy."""

    def wait(self) -> list[Done]:
        """Waits until at least one job in flight has ended.

        Raises:
            EdgenasError: the evaluator says that no candidate can be evaluated, or no worker can be had. Jobs that
                ended with it come first; the call after theirs raises.
        """

    def close(self) -> None:
        """Ends whatever still runs; nothing of it is reported."""


ExecutorFactory = Callable[[Evaluator], Executor]
