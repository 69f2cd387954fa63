"""NYUv2 as its makers release it: nyu_depth_v2_labeled.mat (MATLAB 7.3, that is HDF5) with small .mat files beside it.

MATLAB stores columns first, so h5py shows every axis reversed: a frame's image is [3, W, H], depths and labels [W, H].
They are transposed; a rotation would mirror them. Of the 894 classes (0 void) classMapping40.mat makes 40, and these
belong to 13. splits.mat has the official split, counted from 1.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import NYUV2_13, NYUV2_13_OF_40, NYUV2_40, VOID
from edgenas.datasets.layouts.hdf5_release import Hdf5Release, StoredArray, open_hdf5
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.mat_files import read_mat
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Release
from edgenas.datasets.layouts.surface_normals import Intrinsics, normals_from_depth
from edgenas.datasets.layouts.values import as_bytes_rgb, as_depth, as_labels, as_normals, lookup
from edgenas.errors import UsageError

__all__ = ["CAMERA", "Nyuv2Mat"]

CAMERA = Intrinsics(fx=518.8579, fy=519.4696, cx=325.5824, cy=253.7362)
"""Colour camera of NYUv2 at 480x640, to which depth is registered (camera_params.m of its toolbox)."""

_FILE = "nyu_depth_v2_labeled.mat"
_MAGIC, _USER_BLOCK = b"\x89HDF\r\n\x1a\n", 512
_ALL_CLASSES = 894


class Nyuv2Mat(Layout):
    """40 or 13 classes, depth in metres, 480x640; normals only computed."""

    name = "nyuv2-mat"
    description = f"NYUv2 as released: {_FILE}, with splits.mat and classMapping40.mat beside it"
    settings = MappingProxyType(
        {
            "depth": "filled (every pixel, the default) or raw (0 where the camera saw nothing)",
            "normals": "stored (the default: there are none) or depth (computed from depth and the camera)",
            "splits": "path of splits.mat, beside the file by default; none to take all frames as training frames",
            "classes40": "path of classMapping40.mat, beside the file by default",
            "classes13": "path of class13Mapping.mat; beside the file, else the same mapping built in",
        }
    )

    def recognises(self, path: Path) -> bool:
        """A .mat file that is HDF5, or a folder with the release's file."""
        file = _file(path)
        if file.suffix != ".mat" or not file.is_file():
            return False
        with file.open("rb") as stream:
            head = stream.read(_USER_BLOCK + len(_MAGIC))
        return head.startswith(_MAGIC) or head[_USER_BLOCK:] == _MAGIC

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """13 or 40 classes."""
        return ("seg13", "seg40")

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of the official split."""
        index = self._index(_file(path), (options or OpenOptions()).settings.get("splits", ""))
        return {part: len(numbers) for part, numbers in index.items()}

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One part of the official split."""
        file = _file(path)
        index = self._index(file, options.settings.get("splits", ""))[part]
        depth = {"filled": "depths", "raw": "rawDepths"}[self.setting(options, "depth", ("filled", "raw"))]
        computed = self.setting(options, "normals", ("stored", "depth")) == "depth"
        labels = self.chosen_labels(path, options)
        arrays = {"image": StoredArray("images", _image), "depth": StoredArray(depth, _depth)}
        if computed:
            arrays["normals"] = StoredArray(depth, _normals)
        choices = ""
        if options.tasks is None or "segmentation" in options.tasks:
            table = self._table(file, labels, options)
            choices = table.tobytes().hex()
            arrays["segmentation"] = StoredArray("labels", partial(_labels, table=table))
        _check(file, {array.key for array in arrays.values()}, max(index, default=0) + 1)
        return Hdf5Release(
            file,
            index,
            arrays,
            name=file.stem,
            class_names=NYUV2_13 if labels == "seg13" else NYUV2_40,
            choices=choices,
        )

    def _index(self, file: Path, given: str) -> dict[str, list[int]]:
        """Frames of each part, counted from 0."""
        if given == "none":
            with open_hdf5(file) as stored:
                return {"train": list(range(len(stored["images"])))}
        beside = Path(given) if given else file.with_name("splits.mat")
        numbers = read_mat(beside, "official split", f"give its path by {file}#splits=PATH")
        found = {}
        for part, key in (("train", "trainNdxs"), ("test", "testNdxs")):
            values = np.asarray(numbers.get(key, [])).ravel()
            if not len(values) or values.dtype.kind not in "fiu" or values.min() < 1:
                raise UsageError(f"{beside}: expected {key}, numbers from 1. Received {values[:5].tolist()}.")
            found[part] = [int(number) - 1 for number in values]
        return found

    def _table(self, file: Path, labels: str, options: OpenOptions) -> NDArray[np.uint8]:
        """From the 894 ids to classes; void is 0 in the file."""
        beside = Path(options.settings.get("classes40", "") or file.with_name("classMapping40.mat"))
        hint = f"give its path by {file}#classes40=PATH, or leave segmentation out by --tasks"
        forty = _numbers(
            read_mat(beside, "mapping to 40 classes", hint).get("mapClass"), _ALL_CLASSES, 40, beside
        )
        if labels == "seg40":
            return lookup({0: VOID, **{i: int(c) - 1 for i, c in enumerate(forty, 1)}})
        thirteen: Any = np.array(NYUV2_13_OF_40) + 1
        beside = Path(options.settings.get("classes13", "") or file.with_name("class13Mapping.mat"))
        if "classes13" in options.settings or beside.is_file():
            stored = read_mat(beside, "mapping to 13 classes", "leave classes13 out").get("classMapping13")
            thirteen = _numbers(stored, len(NYUV2_40), 13, beside)
        return lookup({0: VOID, **{i: int(thirteen[int(c) - 1]) - 1 for i, c in enumerate(forty, 1)}})


def _file(path: Path) -> Path:
    return path / _FILE if path.is_dir() else path


def _numbers(stored: Any, count: int, classes: int, path: Path) -> NDArray[Any]:
    """The class of each id, from 1; MATLAB wraps it in structures and cells."""
    values = np.asarray(stored)
    while values.dtype.kind in "OV" and values.size == 1:
        inner = values.ravel()[0]
        values = np.asarray(inner[0] if isinstance(inner, np.void) else inner)
    values = values.ravel()
    if len(values) != count or values.dtype.kind not in "fiu" or values.min() < 1 or values.max() > classes:
        raise UsageError(
            f"{path}: expected {count} classes from 1 to {classes}. Received {values[:5].tolist()}..."
        )
    return values


def _check(file: Path, keys: set[str], frames: int) -> None:
    """Refuses a file whose arrays have other shapes, before a frame is read."""
    with open_hdf5(file) as stored:
        for key in sorted(keys | {"images"}):
            shape = stored[key].shape if key in stored else None
            if (
                shape is None
                or len(shape) != (4 if key == "images" else 3)
                or shape[-2:] != stored["images"].shape[-2:]
            ):
                raise UsageError(
                    f"{file}: {key} is {'missing' if shape is None else list(shape)}. Expected images [N, 3, W, H] and "
                    f"{key} of the same frames, as nyu_depth_v2_labeled.mat has them."
                )
            if shape[0] < frames:
                raise UsageError(
                    f"{file}: {key} has {shape[0]} frames, the split names {frames}. Was it cut short?"
                )


def _image(stored: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(as_bytes_rgb(stored.transpose(2, 1, 0)))


def _depth(stored: NDArray[Any]) -> NDArray[np.float32]:
    return as_depth(stored.T)


def _labels(stored: NDArray[Any], *, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return as_labels(stored.T, table)


def _normals(stored: NDArray[Any]) -> NDArray[np.int8]:
    metres = as_depth(stored.T)
    return as_normals(normals_from_depth(metres, CAMERA.scaled(metres.shape[1] / 640)))
