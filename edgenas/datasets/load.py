"""`load_dataset`: a data set by its name or path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edgenas.datasets.archive import ArchiveDataset
from edgenas.datasets.dataset import Dataset
from edgenas.datasets.procedural import SceneDataset
from edgenas.datasets.records import TASKS
from edgenas.datasets.scenes import SPLITS, WORLDS
from edgenas.errors import UsageError, unknown_name

__all__ = ["load_dataset"]

_SMALLEST, _LARGEST = 8, 4096
_ARCHIVE_SPLITS = (*SPLITS, "all")


def load_dataset(
    source: str,
    split: str,
    *,
    tasks: Sequence[str] | None = None,
    height: int | None = None,
    width: int | None = None,
    frames: int | None = None,
    cache_dir: Path | None = None,
) -> Dataset:
    """Opens one split of a data set.

    Args:
        source: "rooms" (13 NYUv2 classes, depth in metres), "streets" (19 Cityscapes classes, inverse depth in
            1/m, sky invalid), or the path of an .npz archive, `file.npz#seg40` to choose its labels.
        split: "train" or "validation"; of an archive also "all", every frame in order.
        tasks: the targets wanted, of "depth", "normals", "segmentation"; all there are when None.
        height: rows of procedural frames; an archive must have just these.
        width: columns, likewise.
        frames: number of procedural frames (2,000 train, 100 validation by default); of an archive, so many
            frames of the split, evenly spread.
        cache_dir: where rendered frames are kept; $EDGENAS_HOME or ~/.cache/edgenas when None.

    Raises:
        UsageError: unknown name, task or split; a size or number out of range; a malformed archive.
    """
    known = SPLITS if source in WORLDS else _ARCHIVE_SPLITS
    if split not in known:
        raise unknown_name("split", split, known)
    for name, value, low in (
        ("height", height, _SMALLEST),
        ("width", width, _SMALLEST),
        ("frames", frames, 1),
    ):
        high = _LARGEST if low > 1 else None
        if value is not None and (value < low or (high is not None and value > high)):
            limits = f"at least {low}" if high is None else f"{low} to {high}"
            raise UsageError(f"Invalid value for {name}. Expected {limits}; got {value}.")
    wanted = None if tasks is None else _ordered(tasks)
    if source in WORLDS:
        return SceneDataset(
            source,
            split,
            tasks=wanted or TASKS,
            height=height,
            width=width,
            frames=frames,
            cache_dir=cache_dir,
        )
    file = source.partition("#")[0]
    if file.endswith(".npz") or os.sep in file or Path(file).exists():
        return ArchiveDataset(source, split, tasks=wanted, height=height, width=width, frames=frames)
    raise unknown_name("data set", source, WORLDS, "give one of these names, or the path of an .npz archive")


def _ordered(tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks once each, in the order of `TASKS`."""
    for task in tasks:
        if task not in TASKS:
            raise unknown_name("task", task, TASKS)
    if not tasks:
        raise UsageError(f"No task given. Expected one or more of {', '.join(TASKS)}.")
    return tuple(task for task in TASKS if task in tasks)
