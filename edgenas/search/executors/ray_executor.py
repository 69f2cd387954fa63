"""`RayExecutor`: evaluations as tasks of a Ray cluster, whose nodes may come and go."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.evaluation import Evaluation, Evaluator
from edgenas.search.executors.base import Done, Job
from edgenas.search.executors.ray_connection import LOCAL, connect, import_ray
from edgenas.search.executors.ray_nodes import Need, Nodes
from edgenas.search.executors.ray_task import Refusal, Started, run_trial, run_trial_at_once

__all__ = ["RayExecutor"]

_LONGEST_WAIT_SECONDS = 1.0
_MIB = 2**20


@dataclass
class _Task:
    """A job in flight.

    Attributes:
        job: the job.
        begun: when its time began to run, `time.monotonic()`; None while it waits for a place.
        where: what is known of its place.
    """

    job: Job
    begun: float | None
    where: Started | None = None


class RayExecutor:
    """Evaluates each job as one Ray task. Ray never repeats one: what is lost is reported, and given out anew.

    The evaluator is put into the object store once and travels once to each node; each worker process unpickles it
    once. Where it has a method `portable()`, that gives the evaluator to send, one that needs no file of this machine.

    Args:
        evaluator: picklable.
        address: see `ray_connection.connect`.
        workers: jobs in flight; None for as many as the nodes can run now. More than that wait in Ray's queue, where
            an autoscaler sees them.
        cpus_per_trial: logical CPUs of a trial, and (rounded down, at least one) the threads it computes with.
        gpus_per_trial: GPUs of a trial; may be a fraction.
        memory_mb: memory in MiB that a node must have for a trial; None not to look at it.
        patience_seconds: how long no node at all may be there before `wait` gives up.

    Raises:
        MissingDependencyError: Ray is not installed.
        UsageError: the address is malformed, or an amount is.
        EdgenasError: there is no cluster, no node that could run a trial, or one that lacks edgenas.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        address: str = "auto",
        workers: int | None = None,
        cpus_per_trial: float = 1.0,
        gpus_per_trial: float = 0.0,
        memory_mb: float | None = None,
        patience_seconds: float = 1800.0,
    ) -> None:
        need = _need(cpus_per_trial, gpus_per_trial, memory_mb)
        if workers is not None and workers < 1:
            raise UsageError(f"Invalid number of workers. Expected at least 1; got {workers}.")
        self._ray = import_ray()
        self._workers = workers
        self._patience_seconds = patience_seconds
        self._threads = max(1, int(cpus_per_trial))
        self._running: dict[Any, _Task] = {}
        self._refusal: EdgenasError | None = None
        cpus = None if address != LOCAL or workers is None else workers * cpus_per_trial
        self._connection = connect(address, cpus=cpus)
        try:
            self._nodes = Nodes(need)
            self._nodes.require_fit()
            if not self._nodes.slots and workers is None:
                raise EdgenasError(
                    f"No node of the Ray cluster at {self._connection.address} can run a trial, which takes {need}. "
                    f"Nodes: {self._nodes.describe()}. Add a node (ray start --address HOST:PORT), lower "
                    "--cpus-per-trial, or, for a cluster that grows by itself, give --workers."
                )
            self._last_seen = time.monotonic()
            # A retry by Ray could evaluate a trial twice, unseen by the study.
            self._options = {**need.options(), "max_retries": 0}
            if self._connection.client:
                self._task = self._ray.remote(run_trial_at_once)
            else:
                self._task = self._ray.remote(run_trial)
                self._options["num_returns"] = "streaming"
            portable = getattr(evaluator, "portable", None)
            self._evaluator = self._ray.put(evaluator if portable is None else portable())
        except BaseException:
            self._connection.close()
            raise

    @property
    def capacity(self) -> int:
        """Jobs that may be in flight now; at least one, which then waits for a node."""
        return self._workers or max(1, self._nodes.slots)

    def submit(self, job: Job) -> None:
        """Hands a job to Ray, which queues it where no node has room."""
        options: dict[str, Any] = dict(self._options)
        if self._nodes.unfit:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(self._nodes.unfit)})"}
        waitable = self._task.options(**options).remote([self._evaluator], job, self._threads)
        # Ray Client cannot tell when a task begins.
        self._running[waitable] = _Task(job, time.monotonic() if self._connection.client else None)

    def wait(self) -> list[Done]:
        """Waits for at least one job; see `Executor.wait`.

        Raises:
            EdgenasError: the evaluator says that no candidate can be evaluated, or there was no node for too long.
        """
        found: list[Done] = []
        while self._running and not found and self._refusal is None:
            self._look_at_nodes()
            ready, _ = self._ray.wait(
                list(self._running), timeout=self._seconds_to_next_limit(), fetch_local=False
            )
            # Some that are ready are enough: the others come with the next call.
            for waitable in ready:
                found += self._news(waitable)
            found += self._end_overdue()
        if self._refusal is not None and not found:
            raise self._refusal
        return found

    def close(self) -> None:
        """Ends the trials that run and leaves the cluster."""
        for waitable in list(self._running):
            self._end(waitable)
        self._evaluator = None
        self._connection.close()

    def _news(self, waitable: Any) -> list[Done]:
        """What a task has to say: nothing yet, or its end."""
        task = self._running[waitable]
        errors = self._ray.exceptions
        try:
            value = self._ray.get(waitable if self._connection.client else next(waitable))
        except errors.OutOfMemoryError:
            del self._running[waitable]
            reason = f"memory ran out on node {self._place(task)}, and Ray's memory monitor ended the trial"
            return [Done(task.job, Evaluation(seconds=self._spent(task), status="failed", reason=reason))]
        except (errors.RayError, StopIteration) as error:
            del self._running[waitable]
            self._nodes.look(now=True)
            return [Done(task.job, None, self._manner_of_loss(error, task))]
        if isinstance(value, Started):
            task.begun, task.where = time.monotonic(), value
            return []
        del self._running[waitable]
        if isinstance(value, Refusal):
            self._refusal = (UsageError if value.usage else EdgenasError)(value.message)
            return []
        return [Done(task.job, value)]

    def _end_overdue(self) -> list[Done]:
        found = []
        for waitable, task in list(self._running.items()):
            limit = task.job.limit_seconds
            if limit is None or task.begun is None or time.monotonic() < task.begun + limit:
                continue
            # The driver may not have asked for a long time: a full disk pauses it, and not the trials.
            if self._ray.wait([waitable], timeout=0, fetch_local=False)[0]:
                continue
            self._end(waitable)
            reason = f"it took longer than its time limit of {limit:.0f} s and was ended"
            evaluation = Evaluation(seconds=self._spent(task), status="failed", reason=reason)
            found.append(Done(task.job, evaluation))
        return found

    def _end(self, waitable: Any) -> None:
        """Kills the worker process of a task; its end is nobody's news any more."""
        del self._running[waitable]
        self._ray.cancel(waitable, force=True)

    def _seconds_to_next_limit(self) -> float:
        ends = [
            task.begun + task.job.limit_seconds
            for task in self._running.values()
            if task.begun is not None and task.job.limit_seconds is not None
        ]
        return min([_LONGEST_WAIT_SECONDS, *(max(0.0, end - time.monotonic()) for end in ends)])

    def _look_at_nodes(self) -> None:
        self._nodes.look()
        if self._nodes.slots:
            self._last_seen = time.monotonic()
        elif time.monotonic() > self._last_seen + self._patience_seconds:
            raise EdgenasError(
                f"No node of the Ray cluster at {self._connection.address} could run a trial for "
                f"{self._patience_seconds:.0f} s. Finished trials are stored. Add nodes (ray start --address "
                "HOST:PORT), then go on with: edgenas search --resume RUN"
            )

    def _manner_of_loss(self, error: Exception, task: _Task) -> str:
        errors = self._ray.exceptions
        place = self._place(task)
        if isinstance(error, errors.NodeDiedError):
            return f"node {place} was lost"
        if isinstance(error, errors.WorkerCrashedError):
            return f"its worker process on node {place} was ended, as the system does when memory runs out"
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return f"Ray reports {type(error).__name__}: {lines[-1] if lines else 'without a reason'}"

    def _place(self, task: _Task) -> str:
        return "unknown" if task.where is None else self._nodes.name(task.where.node_id)

    @staticmethod
    def _spent(task: _Task) -> dict[str, float]:
        return {"total": 0.0 if task.begun is None else time.monotonic() - task.begun}


def _need(cpus: float, gpus: float, memory_mb: float | None) -> Need:
    for name, value, positive in (
        ("cpus_per_trial", cpus, True),
        ("gpus_per_trial", gpus, False),
        ("memory_mb", memory_mb or 0.0, False),
    ):
        if value < 0 or (positive and value == 0):
            expected = "more than 0" if positive else "0 or more"
            raise UsageError(f"Invalid value for {name}. Expected {expected}; got {value}.")
    return Need(cpus, gpus, int((memory_mb or 0.0) * _MIB))
