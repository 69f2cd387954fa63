"""`Layout`: how a release of a data set lies on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from edgenas.datasets.dataset import Dataset

__all__ = ["LAYOUT_SPLITS", "Layout", "OpenOptions"]

LAYOUT_SPLITS = ("train", "validation", "test", "all")
"""Splits of a release: of its training frames those at positions i % 8 != 0 train and the others validate, "all" is
both in order, and "test" is what the release itself keeps for testing."""


@dataclass(frozen=True)
class OpenOptions:
    """How to open a split.

    Attributes:
        tasks: targets wanted, in the order of the heads; all that the release has when None.
        height: rows to resize to; the release's own when None.
        width: columns to resize to; the release's own when None.
        frames: use so many frames of the split, evenly spread; all when None.
        labels: label set, e.g. "label_7"; the layout's default when empty.
        settings: further choices of the layout by name, see `Layout.settings`.
        skip_broken: leave out frames whose files are missing or damaged instead of refusing the split.
    """

    tasks: tuple[str, ...] | None = None
    height: int | None = None
    width: int | None = None
    frames: int | None = None
    labels: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    skip_broken: bool = False


class Layout(ABC):
    """One layout.

    Attributes:
        name: name, as in `NAME:PATH`.
        description: what it is, in one line.
        settings: choices that `OpenOptions.settings` may hold, with their meaning.
    """

    name: str
    description: str
    settings: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether the folder or file looks like this layout; reads names only, never the frames."""

    @abstractmethod
    def label_sets(self, path: Path) -> tuple[str, ...]:
        """The label sets at `path`, the default one first; empty where there are no labels."""

    @abstractmethod
    def splits(self, path: Path) -> dict[str, int]:
        """Frames per split of `LAYOUT_SPLITS`; splits that the release lacks are left out.

        Raises:
            UsageError: the release cannot be read.
        """

    @abstractmethod
    def open(self, path: Path, split: str, options: OpenOptions | None = None) -> Dataset:
        """One split, read lazily: frames are decoded when they are asked for.

        Raises:
            UsageError: the split, a task or a label set does not exist, or files are missing or damaged.
        """
