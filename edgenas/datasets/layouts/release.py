"""`Release`: the frames of one part of a release, as they are stored."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgenas.datasets.layouts.probe import probe_files
from edgenas.errors import UsageError

__all__ = ["Channel", "FileRelease", "FrameFiles", "Release"]


class Release(ABC):
    """One part of a release.

    Attributes:
        name: short name of the data.
        tasks: the tasks that it has targets for.
        class_names: names of the segmentation classes; empty without labels.
        depth_unit: "m" or "1/m".
    """

    name: str
    tasks: tuple[str, ...]
    class_names: tuple[str, ...]
    depth_unit: str

    @abstractmethod
    def __len__(self) -> int:
        """Frames, broken ones among them."""

    @abstractmethod
    def frame_name(self, position: int) -> str:
        """What the release calls the frame."""

    @abstractmethod
    def read(self, position: int, key: str) -> NDArray[Any]:
        """`image` or the target of a task in compact form (see `Dataset.stored_arrays`), in the release's own size.

        Raises:
            UsageError: a file is missing, damaged or holds impossible values; the text names it.
        """

    def files(self, position: int) -> Mapping[str, Path]:
        """The files of a frame by kind, where it has files of its own; those of other label sets among them."""
        del position
        return {}

    @abstractmethod
    def faults(self, keys: Sequence[str]) -> dict[int, str]:
        """Frames that cannot be whole, by position, with the reason; a quick look that decodes nothing."""

    @abstractmethod
    def digest(self) -> str:
        """A hash over names, sizes and samples of all files, so that other data have another one."""


@dataclass(frozen=True)
class FrameFiles:
    """The files of a frame.

    Attributes:
        name: what the release calls the frame.
        files: path by kind, e.g. "image", "segmentation", "camera".
    """

    name: str
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Channel:
    """How the image or a target is read.

    Attributes:
        needs: kinds of files that it is read from; errors name the first.
        read: makes the compact array of the files of a frame; raises ValueError for impossible values.
    """

    needs: tuple[str, ...]
    read: Callable[[Mapping[str, Path]], NDArray[Any]]


class FileRelease(Release):
    """Frames that have files of their own.

    Args:
        name: short name of the data.
        frames: files of every frame, in the order of the release.
        channels: "image" and one channel per task.
        class_names: names of the segmentation classes.
        depth_unit: "m" or "1/m".
    """

    def __init__(
        self,
        name: str,
        frames: Sequence[FrameFiles],
        channels: Mapping[str, Channel],
        *,
        class_names: tuple[str, ...] = (),
        depth_unit: str = "m",
    ) -> None:
        self.name = name
        self.tasks = tuple(sorted(key for key in channels if key != "image"))
        self.class_names = class_names if "segmentation" in channels else ()
        self.depth_unit = depth_unit
        self._frames = list(frames)
        self._channels = dict(channels)

    def __len__(self) -> int:
        """Frames."""
        return len(self._frames)

    def frame_name(self, position: int) -> str:
        """The name that its files share."""
        return self._frames[position].name

    def files(self, position: int) -> Mapping[str, Path]:
        """The files of the frame."""
        return self._frames[position].files

    def read(self, position: int, key: str) -> NDArray[Any]:
        """Decodes the files of one frame."""
        channel, files = self._channels[key], self._frames[position].files
        try:
            return channel.read(files)
        except ValueError as error:
            raise UsageError(f"{files[channel.needs[0]]}: {error}.") from error

    def faults(self, keys: Sequence[str]) -> dict[int, str]:
        """Files that are missing, empty or cut short."""
        kinds = tuple(dict.fromkeys(kind for key in keys for kind in self._channels[key].needs))
        probes = probe_files(f.files[kind] for f in self._frames for kind in kinds if kind in f.files)
        found = {}
        for position, frame in enumerate(self._frames):
            for kind in kinds:
                path = frame.files.get(kind)
                probe = None if path is None else probes[path]
                if probe is None:
                    found[position] = f"{frame.name} has no {kind} file" + (f" ({path})" if path else "")
                elif probe.fault:
                    found[position] = f"{path}: {probe.fault}"
                else:
                    continue
                break
        return found

    def digest(self) -> str:
        """Over name, kind, size and a checksum of samples of every file (see `Probe`)."""
        probes = probe_files(path for frame in self._frames for path in frame.files.values())
        whole = hashlib.sha256()
        for frame in self._frames:
            for kind, path in sorted(frame.files.items()):
                probe = probes[path]
                seen = (probe.bytes, probe.checksum) if probe else ()
                whole.update(f"{frame.name} {kind} {seen}\n".encode())
        return whole.hexdigest()
