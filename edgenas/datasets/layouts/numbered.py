"""What MTAN's two releases share: PART/KIND/NUMBER.npy, numbers without leading zeros."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.layouts.file_arrays import read_array
from edgenas.datasets.layouts.listing import list_files, matched
from edgenas.datasets.layouts.release import FrameFiles
from edgenas.datasets.layouts.values import as_bytes_rgb, as_depth, as_labels, as_normals

__all__ = ["PARTS", "depth", "frames", "has_folder", "has_frames", "image", "labels", "normals"]

PARTS = {"train": "train", "test": "val"}
"""Our name of each part, and its folder."""


def has_frames(path: Path, kinds: Iterable[str]) -> bool:
    """Whether the training part has a file of one of the kinds; which one a broken copy lacks is not known."""
    return any(list_files(path / "train" / kind, ".npy") for kind in kinds)


def has_folder(path: Path, kind: str) -> bool:
    """Whether a part has a folder of that kind, files in it or not: what is empty there is missing."""
    return any((path / part / kind).is_dir() for part in PARTS.values())


def frames(path: Path, part: str, kinds: Mapping[str, str] | Sequence[str]) -> list[FrameFiles]:
    """The frames of a part, by number, with the folders of `kinds` (or {our name: folder}) that exist."""
    folders = kinds if isinstance(kinds, Mapping) else {kind: kind for kind in kinds}
    listed = {name: list_files(path / PARTS[part] / folder, ".npy") for name, folder in folders.items()}
    return matched({name: files for name, files in listed.items() if files}, order=_number)


def _number(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def image(files: Mapping[str, Path]) -> NDArray[np.uint8]:
    """RGB, stored as 0 to 1."""
    return as_bytes_rgb(read_array(files["image"]))


def labels(files: Mapping[str, Path], *, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Classes, stored as numbers with -1 for void."""
    return as_labels(read_array(files["segmentation"]), table)


def depth(files: Mapping[str, Path]) -> NDArray[np.float32]:
    """Depth as stored, 0 where invalid."""
    return as_depth(read_array(files["depth"]))


def normals(files: Mapping[str, Path]) -> NDArray[np.int8]:
    """Normals, stored in our axes, (0, 0, 0) where invalid."""
    return as_normals(read_array(files["normals"]))
