"""Folders of `edgenas data prepare`, found like any other layout."""

from __future__ import annotations

from pathlib import Path

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Release
from edgenas.errors import UsageError

__all__ = ["PreparedFolder"]

# `edgenas.datasets.prepared` is imported late: it converts what the layouts open.


class PreparedFolder(Layout):
    """Shards with an index; labels, size and settings were chosen when they were written."""

    name = "prepared"
    description = "A folder of `edgenas data prepare`: any of the others, converted once to be read quickly."

    def recognises(self, path: Path) -> bool:
        """By its index, or by the progress of one that is not finished."""
        from edgenas.datasets.prepared import is_prepared

        return is_prepared(path)

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """None to choose from."""
        return ()

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """The splits that are stored."""
        from edgenas.datasets.prepared import PreparedIndex

        return {name: split.frames for name, split in PreparedIndex.load(path).splits.items()}

    def splits(self, path: Path) -> dict[str, int]:
        """The splits that are stored, and "all" where the source had it."""
        from edgenas.datasets.prepared import PreparedIndex

        return PreparedIndex.load(path).counts

    def open(self, path: Path, split: str, options: OpenOptions | None = None) -> Dataset:
        """One split, see `PreparedDataset`."""
        from edgenas.datasets.prepared import PreparedDataset

        return PreparedDataset(path, split, options)

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """Not possible: the release is where the folder was prepared from.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{path} holds prepared frames, not the files of a release.")
