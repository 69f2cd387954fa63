"""A sheet of a few frames: the image and, beside it, every target as its task draws it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.inspection.inspect import Inspection
from edgenas.datasets.inspection.splits import find_source
from edgenas.datasets.records import Frame
from edgenas.storage import write_bytes_atomic
from edgenas.tasks import get_task

__all__ = ["sheet_of", "write_sheet"]

_FRAMES = 6
_GAP = 4
_COLUMNS = 480


def write_sheet(path: Path, found: Inspection) -> None:
    """Writes a PNG with a few frames of each split looked at, those that findings name first."""
    from edgenas.report.pictures import encode_png

    source = find_source(found.source)
    rows = []
    for sample in found.samples:
        named = {name for f in found.findings if sample.split in f.split.split(" and ") for name in f.frames}
        order = sorted(sample.frames, key=lambda frame: frame.name not in named)
        share = max(1, _FRAMES // len(found.samples))
        dataset = source.open(sample.split)
        rows += [sheet_of(dataset, [frame.index for frame in order[:share]])] if order else []
    if not rows:
        return
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows]
    write_bytes_atomic(path, encode_png(np.concatenate(padded)))


def sheet_of(dataset: Dataset, indices: list[int]) -> NDArray[np.uint8]:
    """One row per frame: image, then the tasks in their order; u8 [H, W, 3], wide frames by every n-th pixel."""
    step = max(1, round(dataset.info.width / _COLUMNS))
    rows = []
    for index in indices:
        cells = _cells(dataset.frame(index), dataset)
        row = [np.pad(cell[::step, ::step], ((0, _GAP), (0, _GAP), (0, 0))) for cell in cells]
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows)


def _cells(frame: Frame, dataset: Dataset) -> list[NDArray[np.uint8]]:
    cells = [frame.image]
    for task in dataset.info.tasks:
        cells.append(get_task(task).picture(frame.targets[task], dataset.info))
    return cells
