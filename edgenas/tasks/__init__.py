"""The dense-prediction tasks: truth, losses, exact metrics, decoding of network outputs and pictures.

Importable without TensorFlow: only losses and the tensors of a `Target` need it.
"""

from __future__ import annotations

from edgenas.tasks.base import Accumulator, NonFiniteOutputError, Task, TaskInfo
from edgenas.tasks.depth import Depth
from edgenas.tasks.normals import Normals
from edgenas.tasks.registry import TASKS, get_task, register_task
from edgenas.tasks.segmentation import Segmentation
from edgenas.tasks.target import Target

__all__ = [
    "TASKS",
    "Accumulator",
    "NonFiniteOutputError",
    "Target",
    "Task",
    "TaskInfo",
    "get_task",
    "register_task",
]

for _task in (Depth(), Normals(), Segmentation()):
    register_task(_task)
