"""Which splits a source has, and how they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.load import load_dataset
from edgenas.datasets.scenes import SPLITS, WORLDS
from edgenas.errors import UsageError, no_such_file, unknown_name

__all__ = ["Source", "find_source"]


@dataclass(frozen=True)
class Source:
    """A data set before it is opened.

    Attributes:
        text: as the user gave it, with layout prefix and label set.
        kind: "scenes", ".npz archive", or the name of the layout.
        counts: frames per split; None where that is known only after opening.
    """

    text: str
    kind: str
    counts: dict[str, int | None]

    def chosen(self, split: str | None) -> tuple[str, ...]:
        """The splits to look at: that one, or together every frame once.

        Raises:
            UsageError: there is no such split.
        """
        if split is not None:
            if split not in self.counts:
                raise unknown_name("split", split, self.counts)
            return (split,)
        return tuple(
            name
            for name in ("train", "validation", "test")
            if self.counts.get(name) != 0 and name in self.counts
        )

    def open(self, split: str) -> Dataset:
        """One split.

        Raises:
            UsageError: it cannot be read.
        """
        return load_dataset(self.text, split)


def find_source(text: str) -> Source:
    """Recognises a source: "rooms", "streets", an .npz archive, or a folder in one of the layouts.

    Raises:
        UsageError: it does not exist or has no known layout.
    """
    if text in WORLDS:
        return Source(text, "scenes", dict.fromkeys(SPLITS))
    path = _path(text)
    if not path.exists():
        raise no_such_file(path)
    if path.suffix == ".npz":
        return Source(text, ".npz archive", dict.fromkeys(SPLITS))
    from edgenas.datasets.layouts import LAYOUTS, get_layout, recognise

    prefix = text.partition(":")[0]
    layout = get_layout(prefix) if prefix in LAYOUTS else recognise(path)
    if layout is None:
        raise UsageError(
            f"{path} has none of the known layouts ({', '.join(LAYOUTS)}), nor is it an .npz archive. "
            "Describe folders of your own in a dataset.toml.\nSee: edgenas data layouts"
        )
    return Source(text, layout.name, dict(layout.splits(path)))


def _path(text: str) -> Path:
    from edgenas.datasets.layouts import LAYOUTS

    prefix, _, rest = text.partition(":")
    return Path((rest if prefix in LAYOUTS else text).partition("#")[0])
