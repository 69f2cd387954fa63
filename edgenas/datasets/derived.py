"""Truth that a task computes from that of others, for data sets that hold only those."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset
from edgenas.errors import UsageError, unknown_name
from edgenas.tasks import get_task

__all__ = ["DerivedDataset", "open_with_derived", "with_derived"]


class DerivedDataset(Dataset):
    """Another data set, with truth that tasks derive frame by frame (`Task.derive`).

    Args:
        source: the data set behind it.
        tasks: the tasks wanted; those that `source` lacks are derived.
    """

    def __init__(self, source: Dataset, tasks: Sequence[str]) -> None:
        self._source = source
        self._derived = tuple(task for task in tasks if task not in source.info.tasks)
        named = f"{source.info.fingerprint} derives {' '.join(self._derived)}"
        fingerprint = hashlib.sha256(named.encode()).hexdigest()[:16]
        super().__init__(
            replace(source.info, tasks=tuple(sorted(tasks)), fingerprint=fingerprint), len(source)
        )

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        kept = self._source.stored_batch([index])
        return {key: array[0] for key, array in self._with_derived(kept).items()}

    def _stored_batch(self, indices: NDArray[np.int64], keys: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        whole = self._with_derived(self._source.stored_batch(indices))
        return {key: whole[key] for key in keys}

    def _stored_frames(self, start: int) -> Iterator[dict[str, NDArray[Any]]]:
        for kept in self._source.stored_frames(start):
            stacked = {key: array[None] for key, array in kept.items()}
            yield {key: array[0] for key, array in self._with_derived(stacked).items()}

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        return self._with_derived(self._source.stored_arrays())

    def _with_derived(self, kept: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        whole = dict(kept)
        for name in self._derived:
            task = get_task(name)
            derived = task.derive({source: kept[source] for source in task.derived_from})
            form = (*kept["image"].shape[:3], *((task.target.channels,) if task.target.channels else ()))
            if (
                not isinstance(derived, np.ndarray)
                or derived.shape != form
                or derived.dtype != task.target.dtype
            ):
                got = (
                    f"{derived.dtype} {derived.shape}"
                    if isinstance(derived, np.ndarray)
                    else repr(type(derived))
                )
                raise UsageError(
                    f"{type(task).__name__}.derive: expected {task.target.dtype} {form}. Received {got}."
                )
            whole[name] = derived
        return whole


def open_with_derived(open_tasks: Callable[[Sequence[str] | None], Dataset], tasks: Sequence[str]) -> Dataset:
    """A data set with `tasks`, of which it derives what it lacks and can.

    Args:
        open_tasks: opens it with the tasks named, or with all that it has for None.
        tasks: what is wanted.

    Raises:
        UsageError: it has neither the truth of a task nor that from which it could be derived.
    """
    available = open_tasks(None).info
    lacking = [task for task in tasks if task not in available.tasks]
    needed = {task for task in tasks if task in available.tasks}
    for task in lacking:
        sources = get_task(task).derived_from
        if not sources or not set(sources) <= set(available.tasks):
            wanted = (
                f" It could be derived from {', '.join(sources)}, which is not there either."
                if sources
                else ""
            )
            error = unknown_name(f"task of {available.name}", task, available.tasks)
            raise UsageError(f"{error}{wanted}")
        needed |= set(sources)
    if not lacking:
        return open_tasks(tasks)
    return DerivedDataset(open_tasks(sorted(needed)), tasks)


def with_derived(dataset: Dataset, tasks: Sequence[str]) -> Dataset:
    """The data set with those of `tasks` that it lacks and that can be derived from what it has."""
    has = set(dataset.info.tasks)
    added = [
        task for task in tasks
        if task not in has and (sources := get_task(task).derived_from) and set(sources) <= has
    ]  # fmt: skip
    return DerivedDataset(dataset, [*has, *added]) if added else dataset
