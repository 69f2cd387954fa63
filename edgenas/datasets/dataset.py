"""`Dataset`: frames by index, from wherever they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.records import DatasetInfo, Frame, decode

__all__ = ["Dataset"]


class Dataset(ABC):
    """One split of a data set.

    Attributes:
        info: what it holds.
    """

    def __init__(self, info: DatasetInfo, length: int) -> None:
        self.info = info
        self._length = length

    def __len__(self) -> int:
        """Number of frames."""
        return self._length

    def frame(self, index: int) -> Frame:
        """One frame; tasks that were not asked for are None.

        Raises:
            IndexError: `index` is not in 0 .. len - 1.
        """
        if not 0 <= index < self._length:
            raise IndexError(f"frame {index} of {self.info.name}: expected 0 to {self._length - 1}")
        return Frame.from_stored(self._wanted(self._stored_frame(index)))

    def arrays(self, indices: Sequence[int] | None = None) -> dict[str, NDArray[Any]]:
        """Stacked frames, keys as the fields of `Frame`: image [N, H, W, 3] and one array per task.

        Args:
            indices: which frames; every frame when None.
        """
        if indices is None:
            return {key: decode(key, kept) for key, kept in self.stored_arrays().items()}
        frames = [self.frame(int(index)) for index in indices]
        return {
            key: np.stack([getattr(frame, key) for frame in frames]) for key in ("image", *self.info.tasks)
        }

    def stored_arrays(self) -> dict[str, NDArray[Any]]:
        """Every frame in compact form: image u8, segmentation u8, depth f16 (or wider), normals i8 = 127 n."""
        return self._wanted(self._stored_arrays())

    def expect_every_frame(self) -> None:  # noqa: B027 - to do nothing is right for most
        """Told before every frame is read once in order: a data set for which that is slow makes it quick.

        Must not load a large data set into memory. Does nothing here.
        """

    def _wanted(self, kept: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {key: kept[key] for key in ("image", *self.info.tasks)}

    @abstractmethod
    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        """The compact arrays of one frame."""

    @abstractmethod
    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        """The compact arrays of all frames."""
