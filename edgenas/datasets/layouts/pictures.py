"""Images and labels of the releases that keep them as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.layouts.file_arrays import read_colours, read_numbers
from edgenas.datasets.layouts.values import as_bytes_rgb, as_labels

__all__ = ["image", "labels"]


def image(files: Mapping[str, Path]) -> NDArray[np.uint8]:
    """RGB of the file "image"."""
    return as_bytes_rgb(read_colours(files["image"]))


def labels(
    files: Mapping[str, Path], *, table: NDArray[np.uint8], kind: str = "segmentation"
) -> NDArray[np.uint8]:
    """Classes of the file `kind`, its numbers looked up in `table`."""
    return as_labels(read_numbers(files[kind]), table)
