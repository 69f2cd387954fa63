"""Evaluations in worker processes of this machine, which may hang, run out of memory or be killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from edgenas.errors import EdgenasError, MissingDependencyError
from edgenas.search.evaluation import Evaluation, Evaluator
from edgenas.search.executors.base import Done, Job
from edgenas.search.executors.worker_process import run_job, start_worker

try:
    import pebble
except ImportError as error:
    raise MissingDependencyError("pebble", "search", "Searching with worker processes") from error

__all__ = ["LocalWorkers"]


class LocalWorkers:
    """A fixed number of worker processes, each of which evaluates one job at a time.

    Every worker is a pool of its own (`pebble.ProcessPool`): what ends one says nothing of the others. A worker that
    died is replaced; one whose job exceeds its time limit is killed and replaced.

    Args:
        evaluator: picklable; sent once to each worker.
        workers: number of processes; several share the cores of the machine evenly.
    """

    def __init__(self, evaluator: Evaluator, *, workers: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"`workers` must be at least 1. Received {workers}.")
        threads = None if workers == 1 else max(1, _cores() // workers)
        self._arguments = (evaluator, threads, os.getpid())
        self._idle: list[Any] = [self._new_pool() for _ in range(workers)]
        self._queue: deque[Job] = deque()
        self._running: dict[Future[Evaluation], tuple[Job, Any]] = {}
        self._refusal: EdgenasError | None = None
        self.capacity = workers

    def submit(self, job: Job) -> None:
        """Begins a job, or queues it while no worker is idle."""
        self._queue.append(job)
        self._start_queued()

    def wait(self) -> list[Done]:
        """Waits for at least one job; see `Executor.wait`."""
        found: list[Done] = []
        if self._refusal is None:
            ended, _ = wait(list(self._running), return_when=FIRST_COMPLETED)
            for future in ended:
                job, pool = self._running.pop(future)
                try:
                    found.append(self._outcome(future, job, pool))
                except EdgenasError as error:
                    self._refusal = error
        if self._refusal is not None and not found:
            raise self._refusal
        self._start_queued()
        return sorted(found, key=lambda done: done.job.number)

    def close(self) -> None:
        """Kills the workers."""
        self._queue.clear()
        pools = [*self._idle, *(pool for _, pool in self._running.values())]
        for pool in pools:
            pool.stop()
        for pool in pools:
            pool.join()
        self._idle, self._running = [], {}

    def _start_queued(self) -> None:
        while self._idle and self._queue:
            job, pool = self._queue.popleft(), self._idle.pop()
            with _without_interrupts():
                try:
                    future = pool.schedule(run_job, args=(job,), timeout=job.limit_seconds)
                except RuntimeError:  # its process died while it was idle
                    pool = self._new_pool()
                    future = pool.schedule(run_job, args=(job,), timeout=job.limit_seconds)
                self._running[future] = (job, pool)

    def _outcome(self, future: Future[Evaluation], job: Job, pool: Any) -> Done:
        self._idle.append(pool)  # whatever the outcome: `close` must find it
        try:
            return Done(job, future.result())
        except TimeoutError:
            seconds = float(job.limit_seconds or 0.0)
            reason = f"it took longer than its time limit of {seconds:g} s and was ended"
            return Done(job, Evaluation(seconds={"total": seconds}, status="failed", reason=reason))
        except (pebble.ProcessExpired, BrokenProcessPool) as error:
            self._idle.remove(pool)
            pool.stop()
            pool.join()
            self._idle.append(self._new_pool())
            return Done(job, None, _manner_of_death(error))

    def _new_pool(self) -> Any:
        # A forked TensorFlow does not work, hence fresh interpreters.
        return pebble.ProcessPool(
            max_workers=1,
            initializer=start_worker,
            initargs=self._arguments,
            context=multiprocessing.get_context("spawn"),
        )


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes and threads begun inside never see Ctrl-C, not even while their interpreter starts.

    It goes to the whole process group, and a worker that is still importing would answer it with a traceback.
    """
    # Started by itself, the tracker of `multiprocessing` would undo the mask.
    multiprocessing.resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _manner_of_death(error: Exception) -> str:
    code = getattr(error, "exitcode", None)
    if code is None:
        return "its worker process ended without a word"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return f"its worker process was ended by {name}{hint}"
    return f"its worker process ended with code {code}"
