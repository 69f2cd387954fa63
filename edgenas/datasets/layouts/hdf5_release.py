"""Frames inside one HDF5 file, read slice by slice."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.layouts.release import Release
from edgenas.errors import MissingDependencyError, UsageError

__all__ = ["Hdf5Release", "StoredArray", "open_hdf5"]

_SAMPLES, _SAMPLE_BYTES = 64, 4096


@dataclass(frozen=True)
class StoredArray:
    """How the image or a target is read.

    Attributes:
        key: array in the file, frames first.
        convert: makes the compact array of one frame's slice; raises ValueError for impossible values.
    """

    key: str
    convert: Callable[[NDArray[Any]], NDArray[Any]]


class Hdf5Release(Release):
    """Some frames of an HDF5 file.

    Args:
        path: the file.
        index: which frames, positions in the file from 0.
        arrays: "image" and one array per task.
        name: short name of the data.
        class_names: names of the segmentation classes.
        choices: what else the frames depend on, part of `digest`.
    """

    depth_unit = "m"

    def __init__(
        self,
        path: Path,
        index: Sequence[int],
        arrays: Mapping[str, StoredArray],
        *,
        name: str,
        class_names: tuple[str, ...],
        choices: str = "",
    ) -> None:
        self.name = name
        self.tasks = tuple(sorted(key for key in arrays if key != "image"))
        self.class_names = class_names
        self._path = path
        self._index = [int(number) for number in index]
        self._arrays = dict(arrays)
        self._choices = choices
        self._file: tuple[int, Any] | None = None

    def __len__(self) -> int:
        """Frames of this part."""
        return len(self._index)

    def frame_name(self, position: int) -> str:
        """The frame's position in the file, from 0, as AdaShare names its files."""
        return f"{self._index[position]:04d}"

    def read(self, position: int, key: str) -> NDArray[Any]:
        """Reads one slice of the file."""
        array, number = self._arrays[key], self._index[position]
        try:
            stored = np.asarray(self._open()[array.key][number])
        except (OSError, KeyError, RuntimeError, ValueError, IndexError) as error:
            raise UsageError(f"{self._path}: {array.key}[{number}] cannot be read: {error}.") from error
        try:
            return array.convert(stored)
        except ValueError as error:
            raise UsageError(f"{self._path}: {array.key}[{number}]: {error}.") from error

    def faults(self, keys: Sequence[str]) -> dict[int, str]:
        """None: HDF5 itself refuses a file that was cut short."""
        del keys
        return {}

    def digest(self) -> str:
        """Over the file's size and 64 samples of 4 KiB spread over it, and which frames are taken."""
        size, seen = self._path.stat().st_size, 0
        with self._path.open("rb") as file:
            for place in np.linspace(0, max(0, size - _SAMPLE_BYTES), _SAMPLES).astype(np.int64):
                file.seek(int(place))
                seen = zlib.crc32(file.read(_SAMPLE_BYTES), seen)
        return hashlib.sha256(f"{size} {seen} {self._index} {self._choices}".encode()).hexdigest()

    def _open(self) -> Any:
        # A handle must not be shared with a process that was forked.
        if self._file is None or self._file[0] != os.getpid():
            self._file = (os.getpid(), open_hdf5(self._path))
        return self._file[1]

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the file for itself."""
        return {**self.__dict__, "_file": None}


def open_hdf5(path: Path) -> Any:
    """Opens an HDF5 file for reading.

    Raises:
        UsageError: it is missing, cut short or no HDF5 file.
        MissingDependencyError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingDependencyError("h5py", "layouts", f"Reading {path.name}") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise UsageError(f"{path} cannot be read as an HDF5 file: {error}. Was it cut short?") from error
