"""`splits_of`: the splits in which a source has frames."""

from __future__ import annotations

from edgenas.datasets.layouts import LAYOUTS, Layout, get_layout, recognise
from edgenas.datasets.scenes import SPLITS, WORLDS
from edgenas.datasets.source import DataSource

__all__ = ["layout_of", "splits_of"]


def splits_of(source: str) -> tuple[str, ...]:
    """The splits in which a source has frames; reads none of them.

    Args:
        source: as `load_dataset` takes it; one that does not exist is taken for an archive.

    Raises:
        UsageError: the release is damaged.
    """
    if source in WORLDS:
        return tuple(SPLITS)
    layout, named = layout_of(source)
    if layout is None:
        return ("train", "validation", "all")
    return tuple(name for name, count in layout.splits(named.path).items() if count)


def layout_of(source: str) -> tuple[Layout | None, DataSource]:
    """The layout of a source on disk, None for an archive and for nothing; and what the source names."""
    named = DataSource.parse(source, LAYOUTS)
    if named.layout:
        return get_layout(named.layout), named
    return recognise(named.path) if named.path.exists() else None, named
