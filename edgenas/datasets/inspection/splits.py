"""Which splits a source has, and how they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.layouts import LAYOUTS, Layout, get_layout, recognise
from edgenas.datasets.load import load_dataset
from edgenas.datasets.prepared import PreparedIndex, is_prepared
from edgenas.datasets.scenes import SPLITS, WORLDS
from edgenas.datasets.source import DataSource
from edgenas.errors import UsageError, no_such_file, unknown_name

__all__ = ["Source", "find_source"]


@dataclass(frozen=True)
class Source:
    """A data set before it is opened.

    Attributes:
        text: as the user gave it, with layout prefix and label set.
        kind: "scenes", ".npz archive", "prepared folder" or the name of the layout.
        counts: frames per split; None where that is known only after opening.
        whole: the splits that together have every frame once.
        layout: the layout, of a release.
        path: where it lies, of a release or an archive.
    """

    text: str
    kind: str
    counts: dict[str, int | None]
    whole: tuple[str, ...]
    layout: Layout | None = None
    path: Path | None = None

    def chosen(self, split: str | None) -> tuple[str, ...]:
        """The splits to look at: that one, or together every frame once.

        Raises:
            UsageError: there is no such split.
        """
        if split is None:
            return self.whole
        if split not in self.counts:
            raise unknown_name("split", split, self.counts)
        return (split,)

    def open(self, split: str) -> Dataset:
        """One split.

        Raises:
            UsageError: it cannot be read.
        """
        return load_dataset(self.text, split)


def find_source(text: str) -> Source:
    """Recognises a source: "rooms", "streets", an .npz archive, a prepared folder, or a folder in one of the layouts.

    Raises:
        UsageError: it does not exist or has no known layout.
    """
    if text in WORLDS:
        return Source(text, "scenes", dict.fromkeys(SPLITS), SPLITS)
    named = DataSource.parse(text, LAYOUTS)
    path = named.path
    if not path.exists():
        raise no_such_file(path, "edgenas data layouts")
    if not named.layout and is_prepared(path):
        counts = dict(PreparedIndex.load(path).counts)
        whole = tuple(name for name in counts if name != "all")
        return Source(text, "prepared folder", dict(counts), whole, None, path)
    layout = get_layout(named.layout) if named.layout else recognise(path)
    if layout is not None:
        # A release's training frames validate as well, every eighth of them; "all" has each once.
        whole = tuple("all" if part == "train" else part for part in layout.parts(path))
        return Source(text, layout.name, dict(layout.splits(path)), whole, layout, path)
    if path.suffix == ".npz":
        return Source(text, ".npz archive", dict.fromkeys(SPLITS), SPLITS, None, path)
    raise UsageError(
        f"{path} has none of the known layouts ({', '.join(LAYOUTS)}), nor is it an .npz archive. "
        "Describe folders of your own in a dataset.toml.\nSee: edgenas data layouts"
    )
