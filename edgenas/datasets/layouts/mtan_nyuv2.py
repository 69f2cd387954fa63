"""NYUv2 as MTAN released it (github.com/lorenmt/mtan): train and val with image, label, depth, normal as NUMBER.npy.

Normals have our axes, x right, y up, z towards the camera: the samples agree with AdaShare's, whose axes are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgenas.datasets.classes import NYUV2_13, VOID
from edgenas.datasets.layouts import numbered
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Channel, FileRelease, Release
from edgenas.datasets.layouts.values import lookup

__all__ = ["MtanNyuv2"]

_KINDS = {"image": "image", "segmentation": "label", "depth": "depth", "normals": "normal"}
_READERS: Mapping[str, Callable[[Mapping[str, Path]], NDArray[Any]]] = {
    "depth": numbered.depth,
    "normals": numbered.normals,
}


class MtanNyuv2(Layout):
    """13 classes, depth in metres, normals; 288x384."""

    name = "mtan-nyuv2"
    description = "NYUv2 of MTAN: train and val with image, label, depth, normal as .npy"

    def recognises(self, path: Path) -> bool:
        """Numbered images and normals."""
        return numbered.has_frames(path, _KINDS.values()) and (path / "train" / "normal").is_dir()

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """Its 13 classes."""
        return ("seg13",) if (path / "train" / "label").is_dir() else ()

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of train and val."""
        counts = {part: len(numbered.frames(path, part, _KINDS)) for part in numbered.PARTS}
        return {part: count for part, count in counts.items() if count}

    def part_folders(self, path: Path) -> dict[str, Path]:
        """Both parts have a folder."""
        return {part: path / folder for part, folder in numbered.PARTS.items()}

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One part, with the targets that exist."""
        self.chosen_labels(path, options)
        frames = numbered.frames(path, part, _KINDS)
        kinds = {kind for kind, folder in _KINDS.items() if numbered.has_folder(path, folder)}
        table = lookup({-1: VOID, VOID: VOID, **{number: number for number in range(len(NYUV2_13))}})
        channels = {"image": Channel(("image",), numbered.image)}
        if "segmentation" in kinds:
            channels["segmentation"] = Channel(("segmentation",), partial(numbered.labels, table=table))
        for kind, reader in _READERS.items():
            if kind in kinds:
                channels[kind] = Channel((kind,), reader)
        return FileRelease(path.resolve().name or self.name, frames, channels, class_names=NYUV2_13)
