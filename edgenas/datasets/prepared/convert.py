"""Converts a data set into its prepared form: streaming, and resumable after a kill at any moment."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.prepared.index import INDEX_NAME, PROGRESS_NAME, PreparedIndex, PreparedSplit
from edgenas.datasets.prepared.shards import write_shard
from edgenas.datasets.prepared.verify import verify_prepared
from edgenas.errors import EdgenasError, UsageError
from edgenas.storage import append_jsonl, read_jsonl, require_writable

__all__ = ["Prepared", "prepare_dataset"]

T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """What `prepare_dataset` did.

    Attributes:
        folder: the folder.
        frames: frames per split.
        stored_bytes: size of all shards.
        written: shards that were written now.
        kept: shards that were there already.
    """

    folder: Path
    frames: Mapping[str, int]
    stored_bytes: int
    written: int
    kept: int


def prepare_dataset(
    splits: Mapping[str, Dataset],
    folder: Path,
    *,
    every: str = "",
    source: str = "",
    on_frame: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Writes the splits of a data set into `folder`, or what is missing of them.

    Only a few frames are in memory at a time. Shards that are whole are not written again, and the files are the same,
    byte for byte, however often the conversion was interrupted.

    Args:
        splits: {"train" | "validation" | "test": its frames}.
        folder: where to; a new folder, or one of the same data set.
        every: see `PreparedIndex.every`.
        source: name of the source, for people.
        on_frame: called with the frames done and the frames in all.

    Raises:
        UsageError: the folder holds something else, or a frame of the source cannot be read.
        EdgenasError: the disk is full; the shards that are whole stay, and the next call goes on from there.
    """
    planned = {
        name: PreparedSplit(name, dataset.info, len(dataset), dataset.stored_form())
        for name, dataset in splits.items()
    }
    index = PreparedIndex(planned, every, source)
    digests = _begin(index, folder)
    sizes = {
        name: split.shard_bytes(frames)
        for split in planned.values()
        for name, frames in split.shards
        if name not in digests
    }
    _require_space(folder, sum(sizes.values()))
    total, kept = sum(split.frames for split in planned.values()), len(digests)
    done = sum(n for split in planned.values() for name, n in split.shards if name in digests)

    def advance() -> None:
        nonlocal done
        done += 1
        if on_frame is not None:
            on_frame(done, total)

    for split in planned.values():
        _write_split(splits[split.name], split, folder, digests, advance)
    complete = {
        name: replace(split, digests=tuple(digests[shard] for shard, _ in split.shards))
        for name, split in planned.items()
    }
    replace(index, splits=complete).save(folder)
    (folder / PROGRESS_NAME).unlink(missing_ok=True)
    return Prepared(
        folder,
        {name: split.frames for name, split in planned.items()},
        sum(split.shard_bytes(n) for split in planned.values() for _, n in split.shards),
        written=len(digests) - kept,
        kept=kept,
    )


def _begin(index: PreparedIndex, folder: Path) -> dict[str, str]:
    """Makes the folder this data set's; returns {file: SHA-256} of the shards that are whole."""
    progress = folder / PROGRESS_NAME
    digests: dict[str, str] = {}
    if (folder / INDEX_NAME).is_file():
        there = PreparedIndex.load(folder)
        plan = there.plan()
        damaged = {line.partition(":")[0] for line in verify_prepared(folder)}
        for split in there.splits.values():
            names = (name for name, _ in split.shards)
            digests |= {
                name: digest for name, digest in zip(names, split.digests, strict=True) if name not in damaged
            }
    elif lines := read_jsonl(progress):
        plan = lines[0].get("plan", {})
        digests = {line["file"]: line["sha256"] for line in lines[1:] if "file" in line and "sha256" in line}
    else:
        # A kill may have left the progress file without its first line.
        if folder.exists() and (
            not folder.is_dir() or any(e.name != PROGRESS_NAME for e in folder.iterdir())
        ):
            raise UsageError(f"{folder} is not empty and holds no prepared data set. Choose another --out.")
        require_writable(folder)
        append_jsonl(progress, {"plan": index.plan()})
        return {}
    if plan != index.plan():
        raise UsageError(
            f"{folder} holds another data set, or the same with other options: {_difference(plan, index.plan())}. "
            "Choose another --out, or delete the folder."
        )
    for pattern in (".*.npy", ".prepared.*.json"):  # What a kill left of files that had no name yet.
        for left in folder.glob(pattern):
            left.unlink()
    sizes = {name: split.shard_bytes(n) for split in index.splits.values() for name, n in split.shards}
    return {
        name: digest
        for name, digest in digests.items()
        if name in sizes and (folder / name).is_file() and (folder / name).stat().st_size == sizes[name]
    }


def _write_split(
    dataset: Dataset,
    split: PreparedSplit,
    folder: Path,
    digests: dict[str, str],
    advance: Callable[[], None],
) -> None:
    """Writes what is missing of a split; frames of shards that are there are not read."""
    start = 0
    stream: Iterator[Mapping[str, NDArray[Any]]] = iter(())
    position = -1
    for name, frames in split.shards:
        if name not in digests:
            if position != start:
                stream, position = dataset.stored_frames(start), start
            try:
                digests[name] = write_shard(
                    folder / name, split.form, frames, _counted(islice(stream, frames), advance)
                )
            except ValueError as error:
                raise UsageError(
                    f"The {split.name} split of {split.info.name} cannot be prepared, frames {start} to "
                    f"{start + frames - 1}: {error}. All frames must have one size; --height and --width resize them."
                ) from error
            append_jsonl(folder / PROGRESS_NAME, {"file": name, "sha256": digests[name]})
            position += frames
        start += frames


def _counted(stream: Iterator[T], advance: Callable[[], None]) -> Iterator[T]:
    for item in stream:
        yield item
        advance()


def _require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed_bytes > free:
        raise EdgenasError(
            f"The disk of {folder} is too full: {needed_bytes / 2**30:.2f} GiB are still to be written, "
            f"{free / 2**30:.2f} GiB are free. Free some space or choose another --out; the same command then goes on "
            "from what is there."
        )


def _difference(there: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """The first thing in which two plans differ, for people."""
    old, new = ({s["name"]: s for s in plan.get("splits", ())} for plan in (there, wanted))  # type: ignore[attr-defined]
    if set(old) != set(new):
        return f"it has the splits {', '.join(old) or 'none'}, wanted are {', '.join(new)}"
    for name in new:
        for key in ("frames", "form"):
            if old[name][key] != new[name][key]:
                return f"{key} of {name} are {old[name][key]}, wanted are {new[name][key]}"
        for key, value in new[name]["info"].items():
            if old[name]["info"].get(key) != value:
                return f"the {key} of {name} is {old[name]['info'].get(key)!r}, wanted is {value!r}"
    return "its form differs"
