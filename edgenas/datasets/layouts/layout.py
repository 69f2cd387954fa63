"""`Layout`: how a release of a data set lies on disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from edgenas.datasets.archive import VALIDATION_EVERY
from edgenas.datasets.dataset import Dataset
from edgenas.datasets.layouts.layout_dataset import LayoutDataset
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Release
from edgenas.errors import UsageError, unknown_name

__all__ = ["Layout"]


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
    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of each part that the release itself has, of "train", "validation" and "test".

        Raises:
            UsageError: the release cannot be read.
        """

    def part_folders(self, path: Path) -> dict[str, Path]:
        """The folder of each part that a whole copy of the release has; empty where that cannot be said."""
        del path
        return {}

    @abstractmethod
    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """The frames of one part of the release.

        Raises:
            UsageError: a label set or setting does not exist, or the release cannot be read.
        """

    def splits(self, path: Path) -> dict[str, int]:
        """Frames per split of `LAYOUT_SPLITS`; splits that the release lacks are left out.

        Raises:
            UsageError: the release cannot be read.
        """
        parts = self.parts(path)
        counts: dict[str, int] = {}
        if "train" in parts:
            validating = 0 if "validation" in parts else -(-parts["train"] // VALIDATION_EVERY)
            counts = {"train": parts["train"] - validating, "validation": validating or parts["validation"]}
            counts["all"] = parts["train"]
        if "test" in parts:
            counts["test"] = parts["test"]
        return counts

    def open(self, path: Path, split: str, options: OpenOptions | None = None) -> Dataset:
        """One split, read lazily: frames are decoded when they are asked for.

        Raises:
            UsageError: the split, a task, a label set or a setting does not exist, or files are missing or damaged.
        """
        options = options or OpenOptions()
        for name in options.settings:
            if not self.settings:
                raise UsageError(f"{path} ({self.name}) has no settings. Received {name!r}. Leave it out.")
            if name not in self.settings:
                raise unknown_name(f"setting of {self.name}", name, self.settings, "edgenas data layouts")
        parts = self.parts(path, options)
        part = "train" if split == "all" or (split == "validation" and split not in parts) else split
        if part not in parts:
            raise UsageError(
                f"{path} ({self.name}) has no {split} split. Expected one of {', '.join(self.splits(path)) or 'none'}."
            )
        release = self.release(path, part, options)
        position = np.arange(len(release))
        if part == "train" and split != "all" and "validation" not in parts:
            validates = position % VALIDATION_EVERY == 0
            position = position[validates if split == "validation" else ~validates]
        chosen = {"labels": self.chosen_labels(path, options), **options.settings}
        rule = f"{self.name} {part} i%{VALIDATION_EVERY}==0 {sorted(chosen.items())}"
        return LayoutDataset(release, position, split, options, rule)

    def chosen_labels(self, path: Path, options: OpenOptions) -> str:
        """The label set wanted, the default one where none was named; empty where there are no labels.

        Raises:
            UsageError: it does not exist.
        """
        sets = self.label_sets(path)
        if options.labels and options.labels not in sets:
            raise unknown_name(f"label set of {path} ({self.name})", options.labels, sets)
        return options.labels or (sets[0] if sets else "")

    def setting(self, options: OpenOptions, name: str, known: Sequence[str]) -> str:
        """The value of a setting, the first of `known` where it was not given.

        Raises:
            UsageError: it is none of `known`.
        """
        value = options.settings.get(name, known[0])
        if value not in known:
            raise unknown_name(f"value of {self.name}'s setting {name!r}", value, known)
        return value
