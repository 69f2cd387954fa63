"""Which tasks there are: those of the package and those that a user adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from edgenas.errors import UsageError, unknown_name
from edgenas.tasks.base import Task
from edgenas.tasks.check import check_task

__all__ = ["TASKS", "PerTask", "forget", "get_task", "ordered", "register_task", "registered"]

V = TypeVar("V", covariant=True)
_REGISTERED: dict[str, Task] = {}


class _Registry(Mapping[str, Task]):
    """Every task by its name, alphabetically: the order of a network's heads."""

    def __getitem__(self, name: str) -> Task:
        if name not in _REGISTERED and isinstance(name, str):
            _discover()
        return _REGISTERED[name]

    def __iter__(self) -> Iterator[str]:
        _discover()
        return iter(sorted(_REGISTERED))

    def __len__(self) -> int:
        _discover()
        return len(_REGISTERED)


TASKS: Mapping[str, Task] = _Registry()
"""Every task by its name, alphabetically: the order of a network's heads. It grows with `register_task`,
and knows the tasks of installed packages and of EDGENAS_TASKS, see `edgenas.tasks.plugins`."""


class PerTask(Mapping[str, V]):
    """Something that every task says of itself, by the task's name; it follows `TASKS`.

    Args:
        of: what is asked of a task.
    """

    def __init__(self, of: Callable[[Task], V]) -> None:
        self._of = of

    def __getitem__(self, name: str) -> V:
        return self._of(TASKS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(TASKS)

    def __len__(self) -> int:
        return len(TASKS)


def register_task(task: Task) -> None:
    """Adds a task; from then on it can be named wherever a task can.

    Raises:
        UsageError: another task has the name or the array key, or `task` lacks something.
    """
    check_task(task, _REGISTERED)
    _REGISTERED[task.name] = task


def registered() -> tuple[str, ...]:
    """Names of the tasks that are loaded now, in the order in which they came."""
    return tuple(_REGISTERED)


def forget(names: Iterable[str]) -> None:
    """Takes tasks out again, of a module that failed half-way."""
    for name in names:
        _REGISTERED.pop(name, None)


def get_task(name: str) -> Task:
    """The task called `name`, such as "depth".

    Raises:
        UsageError: no task has this name.
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS, "edgenas search --help")
    return TASKS[name]


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """The names once each, in the order of `TASKS`.

    Raises:
        UsageError: one is no task, or there is none.
    """
    found = tuple(sorted({get_task(name).name for name in names}))
    if not found:
        raise UsageError(f"No task given. Expected one or more of {', '.join(TASKS)}.")
    return found


def _discover() -> None:
    from edgenas.tasks.plugins import discover

    discover()
