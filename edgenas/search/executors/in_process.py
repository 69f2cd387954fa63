"""Evaluations in the process of the search, one at a time. It cannot end one that hangs."""

from __future__ import annotations

from edgenas.search.evaluation import Evaluator, evaluate
from edgenas.search.executors.base import Done, Job

__all__ = ["InProcess"]


class InProcess:
    """Evaluates in `wait`, in the order of submission; time limits are not watched.

    Args:
        evaluator: need not be picklable.
    """

    capacity = 1

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._queue: list[Job] = []

    def submit(self, job: Job) -> None:
        """Queues a job."""
        self._queue.append(job)

    def wait(self) -> list[Done]:
        """Evaluates the first job of the queue."""
        job = self._queue.pop(0)
        return [Done(job, evaluate(self._evaluator, job.architecture, job.seed, job.part))]

    def close(self) -> None:
        """Forgets the queue."""
        self._queue.clear()
