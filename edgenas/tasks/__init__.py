"""The dense-prediction tasks: losses, exact metrics, decoding of network outputs and pictures.

Importable without TensorFlow: only `Task.loss_terms` needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgenas.errors import unknown_name
from edgenas.tasks.base import Accumulator, NonFiniteOutputError, Task, TaskInfo
from edgenas.tasks.depth import Depth
from edgenas.tasks.normals import Normals
from edgenas.tasks.segmentation import Segmentation

__all__ = ["TASKS", "Accumulator", "NonFiniteOutputError", "Task", "TaskInfo", "get_task"]

TASKS: Mapping[str, Task] = MappingProxyType(
    {task.name: task for task in (Depth(), Normals(), Segmentation())}
)
"""Every task by its name, alphabetically."""


def get_task(name: str) -> Task:
    """The task called `name`: "depth", "normals" or "segmentation".

    Raises:
        UsageError: no task has this name.
    """
    if name not in TASKS:
        raise unknown_name("task", name, TASKS, "edgenas search --help")
    return TASKS[name]
