"""Opens the data that a run names, and remembers how, so that every later station opens the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgenas.datasets import Dataset, load_dataset
from edgenas.errors import UsageError
from edgenas.tasks.plugins import modules_of, restore

__all__ = ["DataRequest", "OpenData"]


@dataclass(frozen=True)
class DataRequest:
    """Which data to open.

    Attributes:
        source: "rooms", "streets" or the path of data on disk, see `load_dataset`.
        tasks: tasks to learn; None for all that the data have.
        height: rows of procedural frames or of resized ones; None for the default.
        width: columns, likewise; None for the default.
        frames: number of training frames; None for the default.
        validation_frames: number of validation frames; None for the default.
    """

    source: str = "rooms"
    tasks: tuple[str, ...] | None = None
    height: int | None = None
    width: int | None = None
    frames: int | None = None
    validation_frames: int | None = None

    def open(self) -> OpenData:
        """Opens both splits.

        Raises:
            UsageError: the source, a task or the size does not exist.
        """
        return OpenData(
            self, self.split("train", self.frames), self.split("validation", self.validation_frames)
        )

    def split(self, name: str, frames: int | None = None) -> Dataset:
        """Opens one split, e.g. "test", in the size and with the tasks of the others.

        Raises:
            UsageError: as `open`, or there is no such split.
        """
        return load_dataset(
            self.source, name, tasks=self.tasks, height=self.height, width=self.width, frames=frames
        )


@dataclass(frozen=True)
class OpenData:
    """Both splits of the data.

    Attributes:
        request: how they were opened.
        train: frames to learn from.
        validation: frames to score on.
    """

    request: DataRequest
    train: Dataset
    validation: Dataset

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks that are learned, in the order of the heads."""
        return tuple(sorted(self.train.info.tasks))

    def describe(self) -> dict[str, Any]:
        """What the run configuration keeps."""
        info = self.train.info
        return {
            "source": self.request.source,
            "fingerprint": info.fingerprint,
            "validation_fingerprint": self.validation.info.fingerprint,
            "height": info.height,
            "width": info.width,
            "class_names": list(info.class_names),
            "depth_unit": info.depth_unit,
            "tasks": list(self.tasks),
            "train_frames": len(self.train),
            "validation_frames": len(self.validation),
            # Only where a user added tasks: runs of earlier versions have no such key.
            **({"task_modules": modules} if (modules := modules_of(self.tasks)) else {}),
        }

    @classmethod
    def reopen(cls, stored: Mapping[str, Any]) -> OpenData:
        """Opens the data that `describe` describes.

        Raises:
            UsageError: they are gone, or are not the same any more.
        """
        try:
            request = DataRequest(
                source=str(stored["source"]),
                tasks=tuple(stored["tasks"]),
                height=int(stored["height"]),
                width=int(stored["width"]),
                frames=int(stored["train_frames"]),
                validation_frames=int(stored["validation_frames"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"The run's description of its data is damaged: {error!r}.") from error
        restore(stored.get("task_modules") or {})
        data = request.open()
        if data.train.info.fingerprint != stored.get("fingerprint"):
            raise UsageError(
                f"The data {request.source} are not those of the run: fingerprint {data.train.info.fingerprint}, "
                f"expected {stored.get('fingerprint')}. Restore the data, or start a new run."
            )
        return data
