"""Releases of data sets as they lie on disk, read frame by frame, lazily.

`recognise(path)` finds the layout of a folder or file; `Layout.open` gives one split of it as a `Dataset`.
"""

from __future__ import annotations

from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.layout_dataset import LayoutDataset
from edgenas.datasets.layouts.options import LAYOUT_SPLITS, OpenOptions
from edgenas.datasets.layouts.registry import LAYOUTS, get_layout, recognise

__all__ = ["LAYOUTS", "LAYOUT_SPLITS", "Layout", "LayoutDataset", "OpenOptions", "get_layout", "recognise"]
