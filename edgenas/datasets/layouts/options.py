"""How a split of a release is to be opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LAYOUT_SPLITS", "OpenOptions"]

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
