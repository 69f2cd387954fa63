"""Archives that are too large for the memory: unpacked once into the cache, then read from there.

An .npz file has no random access: it would have to be unpacked from its beginning for every batch.
"""

from __future__ import annotations

import logging

from edgenas.datasets.archive import ArchiveDataset
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.prepared import PreparedDataset, prepare_dataset
from edgenas.datasets.prepared.index import INDEX_NAME
from edgenas.datasets.scenes.cache import default_cache_dir

__all__ = ["open_large_archive"]

_LOG = logging.getLogger("edgenas.datasets")


def open_large_archive(source: str, split: str, options: OpenOptions) -> PreparedDataset:
    """One split of a large archive, from its prepared form in the cache, which is made where it is not there yet.

    Args:
        source: path of the archive with its label set.
        split: "train", "validation" or "all".
        options: tasks, size and number of frames.

    Raises:
        UsageError: the archive is damaged or lacks what was asked for.
        EdgenasError: the disk of the cache is full.
    """
    train = ArchiveDataset(source, "train")
    folder = default_cache_dir() / "archives" / f"{train.info.name}-{train.info.fingerprint}"
    if not (folder / INDEX_NAME).is_file():
        size = len(train) * sum(a.nbytes for a in train.frame(0).stored().values()) / 2**30
        _LOG.warning(
            "%s is too large for the memory: it is unpacked once to %s (%.1f GiB; delete it at will).",
            source.partition("#")[0], folder, size,
        )  # fmt: skip
        splits = {"train": train, "validation": ArchiveDataset(source, "validation")}
        prepare_dataset(splits, folder, every="interleaved", source=source)
    wanted = OpenOptions(options.tasks, options.height, options.width, options.frames)
    return PreparedDataset(folder, split, wanted)
