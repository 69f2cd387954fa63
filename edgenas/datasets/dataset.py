"""`Dataset`: frames by index, from wherever they come."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.records import DatasetInfo, Frame, decode
from edgenas.errors import EdgenasError

__all__ = ["IN_MEMORY_BYTES", "Dataset", "evenly_spread"]

IN_MEMORY_BYTES = 2**30
"""A data set whose frames are larger than this in compact form is read from the disk again and again."""


class Dataset(ABC):
    """One split of a data set.

    Frames are read when they are asked for, until `hold` takes them into memory. Reading is safe from several threads.

    Attributes:
        info: what it holds.
        read_error: why a frame could not be read in the background, see `edgenas.datasets.pipeline.batches_of`.
    """

    def __init__(self, info: DatasetInfo, length: int) -> None:
        self.info = info
        self.read_error: EdgenasError | None = None
        self._length = length
        self._held: dict[str, NDArray[Any]] | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return self._length

    def frame(self, index: int) -> Frame:
        """One frame; with the tasks of `info`.

        Raises:
            IndexError: `index` is not in 0 .. len - 1.
            UsageError: its file is missing or damaged.
        """
        return Frame.from_stored(self._one(index))

    def arrays(self, indices: Sequence[int] | None = None) -> dict[str, NDArray[Any]]:
        """Stacked frames, image u8 [N, H, W, 3] and the truth of each task.

        Args:
            indices: which frames; every frame when None.
        """
        kept = self.stored_arrays() if indices is None else self.stored_batch(indices)
        return {key: decode(key, array) for key, array in kept.items()}

    def stored_arrays(self) -> dict[str, NDArray[Any]]:
        """Every frame in compact form: image u8, segmentation u8, depth f16 (or wider), normals i8 = 127 n."""
        return self._wanted(self._stored_arrays()) if self._held is None else self._held

    def stored_batch(
        self, indices: Sequence[int] | NDArray[np.int64], keys: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Some frames in compact form, stacked.

        Args:
            indices: which frames.
            keys: "image" and names of tasks; all of them when None.

        Raises:
            UsageError: a file is missing or damaged.
        """
        wanted = ("image", *self.info.tasks) if keys is None else tuple(keys)
        places = np.asarray(indices, np.int64)
        if self._held is not None:
            return {key: self._held[key][places] for key in wanted}
        return self._stored_batch(places, wanted)

    def stored_frames(self, start: int = 0) -> Iterator[dict[str, NDArray[Any]]]:
        """Every frame from `start` on, in order and in compact form; only a few of them are in memory at a time."""
        if self._held is not None:
            yield from (self._one(index) for index in range(start, len(self)))
            return
        for kept in self._stored_frames(start):
            yield self._wanted(kept)

    def stored_form(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of "image" and of each task in compact form, of one frame."""
        return {key: (array.shape, array.dtype) for key, array in self._one(0).items()}

    @property
    def stored_bytes(self) -> int:
        """Size of every frame in compact form."""
        return len(self) * sum(array.nbytes for array in self._one(0).values())

    def hold(self) -> bool:
        """Takes every frame into memory for quick access, where they are no larger than `IN_MEMORY_BYTES`.

        Returns:
            Whether they are in memory now.
        """
        if self._held is None and self.stored_bytes <= IN_MEMORY_BYTES:
            self._held = self.stored_arrays()
        return self._held is not None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the frames that can be read again: another process reads them itself."""
        return {**self.__dict__, "_held": None, "read_error": None}

    def _one(self, index: int) -> dict[str, NDArray[Any]]:
        if not 0 <= index < self._length:
            raise IndexError(f"frame {index} of {self.info.name}: expected 0 to {self._length - 1}")
        if self._held is not None:
            return {key: array[index] for key, array in self._held.items()}
        return self._wanted(self._stored_frame(index))

    def _wanted(self, kept: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {key: kept[key] for key in ("image", *self.info.tasks)}

    def _stored_batch(self, indices: NDArray[np.int64], keys: tuple[str, ...]) -> dict[str, NDArray[Any]]:
        """The compact arrays of some frames; one by one where a data set has no better way."""
        frames = [self._one(int(index)) for index in indices]
        return {key: np.stack([frame[key] for frame in frames]) for key in keys}

    def _stored_frames(self, start: int) -> Iterator[dict[str, NDArray[Any]]]:
        """The compact frames in order; each core reads one ahead where a data set has no better way."""
        ahead = 2 * (os.cpu_count() or 1)
        waiting: deque[Future[dict[str, NDArray[Any]]]] = deque()
        with ThreadPoolExecutor(ahead // 2) as pool:
            try:
                for index in range(start, len(self)):
                    waiting.append(pool.submit(self._stored_frame, index))
                    if len(waiting) >= ahead:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    @abstractmethod
    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        """The compact arrays of one frame."""

    @abstractmethod
    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        """The compact arrays of all frames."""


def evenly_spread(count: int, length: int) -> NDArray[np.int64]:
    """Positions i64 [count] of `count` among `length` frames, by rising number: the first, then every n-th."""
    positions: NDArray[np.int64] = np.arange(count, dtype=np.int64) * length // max(count, 1)
    return positions
