"""The frames that are looked at: evenly spread, made small, with their statistics at full size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID
from edgenas.datasets.dataset import Dataset, evenly_spread
from edgenas.datasets.layouts.layout_dataset import LayoutDataset
from edgenas.datasets.records import DatasetInfo
from edgenas.errors import UsageError

__all__ = ["GEOMETRY", "Sample", "SampledFrame", "shrink", "take_sample"]

GEOMETRY = ("image", "segmentation", "depth", "normals")
"""What the checks know how to look at; further tasks are only counted."""

_ANALYSIS_COLUMNS = 160
_THUMBNAIL = 16


@dataclass(frozen=True)
class SampledFrame:
    """One frame, small.

    Attributes:
        index: its position in the split.
        name: how texts call it.
        arrays: of `GEOMETRY` what there is: image f32 [h, w, 3] in 0 to 255, segmentation u8, depth f32, normals f32.
        thumbnail: grey picture f32 [16, 16] in 0 to 255, by area.
        label_counts: pixels per label at full size, i64 [256]; None without segmentation.
        margins: rows above and below, columns left and right of the valid normals (depth without them) and the frame's
            rows and columns, at full size; None where nothing is valid, and without either.
    """

    index: int
    name: str
    arrays: Mapping[str, NDArray[Any]]
    thumbnail: NDArray[np.float32]
    label_counts: NDArray[np.int64] | None = None
    margins: tuple[int, int, int, int, int, int] | None = None


@dataclass(frozen=True)
class Sample:
    """Frames of one split.

    Attributes:
        info: the data set's description.
        split: name of the split.
        length: frames that the split has.
        frames: those that could be read.
        broken: (frame name, message) of those that could not.
    """

    info: DatasetInfo
    split: str
    length: int
    frames: tuple[SampledFrame, ...]
    broken: tuple[tuple[str, str], ...] = field(default=())

    @property
    def keys(self) -> tuple[str, ...]:
        """Which of `GEOMETRY` the frames have."""
        return tuple(key for key in GEOMETRY if self.frames and key in self.frames[0].arrays)


def take_sample(dataset: Dataset, split: str, frames: int) -> Sample:
    """Reads at most `frames` frames, evenly spread over the split.

    A frame that cannot be read is kept as broken, with its message, and the others are read.
    """
    count = min(frames, len(dataset))
    read: list[SampledFrame] = []
    broken: list[tuple[str, str]] = []
    for index in evenly_spread(count, len(dataset)).tolist():
        try:
            read.append(_sampled(dataset, index))
        except UsageError as error:
            broken.append((_name(dataset, index), str(error)))
    return Sample(dataset.info, split, len(dataset), tuple(read), tuple(broken))


def _sampled(dataset: Dataset, index: int) -> SampledFrame:
    frame = dataset.frame(index)
    everything = {"image": frame.image, **frame.targets}
    arrays = {key: everything[key] for key in GEOMETRY if key in everything}
    labels = arrays.get("segmentation")
    counts = None if labels is None else np.bincount(labels.ravel(), minlength=VOID + 1)
    small, thumbnail = shrink(arrays), _thumbnail(frame.image)
    return SampledFrame(index, _name(dataset, index), small, thumbnail, counts, _margins(arrays))


def _margins(arrays: Mapping[str, NDArray[Any]]) -> tuple[int, int, int, int, int, int] | None:
    if "normals" in arrays:
        valid = (arrays["normals"] != 0).any(axis=-1)
    elif "depth" in arrays:
        valid = arrays["depth"] > 0
    else:
        return None
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    height, width = valid.shape
    below, right = height - 1 - int(rows[-1]), width - 1 - int(columns[-1])
    return int(rows[0]), below, int(columns[0]), right, height, width


def _name(dataset: Dataset, index: int) -> str:
    """What a release calls the frame; its number elsewhere."""
    return dataset.frame_name(index) if isinstance(dataset, LayoutDataset) else str(index)


def shrink(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Makes frames about 160 columns wide by a whole factor: images by area, of targets the pixel in the middle."""
    rows, columns = arrays["image"].shape[:2]
    factor = max(1, min(round(columns / _ANALYSIS_COLUMNS), rows, columns))
    height, width = rows // factor * factor, columns // factor * factor
    small: dict[str, NDArray[Any]] = {}
    for key, array in arrays.items():
        if key == "image":
            blocks = array[:height, :width].reshape(height // factor, factor, width // factor, factor, 3)
            small[key] = blocks.mean(axis=(1, 3), dtype=np.float32)
        else:
            small[key] = np.ascontiguousarray(
                array[factor // 2 : height : factor, factor // 2 : width : factor]
            )
    return small


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean grey of 16 x 16 cells."""
    grey = image.mean(axis=-1, dtype=np.float32)
    for axis in (0, 1):
        cells = np.linspace(0, grey.shape[axis], _THUMBNAIL + 1).astype(int)
        starts = np.minimum(cells[:-1], grey.shape[axis] - 1)
        sums = np.add.reduceat(grey, starts, axis=axis)
        sizes = np.diff(np.append(starts, grey.shape[axis])).clip(1)
        grey = sums / (sizes[:, None] if axis == 0 else sizes[None, :])
    small: NDArray[np.float32] = grey.astype(np.float32)
    return small
