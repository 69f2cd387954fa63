"""Cityscapes as AdaShare released it (github.com/sunxm2357/AdaShare): cityscape.json names the files of each frame.

[image, depth, labels of 2, of 7, of 19 classes], all .npy: images 0 to 1, labels with -1 for void, depth with values
like those of MTAN (see `mtan_cityscapes`), in the unit of the files.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgenas.datasets.classes import VOID, class_names_for
from edgenas.datasets.layouts import numbered
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Channel, FileRelease, FrameFiles, Release
from edgenas.datasets.layouts.tuple_list import count_tuples, read_tuples
from edgenas.datasets.layouts.values import lookup

__all__ = ["AdashareCityscapes"]

_LIST = "cityscape.json"
_KINDS = ("image", "depth", "label_2", "label_7", "label_19")
_CLASSES = {"label_19": 19, "label_7": 7, "label_2": 2}


class AdashareCityscapes(Layout):
    """Labels of 19, 7 or 2 classes, disparity as depth; 256x512."""

    name = "adashare-cityscapes"
    description = f"Cityscapes of AdaShare: {_LIST} with images, depth and labels as .npy"

    def recognises(self, path: Path) -> bool:
        """It has the list."""
        return (path / _LIST).is_file()

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """The three of the list."""
        return tuple(_CLASSES)

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of the list's train and test."""
        return count_tuples(path / _LIST)

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One part of the list with the label set wanted."""
        labels = self.chosen_labels(path, options)
        kinds = {"image": "image", "depth": "depth", labels: "segmentation"}
        frames = [
            FrameFiles(frame.name, {kinds[kind]: file for kind, file in frame.files.items() if kind in kinds})
            for frame in read_tuples(path / _LIST, part, _KINDS)
        ]
        classes = _CLASSES[labels]
        table = lookup({-1: VOID, VOID: VOID, **{number: number for number in range(classes)}})
        return FileRelease(
            path.resolve().name or self.name,
            frames,
            {
                "image": Channel(("image",), numbered.image),
                "depth": Channel(("depth",), numbered.depth),
                "segmentation": Channel(("segmentation",), partial(numbered.labels, table=table)),
            },
            class_names=class_names_for(classes),
            depth_unit="1/m",
        )
