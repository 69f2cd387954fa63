"""Procedural scenes as a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.records import TASKS, DatasetInfo
from edgenas.datasets.scenes import VERSION, WORLDS
from edgenas.datasets.scenes.blocks import BLOCK_FRAMES, Block, SceneSpec, render_block
from edgenas.datasets.scenes.cache import SceneCache

__all__ = ["DEFAULT_FRAMES", "SceneDataset"]

DEFAULT_FRAMES = {"train": 2000, "validation": 100}
_SEED = 0


class SceneDataset(Dataset):
    """The first frames of a procedural world.

    Frames are kept like those of an archive (depth as f16, normals as i8), so depth is exact to 0.05% and
    normals to 0.4 degrees; `render_frame` gives them in full precision. Nothing is rendered before it is
    asked for: `frame(i)` alone makes one frame, `arrays()` makes all of them and keeps them on disk.

    Args:
        world: key of `WORLDS`.
        split: "train" or "validation".
        tasks: which targets, in the order of `TASKS`.
        height: rows; the world's default when None.
        width: columns; the world's default when None.
        frames: number of frames; `DEFAULT_FRAMES` when None.
        cache_dir: where rendered frames are kept; see `default_cache_dir`.
    """

    def __init__(
        self,
        world: str,
        split: str,
        *,
        tasks: tuple[str, ...] = TASKS,
        height: int | None = None,
        width: int | None = None,
        frames: int | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        kind = WORLDS[world]
        self._spec = SceneSpec(world, split, _SEED, height or kind.height, width or kind.width)
        self._cache = SceneCache(self._spec, cache_dir)
        self._last: tuple[int, Block | None] = (-1, None)
        length = frames or DEFAULT_FRAMES[split]
        size = f"{self._spec.height}x{self._spec.width}"
        named = f"{world} v{VERSION} seed {_SEED} {size} frames {length}"
        info = DatasetInfo(
            name=world,
            height=self._spec.height,
            width=self._spec.width,
            tasks=tasks,
            class_names=kind.class_names,
            depth_unit=kind.depth_unit,
            fingerprint=hashlib.sha256(named.encode()).hexdigest()[:16],
        )
        super().__init__(info, length)

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        number, place = divmod(index, BLOCK_FRAMES)
        last = self._last  # Another thread may put another block there.
        if last[0] != number:
            last = self._last = (number, self._cache.read(number, 1))
        block = last[1]
        if block is not None and place < len(block["image"]):
            return {key: array[place] for key, array in block.items()}
        return {key: array[0] for key, array in render_block(self._spec, index, index + 1).items()}

    def _stored_frames(self, start: int) -> Iterator[dict[str, NDArray[Any]]]:
        place = 0
        for block in self._cache.blocks(len(self)):
            for row in range(max(0, start - place), len(block["image"])):
                yield {key: array[row] for key, array in block.items()}
            place += len(block["image"])

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        whole: Block = {}
        for index, frame in enumerate(self._stored_frames(0)):
            for key, array in frame.items():
                if key not in whole:
                    whole[key] = np.empty((len(self), *array.shape), array.dtype)
                whole[key][index] = array
        return whole
