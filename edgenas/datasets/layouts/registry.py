"""The layouts by name, and which of them a path has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from edgenas.datasets.layouts.adashare_cityscapes import AdashareCityscapes
from edgenas.datasets.layouts.adashare_nyuv2 import AdashareNyuv2
from edgenas.datasets.layouts.cityscapes import Cityscapes
from edgenas.datasets.layouts.folder import Folder
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.mtan_cityscapes import MtanCityscapes
from edgenas.datasets.layouts.mtan_nyuv2 import MtanNyuv2
from edgenas.datasets.layouts.nyuv2_mat import Nyuv2Mat
from edgenas.datasets.layouts.prepared import PreparedFolder
from edgenas.errors import unknown_name

__all__ = ["LAYOUTS", "get_layout", "recognise"]

_ALL: tuple[Layout, ...] = (
    PreparedFolder(),
    Folder(),
    Cityscapes(),
    MtanNyuv2(),
    MtanCityscapes(),
    AdashareNyuv2(),
    AdashareCityscapes(),
    Nyuv2Mat(),
)

LAYOUTS: Mapping[str, Layout] = MappingProxyType({layout.name: layout for layout in _ALL})
"""Every layout by its name, the most particular first."""


def get_layout(name: str) -> Layout:
    """The layout called `name`.

    Raises:
        UsageError: none has this name.
    """
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    return LAYOUTS[name]


def recognise(path: Path) -> Layout | None:
    """The layout of a folder or file, None where no layout fits (an .npz archive is none of them)."""
    return next((layout for layout in LAYOUTS.values() if layout.recognises(path)), None)
