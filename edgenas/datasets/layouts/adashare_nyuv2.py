"""NYUv2 as AdaShare released it (github.com/sunxm2357/AdaShare): nyu_v2_3task.json names the files of each frame.

[image PNG, labels PNG (0 to 39, 255 void), normals PNG, depth .npy in metres]. Normals are (n + 1) * 127.5 with red = x
right, green = into the scene, blue = up; white is invalid. File names are official indices minus 1. "train1" and
"train2" of the list, AdaShare's halves for weights and policies, are not read: both are in "train".

Depth is as stored, also on the white border, where it is made up: AdaShare counts every depth above 3e-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import NYUV2_13, NYUV2_13_OF_40, NYUV2_40, VOID
from edgenas.datasets.layouts import numbered, pictures
from edgenas.datasets.layouts.file_arrays import read_colours
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Channel, FileRelease, Release
from edgenas.datasets.layouts.tuple_list import count_tuples, read_tuples
from edgenas.datasets.layouts.values import as_normals, lookup

__all__ = ["AdashareNyuv2"]

_LIST = "nyu_v2_3task.json"
_KINDS = ("image", "segmentation", "normals", "depth")
_LABEL_SETS = MappingProxyType({"seg40": tuple(range(len(NYUV2_40))), "seg13": NYUV2_13_OF_40})


class AdashareNyuv2(Layout):
    """40 classes (or the 13 that they belong to), normals, depth in metres; 480x640."""

    name = "adashare-nyuv2"
    description = f"NYUv2 of AdaShare: {_LIST} with img, seg, normal_mask, depth"

    def recognises(self, path: Path) -> bool:
        """It has the list."""
        return (path / _LIST).is_file()

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """40 classes as stored, or 13."""
        return tuple(_LABEL_SETS)

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of the list's train and test."""
        return count_tuples(path / _LIST)

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One part of the list."""
        labels = self.chosen_labels(path, options)
        frames = read_tuples(path / _LIST, part, _KINDS)
        table = lookup({VOID: VOID, **dict(enumerate(_LABEL_SETS[labels]))})
        channels = {
            "image": Channel(("image",), pictures.image),
            "segmentation": Channel(("segmentation",), partial(pictures.labels, table=table)),
            "normals": Channel(("normals",), _normals),
            "depth": Channel(("depth",), numbered.depth),
        }
        kinds = {kind for frame in frames for kind in frame.files}
        return FileRelease(
            path.resolve().name or self.name,
            frames,
            {kind: channel for kind, channel in channels.items() if kind in kinds},
            class_names=NYUV2_13 if labels == "seg13" else NYUV2_40,
        )


def _normals(files: Mapping[str, Path]) -> NDArray[np.int8]:
    stored = read_colours(files["normals"])
    right, into, up = np.moveaxis(stored.astype(np.float32) / np.float32(127.5) - 1, -1, 0)
    return as_normals(np.stack([right, up, -into], axis=-1), (stored == 255).all(-1))
