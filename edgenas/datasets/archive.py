"""Array archives: an .npz file with pictures and targets, checked before use.

Layout, arrays of N frames: `image` u8 [N,H,W,3] RGB; `seg<K>` u8 [N,H,W], 0..K-1 and 255 void; `depth` float
[N,H,W] metres, 0 invalid; `normal` i8 [N,H,W,3] = round(127 n), (0,0,0) invalid; and the array of any further task
under the key of its target. Only `image` must be there. `class_names`, text [K], names the classes of `seg<K>`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import dataset as dataset_module
from edgenas.datasets.archive_file import ArchiveFile
from edgenas.datasets.classes import class_names_for
from edgenas.datasets.dataset import Dataset, evenly_spread
from edgenas.datasets.records import DatasetInfo
from edgenas.errors import UsageError, unknown_name
from edgenas.tasks import TASKS, Target

__all__ = ["VALIDATION_EVERY", "ArchiveDataset"]

VALIDATION_EVERY = 8
"""Frame i validates when i % 8 == 0, and trains otherwise."""

_CLASS_NAMES = "class_names"
_CHUNK_FRAMES = 8
_IMAGE = Target(key="picture", dtype="uint8", channels=3)


class ArchiveDataset(Dataset):
    """One split of an .npz archive.

    Args:
        source: path of the archive, with `#seg40` or the like at its end to choose the labels.
        split: "train", "validation" or "all".
        tasks: which targets; all that the archive has when None.
        height: rows that are expected, or None.
        width: columns that are expected, or None.
        frames: use so many frames of the split, evenly spread; all when None.

    An archive whose arrays are larger than `IN_MEMORY_BYTES` is not loaded: its frames can be read in order only, by
    `stored_frames`. `load_dataset` converts such a one once, see `edgenas.datasets.large_archive`.

    Attributes:
        large: whether that is so.

    Raises:
        UsageError: the file is missing, damaged or not of this layout, or lacks what was asked for.
    """

    def __init__(
        self,
        source: str,
        split: str,
        *,
        tasks: tuple[str, ...] | None = None,
        height: int | None = None,
        width: int | None = None,
        frames: int | None = None,
    ) -> None:
        name, _, wanted_labels = source.partition("#")
        path = Path(name)
        file = ArchiveFile(path)
        keys = _task_keys(file, wanted_labels)
        available = tuple(task for task in TASKS if task in keys)
        for task in tasks or ():
            if task not in available:
                raise unknown_name(f"task of {path}", task, available)
        chosen = available if tasks is None else tuple(task for task in TASKS if task in tasks)
        if not chosen:
            raise UsageError(
                f"{path}: no targets. Expected one of {_targets()} beside image; got {file.keys}."
            )
        count, rows, columns = _checked_shapes(file, keys)
        for side, expected, got in (("height", height, rows), ("width", width, columns)):
            if expected is not None and expected != got:
                raise UsageError(
                    f"{path}: frames of {rows}x{columns}, but {side} {expected} was asked for. "
                    f"An archive keeps its own size: leave --{side} out or give {got}."
                )
        position = np.arange(count)
        validates = position % VALIDATION_EVERY == 0
        chosen_frames = {"train": ~validates, "validation": validates}
        self._index = position[chosen_frames[split]] if split in chosen_frames else position
        if frames == len(self._index):
            frames = None  # all there are, whether asked for or not: the same data, the same fingerprint
        if frames is not None and frames <= len(self._index):
            self._index = self._index[evenly_spread(frames, len(self._index))]
        elif frames is not None or not len(self._index):
            raise UsageError(
                f"{path}: the {split} split has {len(self._index)} of {count} frames (frames with i % "
                f"{VALIDATION_EVERY} == 0 validate), expected at least {frames or 1}."
            )
        stat = path.stat()
        wanted = tuple((task, keys[task]) for task in ("image", *chosen))
        self._file, self._keys = file, wanted
        self.large = sum(file.size(key) for _, key in wanted) > dataset_module.IN_MEMORY_BYTES
        self._arrays = {} if self.large else _load(path.resolve(), stat.st_mtime_ns, stat.st_size, wanted)
        labels = keys.get("segmentation", "seg0")
        rule = f"{file.checksums} {labels} i%{VALIDATION_EVERY}==0 frames {frames}"
        info = DatasetInfo(
            name=path.stem,
            height=rows,
            width=columns,
            tasks=chosen,
            class_names=_class_names(file, labels),
            depth_unit="m",
            fingerprint=hashlib.sha256(rule.encode()).hexdigest()[:16],
        )
        super().__init__(info, len(self._index))

    def stored_form(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of "image" and of each task, from the headers."""
        headers = {task: self._file.header(key) for task, key in self._keys}
        return {task: (shape[1:], dtype) for task, (shape, dtype) in headers.items()}

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        if self.large:
            return next(self._stored_frames(index))
        return {key: array[self._index[index]] for key, array in self._arrays.items()}

    def _stored_frames(self, start: int) -> Iterator[dict[str, NDArray[Any]]]:
        if not self.large:
            yield from (self._stored_frame(index) for index in range(start, len(self)))
            return
        wanted = set(self._index[start:].tolist())
        position = 0
        for chunk in zip(*(self._file.chunks(key, _CHUNK_FRAMES) for _, key in self._keys), strict=True):
            for (task, key), array in zip(self._keys, chunk, strict=True):
                _check_values(self._file.path, task, key, array, position)
            for row in range(len(chunk[0])):
                if position in wanted:
                    yield {task: array[row] for (task, _), array in zip(self._keys, chunk, strict=True)}
                position += 1

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        if self.large:
            raise UsageError(
                f"{self._file.path}: too large for the memory. Prepare it once, so that it is streamed: edgenas data "
                f"prepare {self._file.path} --out FOLDER"
            )
        return {key: array[self._index] for key, array in self._arrays.items()}


def _class_names(file: ArchiveFile, labels: str) -> tuple[str, ...]:
    """Names of the classes of a label set: those of the archive, else the usual ones of so many classes."""
    usual = class_names_for(int(labels[3:]))
    if _CLASS_NAMES not in file.keys:
        return usual
    found = file.read(_CLASS_NAMES)
    sizes = [int(key[3:]) for key in file.keys if re.fullmatch(r"seg[1-9]\d*", key)]
    names = tuple(str(name).strip() for name in found.ravel()) if found.dtype.kind == "U" else ()
    if found.ndim != 1 or not all(names) or len(set(names)) != len(names) or len(names) not in sizes:
        raise UsageError(
            f"{file.path}: key '{_CLASS_NAMES}' holds {found.dtype} {list(found.shape)}. Expected "
            f"{' or '.join(map(str, sizes)) or 'no'} different names, a NumPy array of text: one for each class of a "
            "label set, in the order of the labels."
        )
    return names if len(names) == len(usual) else usual


def _task_keys(file: ArchiveFile, wanted_labels: str) -> dict[str, str]:
    """Which key of the archive holds the image and each task."""
    if "image" not in file.keys:
        raise UsageError(
            f"{file.path}: key 'image' is missing. Expected image, and {_targets()}; got {file.keys}."
        )
    keys = {"image": "image"}
    for name, task in TASKS.items():
        try:
            key = task.target.find_key(file.keys, wanted_labels)
        except UsageError as error:
            raise UsageError(f"{file.path}: {error}") from error
        if key is not None:
            keys[name] = key
    return keys


def _checked_shapes(file: ArchiveFile, keys: dict[str, str]) -> tuple[int, int, int]:
    """Checks every header; returns (frames, rows, columns)."""
    first: tuple[int, ...] = ()
    for task, key in keys.items():
        shape, dtype = file.header(key)
        target = _IMAGE if task == "image" else TASKS[task].target
        allowed = (target.dtype, *target.accepted)
        if dtype.name not in allowed:
            raise UsageError(f"{file.path}: key '{key}' has dtype {dtype}, expected {' or '.join(allowed)}.")
        channels = (target.channels,) if target.channels else ()
        if len(shape) != 3 + len(channels) or shape[3:] != channels or 0 in shape[1:]:
            form = f"[N, H, W, {target.channels}]" if channels else "[N, H, W]"
            raise UsageError(f"{file.path}: key '{key}' has shape {shape}, expected {form}.")
        first = first or shape[:3]
        if shape[:3] != first:
            raise UsageError(
                f"{file.path}: key '{key}' has shape {shape}, but 'image' has {first[0]} frames of "
                f"{first[1]}x{first[2]}. Expected the same number and size."
            )
    return first[0], first[1], first[2]


@lru_cache(maxsize=2)
def _load(
    path: Path, _mtime_ns: int, _size: int, wanted: tuple[tuple[str, str], ...]
) -> dict[str, NDArray[Any]]:
    """Reads and checks the arrays once for both splits; time and size of the file are part of the key."""
    file = ArchiveFile(path)
    arrays = {task: file.read(key) for task, key in wanted}
    for task, key in wanted:
        _check_values(path, task, key, arrays[task])
    return arrays


def _check_values(path: Path, task: str, key: str, array: NDArray[Any], start: int = 0) -> None:
    """Refuses values that would train nonsense, naming the first frame that has one."""
    found = None if task == "image" else TASKS[task].target.wrong(array, key)
    if found is None:
        return
    wrong, expected = found
    if wrong.any():
        place = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise UsageError(
            f"{path}: key '{key}' holds {array[place]} at [frame, row, column] = {[start + place[0], *place[1:]]} "
            f"({int(wrong.sum())} such pixels). Expected {expected}."
        )


def _targets() -> str:
    """The keys that an archive may have, in words."""
    keys = {task.target.key: task.name for task in TASKS.values()}
    return ", ".join("seg<K>" if name == "segmentation" else key for key, name in keys.items())
