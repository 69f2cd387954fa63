"""`edgenas data prepare`: opens a source split by split and converts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgenas.datasets import Dataset, load_dataset
from edgenas.datasets.layouts import LAYOUTS
from edgenas.datasets.prepared import Prepared, is_prepared, prepare_dataset
from edgenas.datasets.scenes import WORLDS
from edgenas.datasets.source import DataSource
from edgenas.datasets.splits import splits_of
from edgenas.errors import UsageError

__all__ = ["prepare_source"]


def prepare_source(
    source: str,
    folder: Path,
    *,
    tasks: tuple[str, ...] | None = None,
    height: int | None = None,
    width: int | None = None,
    frames: int | None = None,
    validation_frames: int | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Converts every split of a source; see `load_dataset` for the options and `prepare_dataset` for the rest.

    Args:
        source: what `load_dataset` opens.
        folder: where to.
        tasks: targets to keep; all of them when None.
        height: rows of frames that are made or resized.
        width: columns, likewise.
        frames: number of training frames; all when None.
        validation_frames: number of validation frames; all when None.
        on_frame: called with the frames done and the frames in all.

    Raises:
        UsageError: the source or an option is wrong, or the folder holds something else.
        EdgenasError: the disk is full.
    """
    named = DataSource.parse(source, LAYOUTS)
    if is_prepared(named.path):
        raise UsageError(
            f"{named.path} is prepared already. Use it as it is: --data {named.path}. Verify it by: edgenas data "
            f"prepare --verify {named.path}"
        )
    wanted = {"train": frames, "validation": validation_frames, "test": None}
    splits: dict[str, Dataset] = {}
    for split in splits_of(source):
        if split in wanted:
            splits[split] = load_dataset(
                source, split, tasks=tasks, height=height, width=width, frames=wanted[split], unpack=False
            )
    every = ""
    if source not in WORLDS and frames is None and validation_frames is None:
        whole = len(load_dataset(source, "all", tasks=tasks, height=height, width=width, unpack=False))
        train, validation = (len(splits.get(name, ())) for name in ("train", "validation"))
        every = {train: "train", train + validation: "interleaved"}.get(whole, "")
    return prepare_dataset(splits, folder, every=every, source=source, on_frame=on_frame)
