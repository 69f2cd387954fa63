"""What runs in a worker process of this machine: the evaluator, kept from job to job."""

from __future__ import annotations

import os
import signal
import threading
import time

from edgenas.search.evaluation import Evaluation, Evaluator, evaluate
from edgenas.search.executors.base import Job

__all__ = ["run_job", "start_worker"]

_ORPHAN_CHECK_SECONDS = 0.5
_evaluators: list[Evaluator] = []


def start_worker(evaluator: Evaluator, threads: int | None, driver: int) -> None:
    """Prepares the process before its first job.

    Args:
        evaluator: evaluates the jobs.
        threads: threads that the numerical libraries may use, None for as many as they like.
        driver: process id of the search; the worker ends itself when that process is gone.
    """
    # Ctrl-C goes to the whole process group; the driver decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(driver,), daemon=True).start()
    if threads is not None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
            os.environ[name] = str(threads)
        os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    _evaluators[:] = [evaluator]


def run_job(job: Job) -> Evaluation:
    """Evaluates one job."""
    return evaluate(_evaluators[0], job.architecture, job.seed, job.part)


def _end_with(driver: int) -> None:
    # A killed search leaves nothing behind that goes on computing.
    while os.getppid() == driver:
        time.sleep(_ORPHAN_CHECK_SECONDS)
    os._exit(1)
