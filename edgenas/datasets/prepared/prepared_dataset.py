"""`PreparedDataset`: one split of a prepared folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.archive import VALIDATION_EVERY
from edgenas.datasets.dataset import Dataset, evenly_spread
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.prepared.index import PreparedIndex, PreparedSplit
from edgenas.datasets.prepared.shards import header_of, read_record, record_dtype
from edgenas.errors import UsageError, unknown_name

__all__ = ["PreparedDataset"]


class PreparedDataset(Dataset):
    """Frames that `edgenas data prepare` wrote, the same as those of its source, bit for bit.

    Opening it checks that every shard is there with its size; a frame's checksum is checked whenever it is read.

    Args:
        folder: the folder.
        split: "train", "validation", or as far as the source had them "test" and "all".
        options: tasks, number of frames; a size must be that of the folder.

    Raises:
        UsageError: the folder is unfinished or damaged, or lacks what was asked for.
    """

    def __init__(self, folder: Path, split: str, options: OpenOptions | None = None) -> None:
        options = options or OpenOptions()
        index = PreparedIndex.load(folder)
        parts = _parts(folder, index, split)
        first = parts[0]
        _check_files(folder, parts)
        info = first.info
        for task in options.tasks or ():
            if task not in info.tasks:
                raise unknown_name(f"task of {folder}", task, info.tasks)
        for side, asked, got in (
            ("height", options.height, info.height),
            ("width", options.width, info.width),
        ):
            if asked is not None and asked != got:
                raise UsageError(
                    f"{folder}: frames of {info.height}x{info.width}, but {side} {asked} was asked for. Leave --{side} "
                    f"out, or prepare {index.source or 'the source'} again with --{side} {asked}."
                )
        if options.labels or options.settings:
            given = ", ".join(filter(None, [options.labels, *options.settings]))
            raise UsageError(
                f"{folder}: labels and settings were chosen when it was prepared. Received {given}. Leave them out, "
                f"or prepare {index.source or 'the source'} again with them."
            )
        self._folder, self._parts = folder.resolve(), parts
        places = _places(parts)
        frames = None if options.frames == len(places) else options.frames
        if frames is not None and frames > len(places):
            raise UsageError(
                f"{folder}: the {split} split has {len(places)} frames, expected at least {frames}."
            )
        fingerprint = info.fingerprint
        if frames is not None:
            places = places[evenly_spread(frames, len(places))]
            fingerprint = hashlib.sha256(f"{fingerprint} frames {frames}".encode()).hexdigest()[:16]
        self._places = places
        tasks = info.tasks if options.tasks is None else options.tasks
        super().__init__(
            replace(info, tasks=tuple(sorted(tasks)), fingerprint=fingerprint),
            len(places),
        )

    def stored_form(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of "image" and of each task, from the index."""
        return {key: self._parts[0].form[key] for key in ("image", *self.info.tasks)}

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        batch = self._stored_batch(np.array([index]), ("image", *self.info.tasks))
        return {key: array[0] for key, array in batch.items()}

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        return self._stored_batch(np.arange(len(self)), ("image", *self.info.tasks))

    def _stored_batch(self, indices: NDArray[np.int64], keys: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        form = self._parts[0].form
        batch = {key: np.empty((len(indices), *form[key][0]), form[key][1]) for key in keys}
        for row, (part, frame) in enumerate(self._places[indices]):
            split = self._parts[part]
            number, record = divmod(int(frame), split.frames_per_shard)
            name, frames = split.shards[number]
            offset = len(header_of(form, frames)) + record * record_dtype(form).itemsize
            read_record(self._folder / name, form, offset, {key: array[row] for key, array in batch.items()})
        return batch


def _parts(folder: Path, index: PreparedIndex, split: str) -> list[PreparedSplit]:
    """The stored splits that make up `split`; of two, the second has the frames that validate."""
    if split not in index.counts:
        raise UsageError(f"{folder} has no {split} split. Expected one of {', '.join(index.counts)}.")
    return [index.splits[name] for name in (index.every_parts if split == "all" else [split])]


def _places(parts: list[PreparedSplit]) -> NDArray[np.int64]:
    """Where each frame is: [N, 2] of (which part, which frame of it)."""
    if len(parts) == 1:
        return np.stack([np.zeros(parts[0].frames, np.int64), np.arange(parts[0].frames)], axis=1)
    position = np.arange(sum(part.frames for part in parts))
    validates = position % VALIDATION_EVERY == 0
    return np.stack(
        [validates, np.where(validates, position // VALIDATION_EVERY, np.cumsum(~validates) - 1)], axis=1
    ).astype(np.int64)


def _check_files(folder: Path, parts: list[PreparedSplit]) -> None:
    wrong = []
    for part in parts:
        for name, frames in part.shards:
            path = folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != part.shard_bytes(frames):
                found = "is missing" if size is None else f"has {size} bytes"
                wrong.append(f"{name} {found}, expected {part.shard_bytes(frames)} bytes")
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UsageError(
            f"{folder} is damaged: {'; '.join(wrong[:3])}{more}. Run the `edgenas data prepare` that made it again; it "
            "writes only what is missing."
        )
