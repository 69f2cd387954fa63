from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import ArrayDataset, Dataset, in_memory, load_dataset


@pytest.fixture(params=["archive", "rooms"])
def dataset(request: pytest.FixtureRequest, tiny_archive: Path, tmp_path: Path) -> Dataset:
    if request.param == "archive":
        return load_dataset(str(tiny_archive), "train", tasks=["depth", "segmentation"])
    return load_dataset("rooms", "train", height=24, width=32, frames=5, cache_dir=tmp_path)


def test_frames_and_description_are_the_same(dataset: Dataset) -> None:
    copy = in_memory(dataset)
    assert copy.info == dataset.info and len(copy) == len(dataset)
    for key, array in dataset.arrays().items():
        assert np.array_equal(copy.arrays()[key], array)
        assert np.array_equal(getattr(copy.frame(3), key), getattr(dataset.frame(3), key))
    assert in_memory(copy) is copy


def test_pickled_its_arrays_travel_beside_the_stream(dataset: Dataset) -> None:
    buffers: list[Any] = []
    copy = in_memory(dataset)
    stream = pickle.dumps(copy, protocol=5, buffer_callback=buffers.append)
    assert len(stream) < 3000 and len(buffers) == 1 + len(dataset.info.tasks)
    again = pickle.loads(stream, buffers=[bytes(b.raw()) for b in buffers])  # noqa: S301
    assert not again.stored_arrays()["image"].flags.writeable
    assert np.array_equal(again.arrays()["image"], dataset.arrays()["image"])


def test_missing_or_uneven_arrays_are_refused(dataset: Dataset) -> None:
    arrays = dataset.stored_arrays()
    with pytest.raises(ValueError, match="equally many frames"):
        ArrayDataset(dataset.info, {"image": arrays["image"]})
    with pytest.raises(ValueError, match="equally many frames"):
        ArrayDataset(dataset.info, {**arrays, "depth": arrays["depth"][1:]})
