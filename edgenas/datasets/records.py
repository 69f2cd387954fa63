"""What every data set hands out: its description and its frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import class_names_for
from edgenas.tasks import get_task

__all__ = ["TASKS", "DatasetInfo", "Frame", "head_channels_for"]

TASKS = ("depth", "normals", "segmentation")
"""The tasks of the paper, in the order that networks use. A data set may hold any of `edgenas.tasks.TASKS`."""


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set holds.

    Attributes:
        name: short name, e.g. "rooms" or the archive's file name.
        height: rows of a frame.
        width: columns of a frame.
        tasks: the tasks it has targets for, alphabetically.
        class_names: names of the segmentation classes; empty without segmentation.
        depth_unit: "m" (metric depth) or "1/m" (inverse depth).
        fingerprint: hash over the data and the split rule; both splits of one source have the same.
        class_weights: weight of each class in the cross-entropy; empty where all count alike. A training that
            balances classes sets them (`edgenas.training.class_balance`), no data set does.
    """

    name: str
    height: int
    width: int
    tasks: tuple[str, ...]
    class_names: tuple[str, ...]
    depth_unit: str
    fingerprint: str
    class_weights: tuple[float, ...] = ()

    @property
    def head_channels(self) -> dict[str, int]:
        """Output channels that a network needs per task."""
        return {task: get_task(task).output_channels(self) for task in self.tasks}


def head_channels_for(tasks: Iterable[str], classes: int) -> dict[str, int]:
    """Output channels of networks for which no data are at hand.

    Args:
        tasks: names of the tasks.
        classes: number of segmentation classes.
    """
    return DatasetInfo("", 0, 0, tuple(tasks), class_names_for(classes), "m", "").head_channels


class Frame:
    """One picture and its targets.

    Args:
        image: see the attribute.
        targets: the truth of each task, in the form of its `Target.decode`; None leaves a task out.

    Attributes:
        image: RGB, u8 [H, W, 3].
        targets: truth by task, as far as the data set has it. Segmentation is u8 [H, W], 255 void; depth f32 [H, W] in
            the data set's unit, 0 invalid; normals are unit vectors f32 [H, W, 3], x right, y up, z towards the
            camera, (0, 0, 0) invalid.
    """

    def __init__(self, image: NDArray[np.uint8], **targets: NDArray[Any] | None) -> None:
        self.image = image
        self.targets: Mapping[str, NDArray[Any]] = {
            task: truth for task, truth in targets.items() if truth is not None
        }

    @property
    def segmentation(self) -> NDArray[np.uint8] | None:
        """Class index; None where the data set lacks the task."""
        return self.targets.get("segmentation")

    @property
    def depth(self) -> NDArray[np.float32] | None:
        """Depth; None where the data set lacks the task."""
        return self.targets.get("depth")

    @property
    def normals(self) -> NDArray[np.float32] | None:
        """Unit vectors; None where the data set lacks the task."""
        return self.targets.get("normals")

    def stored(self) -> dict[str, NDArray[Any]]:
        """The compact form in which frames are kept, see `Target.encode`."""
        return {"image": self.image} | {
            task: get_task(task).target.encode(truth) for task, truth in self.targets.items()
        }

    @classmethod
    def from_stored(cls, kept: Mapping[str, NDArray[Any]]) -> Frame:
        """The frame behind its compact form."""
        return cls(**{key: decode(key, stored) for key, stored in kept.items()})


def decode(key: str, stored: NDArray[Any]) -> NDArray[Any]:
    """Turns one stored array (of one frame or of many) into what `Frame` promises; "image" stays as it is."""
    return stored if key == "image" else get_task(key).target.decode(stored)
