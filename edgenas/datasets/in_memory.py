"""A data set whose frames are arrays in memory: what a machine gets that does not have the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from edgenas.datasets.dataset import Dataset
from edgenas.datasets.records import DatasetInfo

__all__ = ["ArrayDataset", "in_memory"]


class ArrayDataset(Dataset):
    """Frames in their compact form, see `Dataset.stored_arrays`. Pickled, the arrays can travel without a copy.

    Args:
        info: what the arrays hold.
        arrays: image u8 [N, H, W, 3] and one array [N, H, W, ...] per task of `info`; may be read-only.

    Raises:
        ValueError: an array is missing, or the arrays differ in their number of frames.
    """

    def __init__(self, info: DatasetInfo, arrays: Mapping[str, NDArray[Any]]) -> None:
        wanted = ("image", *info.tasks)
        counts = {key: len(arrays[key]) for key in wanted if key in arrays}
        if len(counts) < len(wanted) or len(set(counts.values())) != 1:
            raise ValueError(f"Expected arrays {wanted} of equally many frames. Received {counts}.")
        super().__init__(info, counts["image"])
        self._arrays = {key: arrays[key] for key in wanted}

    def _stored_frame(self, index: int) -> dict[str, NDArray[Any]]:
        return {key: array[index] for key, array in self._arrays.items()}

    def _stored_arrays(self) -> dict[str, NDArray[Any]]:
        return self._arrays


def in_memory(dataset: Dataset) -> ArrayDataset:
    """The same frames, without the file or the generator behind them."""
    return (
        dataset if isinstance(dataset, ArrayDataset) else ArrayDataset(dataset.info, dataset.stored_arrays())
    )
