"""One split of a release as a `Dataset`: frames are decoded when they are asked for."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset, evenly_spread
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.release import Release
from edgenas.datasets.layouts.resize import resize_image, resize_nearest
from edgenas.datasets.records import DatasetInfo
from edgenas.errors import UsageError, unknown_name

__all__ = ["LayoutDataset"]

_LOG = logging.getLogger(__name__)
_SHOWN = 5


class LayoutDataset(Dataset):
    """Frames of a release.

    Each frame is checked when it is read: a missing or damaged file, labels outside the classes, NaN or negative
    depth, or targets of another size than the image are errors that name the file. A frame without any valid pixel
    is data like any other: it adds nothing to losses and metrics.

    Args:
        release: where frames come from.
        positions: positions in the release that belong to the split, in order.
        split: name of the split, for errors.
        options: tasks, size and number of frames wanted.
        rule: how the split was made and what was chosen, part of the fingerprint.

    Raises:
        UsageError: a task does not exist, files are missing or damaged, or the split has too few frames.
    """

    def __init__(
        self, release: Release, positions: NDArray[np.int64], split: str, options: OpenOptions, rule: str
    ) -> None:
        self._release = release
        for task in options.tasks or ():
            if task not in release.tasks:
                raise unknown_name(f"task of {release.name}", task, release.tasks, "edgenas data layouts")
        wanted = release.tasks if options.tasks is None else options.tasks
        tasks = tuple(sorted(set(wanted)))
        if not tasks:
            raise UsageError(
                f"{release.name}: no targets beside the images. Expected labels, depth or normals."
            )
        self._keys = ("image", *tasks)
        self.skipped = self._check_files(positions, split, options.skip_broken)
        """Broken frames that were left out: {position in the release: reason}."""
        positions = positions[[int(position) not in self.skipped for position in positions]]
        frames = None if options.frames == len(positions) else options.frames
        if not len(positions) or (frames is not None and frames > len(positions)):
            raise UsageError(
                f"{release.name}: the {split} split has {len(positions)} of {len(release)} frames, expected at least "
                f"{options.frames or 1}."
            )
        if frames is not None:
            positions = positions[evenly_spread(frames, len(positions))]
        self._positions = positions
        rows, columns = release.read(int(positions[0]), "image").shape[:2]
        self._resize = options.height is not None or options.width is not None
        height, width = options.height or rows, options.width or columns
        named = f"{release.digest()} {rule} {height}x{width} frames {frames} without {sorted(self.skipped)}"
        info = DatasetInfo(
            name=release.name,
            height=height,
            width=width,
            tasks=tasks,
            class_names=release.class_names if "segmentation" in tasks else (),
            depth_unit=release.depth_unit,
            fingerprint=hashlib.sha256(named.encode()).hexdigest()[:16],
        )
        super().__init__(info, len(positions))

    def frame_name(self, index: int) -> str:
        """What the release calls frame `index`."""
        return self._release.frame_name(int(self._positions[index]))

    def frame_files(self, index: int) -> Mapping[str, Path]:
        """The files of frame `index` by kind; empty where the release keeps all frames in one file."""
        return self._release.files(int(self._positions[index]))

    def _check_files(self, positions: NDArray[np.int64], split: str, skip: bool) -> dict[int, str]:
        """The broken frames of the split; refuses them unless they are to be left out."""
        faults = self._release.faults(self._keys)
        broken = {int(p): faults[int(p)] for p in positions if int(p) in faults}
        if not broken:
            return {}
        text = "\n  ".join([*list(broken.values())[:_SHOWN], *(["..."] if len(broken) > _SHOWN else [])])
        count = f"{len(broken)} of {len(positions)} frames of the {split} split"
        if not skip:
            raise UsageError(
                f"{self._release.name}: {count} are missing files or damaged:\n  {text}\n"
                "Restore the files, leave these frames out with --skip-broken, or name the targets that are whole "
                "with --tasks."
            )
        _LOG.warning("%s: left out %s:\n  %s", self._release.name, count, text)
        return broken

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        position = int(self._positions[index])
        frame = {key: self._release.read(position, key) for key in self._keys}
        rows, columns = frame["image"].shape[:2]
        name = f"{self._release.name}, frame {self._release.frame_name(position)}"
        for key, values in frame.items():
            if values.shape[:2] != (rows, columns):
                raise UsageError(
                    f"{name}: the image has {rows}x{columns} pixels, its target {key} "
                    f"{values.shape[0]}x{values.shape[1]}. Expected the same size."
                )
        height, width = self.info.height, self.info.width
        if (rows, columns) == (height, width):
            return frame
        if not self._resize:
            raise UsageError(
                f"{name} has {rows}x{columns} pixels, the first frame {height}x{width}. Give --height and --width to "
                "bring all frames to one size."
            )
        return {
            key: (resize_image if key == "image" else resize_nearest)(values, height, width)
            for key, values in frame.items()
        }

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        first = self._stored_frame(0)
        needed = len(self) * sum(array.nbytes for array in first.values())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if needed > memory // 2:
            raise UsageError(
                f"{self.info.name}: {len(self)} frames of {self.info.height}x{self.info.width} take "
                f"{needed / 2**30:.1f} GiB, more than half of this machine's memory ({memory / 2**30:.1f} GiB). "
                "Prepare the data once, so that they are streamed: edgenas data prepare --help"
            )
        whole = {key: np.empty((len(self), *array.shape), array.dtype) for key, array in first.items()}

        def fill(index: int) -> None:
            for key, array in (first if index == 0 else self._stored_frame(index)).items():
                whole[key][index] = array

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for _ in pool.map(fill, range(len(self))):
                pass
        return whole
