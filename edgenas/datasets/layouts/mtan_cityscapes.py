"""Cityscapes as MTAN released it (github.com/lorenmt/mtan): train and val with image, label_*, depth as NUMBER.npy.

`depth` is disparity, p / 65535 of the official disparity pictures (see `cityscapes`), 0 where invalid: proportional to
inverse depth, but without a scale, since the cameras are not part of this release. We keep the values of the files, as
publications do, under the unit "1/m"; metrics are in the unit of the files. `depth=mtan` of the official layout gives
the same values.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edgenas.datasets.classes import VOID, class_names_for
from edgenas.datasets.layouts import numbered
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Channel, FileRelease, Release
from edgenas.datasets.layouts.values import lookup

__all__ = ["MtanCityscapes"]

_CLASSES = {"label_19": 19, "label_7": 7, "label_2": 2, "label": 7}


class MtanCityscapes(Layout):
    """image, depth, and one or several of label_19, label_7, label_2 or label (7 classes)."""

    name = "mtan-cityscapes"
    description = "Cityscapes of MTAN: train and val with image, label_19/label_7/label, depth as .npy"

    def recognises(self, path: Path) -> bool:
        """Numbered images and labels without normals."""
        return (
            numbered.has_frames(path, ("image", "depth", *_CLASSES))
            and bool(self.label_sets(path))
            and not (path / "train" / "normal").is_dir()
        )

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """Those that the training part has."""
        return tuple(name for name in _CLASSES if (path / "train" / name).is_dir())

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of train and val."""
        kinds = ("image", "depth", *self.label_sets(path))
        counts = {part: len(numbered.frames(path, part, kinds)) for part in numbered.PARTS}
        return {part: count for part, count in counts.items() if count}

    def part_folders(self, path: Path) -> dict[str, Path]:
        """Both parts have a folder."""
        return {part: path / folder for part, folder in numbered.PARTS.items()}

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One part with the label set wanted."""
        labels = self.chosen_labels(path, options)
        kinds = {"image": "image", "depth": "depth", **({"segmentation": labels} if labels else {})}
        frames = numbered.frames(path, part, kinds)
        classes = _CLASSES.get(labels, 0)
        table = lookup({-1: VOID, VOID: VOID, **{number: number for number in range(classes)}})
        channels = {"image": Channel(("image",), numbered.image)}
        if labels:
            channels["segmentation"] = Channel(("segmentation",), partial(numbered.labels, table=table))
        if numbered.has_folder(path, "depth"):
            channels["depth"] = Channel(("depth",), numbered.depth)
        return FileRelease(
            path.resolve().name or self.name,
            frames,
            channels,
            class_names=class_names_for(classes),
            depth_unit="1/m",
        )
