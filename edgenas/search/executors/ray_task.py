"""What runs in a worker process of a Ray cluster: the evaluator, fetched once and kept from job to job."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.evaluation import Evaluation, Evaluator, describe, evaluate
from edgenas.search.executors.base import Job

__all__ = ["Refusal", "Started", "run_trial", "run_trial_at_once"]

_kept: dict[str, Evaluator] = {}


@dataclass(frozen=True)
class Started:
    """The first word of a trial.

    Attributes:
        process_id: worker process that runs it.
        node_id: node of the cluster that runs it.
    """

    process_id: int
    node_id: str


@dataclass(frozen=True)
class Refusal:
    """The last word of a trial after which no other can be evaluated.

    Attributes:
        message: why, for the user.
        usage: whether it is a `UsageError`.
    """

    message: str
    usage: bool = False


def run_trial(reference: list[Any], job: Job, threads: int) -> Iterator[Started | Refusal | Evaluation]:
    """Says that the trial has begun, and then how it ended. With Ray a generator is told of item by item.

    Args:
        reference: holds the reference of the evaluator in the object store. In a list Ray leaves it alone; else it
            would unpickle the evaluator anew for every job.
        job: what to evaluate.
        threads: threads that the numerical libraries may use.
    """
    import ray

    yield Started(os.getpid(), ray.get_runtime_context().get_node_id())
    yield _outcome(reference[0], job, threads)


def run_trial_at_once(reference: list[Any], job: Job, threads: int) -> Refusal | Evaluation:
    """`run_trial` without the first word; Ray Client knows no generators."""
    return _outcome(reference[0], job, threads)


def _outcome(reference: Any, job: Job, threads: int) -> Refusal | Evaluation:
    # Before the evaluator is unpickled, as that may import what reads them.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    evaluator = _evaluator(reference)
    if isinstance(evaluator, Refusal):
        return evaluator
    try:
        return evaluate(evaluator, job.architecture, job.seed, job.part)
    except EdgenasError as error:
        return Refusal(str(error), isinstance(error, UsageError))


def _evaluator(reference: Any) -> Evaluator | Refusal:
    """The evaluator behind a reference; big arrays in it stay in the node's object store, which is read in place."""
    import ray

    key = reference.hex()
    if key not in _kept:
        _kept.clear()
        try:
            _kept[key] = ray.get(reference)
        except ray.exceptions.RaySystemError as error:
            # So Ray wraps what goes wrong while it unpickles.
            return Refusal(f"The evaluator cannot be loaded on a node of the cluster: {describe(error)}")
    return _kept[key]
