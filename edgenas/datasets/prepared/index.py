"""`prepared.json`: what a prepared folder holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets.prepared.shards import SHARD_BYTES, Form, header_of, record_dtype
from edgenas.datasets.records import DatasetInfo
from edgenas.errors import UsageError
from edgenas.storage import read_json, write_json

__all__ = ["INDEX_NAME", "PROGRESS_NAME", "PreparedIndex", "PreparedSplit", "is_prepared"]

INDEX_NAME = "prepared.json"
PROGRESS_NAME = "progress.jsonl"
"""Stands in a folder that is not finished: one line for the plan and one for every shard that is whole."""

_VERSION = 1


def is_prepared(path: Path) -> bool:
    """Whether `path` is a folder of `edgenas data prepare`, finished or not."""
    return path.is_dir() and any((path / name).is_file() for name in (INDEX_NAME, PROGRESS_NAME))


@dataclass(frozen=True)
class PreparedSplit:
    """The shards of one split.

    Attributes:
        name: "train", "validation" or "test".
        info: what the split holds, as the source said it.
        frames: number of frames.
        form: the arrays of a frame.
        digests: SHA-256 of every shard, in order; empty in a plan.
    """

    name: str
    info: DatasetInfo
    frames: int
    form: Form
    digests: tuple[str, ...] = ()

    @property
    def frames_per_shard(self) -> int:
        """Frames of every shard but the last."""
        return max(1, SHARD_BYTES // record_dtype(self.form).itemsize)

    @property
    def shards(self) -> list[tuple[str, int]]:
        """(file name, frames) of every shard."""
        per = self.frames_per_shard
        return [
            (f"{self.name}-{start // per:05d}.npy", min(per, self.frames - start))
            for start in range(0, self.frames, per)
        ]

    def shard_bytes(self, frames: int) -> int:
        """Size of a shard with so many frames."""
        return len(header_of(self.form, frames)) + frames * record_dtype(self.form).itemsize

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        form = [[key, dtype.newbyteorder("<").str, list(shape)] for key, (shape, dtype) in self.form.items()]
        return {
            "name": self.name,
            "info": json.loads(json.dumps(asdict(self.info))),
            "frames": self.frames,
            "form": form,
            "sha256": list(self.digests),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PreparedSplit:
        """Reads what `to_dict` wrote; fields of a description that came later have their defaults."""
        known = {field.name for field in fields(DatasetInfo)}
        described = {key: _frozen(value) for key, value in data["info"].items() if key in known}
        form = {key: (tuple(map(int, shape)), np.dtype(dtype)) for key, dtype, shape in data["form"]}
        return cls(
            str(data["name"]), DatasetInfo(**described), int(data["frames"]), form, tuple(data["sha256"])
        )


@dataclass(frozen=True)
class PreparedIndex:
    """A prepared folder.

    Attributes:
        splits: its splits by name.
        every: what the split "all" is: "interleaved" (frame i of it validates when i % 8 == 0), "train", or "" where
            the source has none.
        source: what was prepared, for people.
    """

    splits: Mapping[str, PreparedSplit]
    every: str = ""
    source: str = field(default="", compare=False)

    @property
    def every_parts(self) -> list[str]:
        """The splits that make up "all"; those that validate come last."""
        names = {"interleaved": ("train", "validation"), "train": ("train",)}.get(self.every, ())
        return [name for name in names if name in self.splits]

    @property
    def counts(self) -> dict[str, int]:
        """Frames of every split that can be opened."""
        counts = {name: split.frames for name, split in self.splits.items()}
        if self.every:
            counts["all"] = sum(counts[name] for name in self.every_parts)
        return counts

    def plan(self) -> dict[str, Any]:
        """All but the checksums and the name of the source: what a folder must agree on to be gone on with."""
        return {
            "version": _VERSION,
            "every": self.every,
            "splits": [replace(split, digests=()).to_dict() for split in self.splits.values()],
        }

    def save(self, folder: Path) -> None:
        """Writes `prepared.json`, with a checksum of itself."""
        data = {**self.plan(), "source": self.source}
        data["splits"] = [split.to_dict() for split in self.splits.values()]
        write_json(folder / INDEX_NAME, {**data, "checksum": _checksum(data)})

    @classmethod
    def load(cls, folder: Path) -> PreparedIndex:
        """Reads `prepared.json`.

        Raises:
            UsageError: the folder is not finished, or the file is damaged or of a later version.
        """
        path = folder / INDEX_NAME
        if not path.is_file() and (folder / PROGRESS_NAME).is_file():
            raise UsageError(
                f"{folder} is not finished: `edgenas data prepare` was interrupted. Run the same command again; it "
                "goes on from where it was."
            )
        data = read_json(path, "index of the prepared data set")
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            got = data.get("version") if isinstance(data, dict) else type(data).__name__
            raise UsageError(f"{path} has version {got!r}, expected {_VERSION}. Prepare the data set again.")
        stored = data.pop("checksum", None)
        if stored != _checksum(data):
            raise UsageError(
                f"{path} is damaged or was edited: its checksum differs. Delete the folder and prepare "
                "the data set again."
            )
        splits = [PreparedSplit.from_dict(entry) for entry in data["splits"]]
        return cls({split.name: split for split in splits}, str(data["every"]), str(data["source"]))


def _checksum(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
