"""`load_dataset`: a data set by its name or path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from edgenas.datasets.archive import ArchiveDataset
from edgenas.datasets.dataset import Dataset
from edgenas.datasets.derived import open_with_derived
from edgenas.datasets.layouts import LAYOUT_SPLITS, LAYOUTS, OpenOptions, get_layout, recognise
from edgenas.datasets.procedural import SceneDataset
from edgenas.datasets.records import TASKS
from edgenas.datasets.scenes import SPLITS, WORLDS
from edgenas.datasets.source import DataSource
from edgenas.errors import UsageError, no_such_file, unknown_name
from edgenas.tasks.registry import get_task, ordered

__all__ = ["load_dataset"]

_SMALLEST, _LARGEST = 8, 4096


def load_dataset(
    source: str,
    split: str,
    *,
    tasks: Sequence[str] | None = None,
    height: int | None = None,
    width: int | None = None,
    frames: int | None = None,
    skip_broken: bool = False,
    cache_dir: Path | None = None,
    unpack: bool = True,
) -> Dataset:
    """Opens one split of a data set.

    Args:
        source: "rooms" (13 NYUv2 classes, depth in metres), "streets" (19 Cityscapes classes, inverse depth in
            1/m, sky invalid), or a path, see `DataSource`: an .npz archive, or a release of a data set in one of
            the layouts (`edgenas data layouts`), `PATH#seg40` to choose its labels.
        split: "train" or "validation"; of data on disk also "all", every training frame in order; of a layout also
            "test", the release's own.
        tasks: the targets wanted, by name; all that the data set holds when None. What it does not hold is derived
            where the task can do so (`Task.derive`).
        height: rows of procedural frames, or to which frames of a layout are resized; an archive must have just these.
        width: columns, likewise.
        frames: number of procedural frames (2,000 train, 100 validation by default); else so many frames of the
            split, evenly spread.
        skip_broken: leave out frames of a layout whose files are missing or damaged, instead of refusing the split.
        cache_dir: where rendered frames are kept; $EDGENAS_HOME or ~/.cache/edgenas when None.
        unpack: unpack an archive that is too large for the memory into the cache, so that it can be read at random;
            else its frames come in order only.

    Raises:
        UsageError: unknown name, task or split; a size or number out of range; malformed, missing or damaged files.
    """
    known = SPLITS if source in WORLDS else LAYOUT_SPLITS
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
    wanted = None if tasks is None else ordered(tasks)

    def open_tasks(some: Sequence[str] | None) -> Dataset:
        return _open(
            source, split, None if some is None else tuple(some),
            height=height, width=width, frames=frames, skip_broken=skip_broken, cache_dir=cache_dir,
            unpack=unpack,
        )  # fmt: skip

    if wanted is not None and any(get_task(task).derived_from for task in wanted):
        return open_with_derived(open_tasks, wanted)
    return open_tasks(wanted)


def _open(
    source: str,
    split: str,
    wanted: tuple[str, ...] | None,
    *,
    height: int | None,
    width: int | None,
    frames: int | None,
    skip_broken: bool,
    cache_dir: Path | None,
    unpack: bool,
) -> Dataset:
    """A split with targets that the data set has itself."""
    if source in WORLDS:
        for task in wanted or ():
            if task not in TASKS:
                raise unknown_name(f"task of {source}", task, TASKS)
        return SceneDataset(
            source,
            split,
            tasks=wanted or TASKS,
            height=height,
            width=width,
            frames=frames,
            cache_dir=cache_dir,
        )
    named = DataSource.parse(source, LAYOUTS)
    options = OpenOptions(
        tasks=wanted,
        height=height,
        width=width,
        frames=frames,
        labels=named.labels,
        settings=named.settings,
        skip_broken=named.skip_broken or skip_broken,
    )
    path = named.path
    layout = get_layout(named.layout) if named.layout else recognise(path)
    if layout is not None:
        if not path.exists():
            raise no_such_file(path, "edgenas data layouts")
        return layout.open(path, split, options)
    if path.is_dir():
        raise UsageError(
            f"{path} has none of the known layouts: {', '.join(LAYOUTS)}. Force one by LAYOUT:{path}, or describe "
            f"your own files in {path / 'dataset.toml'}.\nSee: edgenas data layouts"
        )
    if path.suffix == ".npz" or os.sep in str(path) or path.exists():
        return _archive(path, split, options, unpack)
    raise unknown_name(
        "data set", source, WORLDS, "give one of these names, or the path of an archive or folder of data"
    )


def _archive(path: Path, split: str, options: OpenOptions, unpack: bool) -> Dataset:
    """One split of an .npz archive, which has neither settings nor files that may be missing."""
    if split == "test":
        raise UsageError(
            f"{path}: an archive has no test split. Expected one of train, validation, all. To test on an archive of "
            "its own, read all of its frames."
        )
    if options.settings:
        raise UsageError(
            f"{path}: an archive has no settings. Received {', '.join(options.settings)}. Leave them out."
        )
    source = f"{path}#{options.labels}" if options.labels else str(path)
    dataset = ArchiveDataset(
        source,
        split,
        tasks=options.tasks,
        height=options.height,
        width=options.width,
        frames=options.frames,
    )
    if dataset.large and unpack:
        from edgenas.datasets.large_archive import open_large_archive

        return open_large_archive(source, split, options)
    return dataset
