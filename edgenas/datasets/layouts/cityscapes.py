"""Cityscapes as its makers release it (github.com/mcordts/cityscapesScripts, README).

ROOT/TYPE/SPLIT/CITY/CITY_SEQUENCE_FRAME_TYPE.EXT with the types leftImg8bit (RGB), gtFine (labelIds, or labelTrainIds
where csCreateTrainIdLabelImgs made them), disparity and camera. Its `val` is our "test"; its `test` has no truth.

Disparity p (u16): 0 is invalid, else d = (p - 1) / 256 pixels at a width of 2048, and depth is baseline * fx / d. A
disparity of 0 pixels (p = 1) is infinitely far and counts as invalid in every unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import CITYSCAPES_7, CITYSCAPES_7_OF_19, CITYSCAPES_19, CITYSCAPES_IDS, VOID
from edgenas.datasets.layouts import pictures
from edgenas.datasets.layouts.file_arrays import read_numbers
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.listing import list_files, matched
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Channel, FileRelease, FrameFiles, Release
from edgenas.datasets.layouts.surface_normals import Intrinsics, normals_from_depth
from edgenas.datasets.layouts.values import as_normals, lookup
from edgenas.errors import UsageError
from edgenas.storage import read_json

__all__ = ["Cityscapes"]

_PARTS = {"train": "train", "test": "val"}
_UNITS = ("1/m", "m", "mtan")
_NATIVE_COLUMNS = 2048
_IDS = 34
_LABEL_FILES = ("labelIds", "labelTrainIds")


class Cityscapes(Layout):
    """leftImg8bit, gtFine, disparity and camera."""

    name = "cityscapes"
    description = "Cityscapes as released: leftImg8bit, gtFine, disparity, camera"
    settings = MappingProxyType(
        {
            "depth": "1/m (inverse depth, the default), m (metres) or mtan (disparity / 65535, as in MTAN's files)",
            "normals": "stored (the default: there are none) or depth (computed from depth and camera)",
        }
    )

    def recognises(self, path: Path) -> bool:
        """It has a folder leftImg8bit."""
        return (path / "leftImg8bit").is_dir()

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """The 19 classes or the 7 categories, void where a pixel has none of the 19."""
        return ("label_19", "label_7") if (path / "gtFine").is_dir() else ()

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of train and val."""
        counts = {part: len(_frames(path, folder)) for part, folder in _PARTS.items()}
        return {part: count for part, count in counts.items() if count}

    def part_folders(self, path: Path) -> dict[str, Path]:
        """The folders of pictures."""
        return {part: path / "leftImg8bit" / folder for part, folder in _PARTS.items()}

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """Reads labelIds where a folder has them, else labelTrainIds; they give the same classes."""
        unit = self.setting(options, "depth", _UNITS)
        computed = self.setting(options, "normals", ("stored", "depth")) == "depth"
        labels = self.chosen_labels(path, options)
        frames = _frames(path, _PARTS[part])
        kinds = {kind for frame in frames for kind in frame.files}
        channels = {"image": Channel(("image",), pictures.image)}
        if labels:
            stored = next((kind for kind in _LABEL_FILES if kind in kinds), _LABEL_FILES[0])
            classes = CITYSCAPES_7_OF_19 if labels == "label_7" else tuple(range(len(CITYSCAPES_19)))
            ids = CITYSCAPES_IDS if stored == "labelIds" else tuple(range(len(CITYSCAPES_19)))
            table = lookup(dict(zip(ids, classes, strict=True)))
            table[[*(i for i in range(_IDS) if stored == "labelIds" and i not in ids), VOID, -1]] = VOID
            channels["segmentation"] = Channel((stored,), partial(pictures.labels, kind=stored, table=table))
        if (path / "disparity").is_dir():
            needs = ("disparity",) if unit == "mtan" else ("disparity", "camera")
            channels["depth"] = Channel(needs, partial(_depth, unit=unit))
            if computed:
                channels["normals"] = Channel(("disparity", "camera"), _normals)
        names = CITYSCAPES_7 if labels == "label_7" else CITYSCAPES_19
        return FileRelease(
            path.resolve().name or self.name,
            frames,
            channels,
            class_names=names,
            depth_unit="m" if unit == "m" else "1/m",
        )


def _frames(path: Path, folder: str) -> list[FrameFiles]:
    listed = {
        "image": list_files(path / "leftImg8bit" / folder, "_leftImg8bit.png", nested=True),
        "disparity": list_files(path / "disparity" / folder, "_disparity.png", nested=True),
        "camera": list_files(path / "camera" / folder, "_camera.json", nested=True),
    }
    for kind in _LABEL_FILES:
        listed[kind] = list_files(path / "gtFine" / folder, f"_gtFine_{kind}.png", nested=True)
    return matched({kind: files for kind, files in listed.items() if files})


def _depth(files: Mapping[str, Path], *, unit: str) -> NDArray[Any]:
    stored = read_numbers(files["disparity"])
    if (
        stored.ndim != 2
        or stored.dtype.kind not in "iu"
        or stored.dtype.itemsize < 2
        or stored.min() < 0
        or stored.max() > 65535
    ):
        raise ValueError(
            f"expected a disparity picture of 16 bits. Received {stored.dtype} {list(stored.shape)}"
        )
    steps = np.where(stored > 1, stored, 0).astype(np.float32)
    if unit == "mtan":
        return steps / np.float32(65535)
    _, baseline_fx = _camera(files["camera"])
    pixels = np.maximum(steps - 1, 0, dtype=np.float32) / np.float32(256)
    if unit == "1/m":
        return pixels / np.float32(baseline_fx)
    return np.divide(np.float32(baseline_fx), pixels, out=np.zeros_like(pixels), where=pixels > 0)


def _normals(files: Mapping[str, Path]) -> NDArray[np.int8]:
    metres = _depth(files, unit="m")
    camera, _ = _camera(files["camera"])
    return as_normals(normals_from_depth(metres, camera.scaled(metres.shape[1] / _NATIVE_COLUMNS)))


def _camera(path: Path) -> tuple[Intrinsics, float]:
    """The camera at 2048 columns, and baseline * fx in metres times pixels."""
    stored: Any = read_json(path, "camera of a frame")
    try:
        inner = stored["intrinsic"]
        camera = Intrinsics(*(float(inner[key]) for key in ("fx", "fy", "u0", "v0")))
        baseline_fx = float(stored["extrinsic"]["baseline"]) * camera.fx
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path}: expected extrinsic.baseline and intrinsic.fx, fy, u0, v0: {error!r}."
        ) from error
    if not (0 < baseline_fx < float("inf") and camera.fy > 0):
        raise UsageError(
            f"{path}: baseline {baseline_fx / camera.fx:g} m and fx {camera.fx:g} must be above 0."
        )
    return camera, baseline_fx
