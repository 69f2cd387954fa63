"""Reads a prepared folder whole and compares every byte's checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from edgenas.datasets.prepared.index import PreparedIndex

__all__ = ["verify_prepared"]


def verify_prepared(folder: Path, *, on_shard: Callable[[int, int], None] | None = None) -> list[str]:
    """What is wrong with the shards of a folder; empty where every byte is as it was written.

    Args:
        folder: the folder.
        on_shard: called with the shards done and the shards in all.

    Raises:
        UsageError: the folder is not finished, or its index is damaged.
    """
    index = PreparedIndex.load(folder)
    shards = [
        (name, digest)
        for split in index.splits.values()
        for (name, _), digest in zip(split.shards, split.digests, strict=True)
    ]
    wrong = []
    for done, (name, expected) in enumerate(shards, start=1):
        try:
            with (folder / name).open("rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
            if got != expected:
                wrong.append(f"{name}: SHA-256 {got}, expected {expected}")
        except OSError as error:
            wrong.append(f"{name}: {error.strerror or error}")
        if on_shard is not None:
            on_shard(done, len(shards))
    return wrong
