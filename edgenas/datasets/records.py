"""What every data set hands out: its description and its frames."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TASKS", "DatasetInfo", "Frame"]

TASKS = ("depth", "normals", "segmentation")
"""Every task that a data set can have, in the order that networks use."""

_NORMAL_LEVELS = 127.0


@dataclass(frozen=True)
class DatasetInfo:
    """What a data set holds.

    Attributes:
        name: short name, e.g. "rooms" or the archive's file name.
        height: rows of a frame.
        width: columns of a frame.
        tasks: the tasks it has targets for, in the order of `TASKS`.
        class_names: names of the segmentation classes; empty without segmentation.
        depth_unit: "m" (metric depth) or "1/m" (inverse depth).
        fingerprint: hash over the data and the split rule; both splits of one source have the same.
    """

    name: str
    height: int
    width: int
    tasks: tuple[str, ...]
    class_names: tuple[str, ...]
    depth_unit: str
    fingerprint: str

    @property
    def head_channels(self) -> dict[str, int]:
        """Output channels that a network needs per task."""
        channels = {"depth": 1, "normals": 3, "segmentation": len(self.class_names)}
        return {task: channels[task] for task in self.tasks}


@dataclass(frozen=True)
class Frame:
    """One picture and its targets; None where the data set lacks the task.

    Attributes:
        image: RGB, u8 [H, W, 3].
        segmentation: class index, u8 [H, W]; 255 is void.
        depth: f32 [H, W] in the data set's unit; 0 is invalid.
        normals: unit vectors, f32 [H, W, 3], x right, y up, z towards the camera; (0, 0, 0) is invalid.
    """

    image: NDArray[np.uint8]
    segmentation: NDArray[np.uint8] | None = None
    depth: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None

    def stored(self) -> dict[str, NDArray[Any]]:
        """The compact form in which frames are kept: depth as f16, normals as i8 = round(127 n)."""
        kept: dict[str, NDArray[Any]] = {"image": self.image}
        if self.segmentation is not None:
            kept["segmentation"] = self.segmentation
        if self.depth is not None:
            kept["depth"] = self.depth.astype(np.float16)
        if self.normals is not None:
            kept["normals"] = np.rint(self.normals * _NORMAL_LEVELS).astype(np.int8)
        return kept

    @classmethod
    def from_stored(cls, kept: dict[str, NDArray[Any]]) -> Frame:
        """The frame behind its compact form; normals get their unit length back."""
        return cls(
            **{
                field.name: decode(field.name, kept[field.name])
                for field in fields(cls)
                if field.name in kept
            }
        )


def decode(key: str, stored: NDArray[Any]) -> NDArray[Any]:
    """Turns one stored array (of one frame or of many) into what `Frame` promises."""
    if key == "depth":
        return stored.astype(np.float32)
    if key == "normals":
        vectors = stored.astype(np.float32)
        length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
        unit: NDArray[np.float32] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
        return unit
    return stored
