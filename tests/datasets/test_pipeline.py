"""The tf.data pipeline: what it yields, in which order, and how it continues."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import Dataset, DatasetInfo, load_dataset, make_pipeline
from edgenas.errors import UsageError

tf = pytest.importorskip("tensorflow")


class Numbered(Dataset):
    """Frames whose every pixel says which frame it is."""

    def __init__(self, count: int) -> None:
        info = DatasetInfo("numbered", 4, 6, ("depth", "segmentation"), ("a",) * 200, "m", "none")
        super().__init__(info, count)

    def _stored_frame(self, index: int) -> dict[str, Any]:
        return {key: values[index] for key, values in self._stored_arrays().items()}

    def _stored_arrays(self) -> dict[str, Any]:
        number = np.broadcast_to(np.arange(len(self), dtype=np.uint8)[:, None, None], (len(self), 4, 6))
        image = np.repeat(number[..., None], 3, axis=-1)
        return {"image": image, "segmentation": number, "depth": number.astype(np.float16)}


def frame_numbers(count: int, batch_size: int, batches: int, **options: Any) -> list[list[int]]:
    settings: dict[str, Any] = {"training": True, "seed": 1, **options}
    pipeline = make_pipeline(Numbered(count), batch_size=batch_size, **settings)
    return [targets["segmentation"].numpy()[:, 0, 0].tolist() for _, targets in islice(pipeline, batches)]


def flat(batches: list[list[int]]) -> list[int]:
    return [number for batch in batches for number in batch]


def some_rooms(tmp_path: Path, **options: Any) -> Dataset:
    return load_dataset("rooms", "train", height=12, width=16, frames=7, cache_dir=tmp_path, **options)


def same(a: Any, b: Any) -> bool:
    return bool(np.array_equal(a[0], b[0])) and all(np.array_equal(a[1][k], b[1][k]) for k in a[1])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100, 163])
def test_each_epoch_is_its_own_permutation(count: int) -> None:
    epochs = np.reshape(flat(frame_numbers(count, count, 6)), (6, count))
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(count))
    if count > 6:
        assert len({tuple(epoch) for epoch in epochs.tolist()}) == 6
        assert epochs[0].tolist() != list(range(count))


def test_batches_run_across_the_ends_of_epochs() -> None:
    numbers = flat(frame_numbers(5, 4, 10))
    assert set(Counter(numbers).values()) == {8}
    assert all(sorted(numbers[start : start + 5]) == list(range(5)) for start in range(0, 40, 5))


def test_a_batch_may_be_larger_than_the_data() -> None:
    assert set(Counter(frame_numbers(2, 8, 1)[0]).values()) == {4}


def test_order_depends_on_the_seed_but_not_on_the_augmentation() -> None:
    assert frame_numbers(50, 10, 3) == frame_numbers(50, 10, 3, augment=False)
    assert frame_numbers(50, 10, 3) != frame_numbers(50, 10, 3, seed=2)


@pytest.mark.parametrize("augment", [False, True])
def test_starting_at_a_step_continues_exactly(tmp_path: Path, augment: bool) -> None:
    dataset = some_rooms(tmp_path)
    options: dict[str, Any] = {"batch_size": 4, "training": True, "seed": 9, "augment": augment}
    whole = list(islice(make_pipeline(dataset, **options), 9))
    again = list(islice(make_pipeline(dataset, **options), 9))
    later = list(islice(make_pipeline(dataset, start_step=5, **options), 4))
    assert all(same(a, b) for a, b in zip(whole, again, strict=True))
    assert all(same(a, b) for a, b in zip(whole[5:], later, strict=True))
    assert not same(whole[0], whole[1])


def test_validation_goes_once_in_order_with_a_smaller_last_batch(tmp_path: Path) -> None:
    dataset = some_rooms(tmp_path)
    batches = list(make_pipeline(dataset, batch_size=3, training=False, seed=4))
    assert [len(image) for image, _ in batches] == [3, 3, 1]
    arrays = dataset.arrays()
    for key in dataset.info.tasks:
        got = np.concatenate([targets[key].numpy() for _, targets in batches])
        np.testing.assert_allclose(got.reshape(arrays[key].shape), arrays[key], atol=1e-6)
    images = np.concatenate([image.numpy() for image, _ in batches])
    np.testing.assert_allclose(images, arrays["image"] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
def test_shapes_types_and_ranges(tmp_path: Path, training: bool) -> None:
    pipeline = make_pipeline(some_rooms(tmp_path), batch_size=4, training=training)
    image, targets = next(iter(pipeline))
    assert image.shape == (4, 12, 16, 3) and image.dtype == tf.float32
    assert np.abs(image.numpy()).max() <= 1
    assert targets["segmentation"].shape == (4, 12, 16) and targets["segmentation"].dtype == tf.int32
    assert targets["depth"].shape == (4, 12, 16, 1) and targets["depth"].dtype == tf.float32
    length = np.linalg.norm(targets["normals"].numpy(), axis=-1)
    assert np.all(np.isclose(length, 1, atol=1e-5) | (length == 0))
    static = pipeline.element_spec[0].shape
    assert static[1:] == (12, 16, 3) and (static[0] == 4 or not training)


def test_only_the_tasks_asked_for_are_fed(tmp_path: Path) -> None:
    pipeline = make_pipeline(some_rooms(tmp_path), batch_size=2, tasks=["depth"], training=True)
    assert set(pipeline.element_spec[1]) == {"depth"}
    dataset = some_rooms(tmp_path, tasks=["depth"])
    with pytest.raises(UsageError, match=r"Unknown task of rooms 'normals'\. Known: depth"):
        make_pipeline(dataset, batch_size=2, tasks=["normals"], training=True)


@pytest.mark.parametrize("name", ["batch_size", "start_step", "seed"])
def test_numbers_out_of_range_are_named(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"batch_size": 2, "training": True, name: -1}
    with pytest.raises(UsageError, match=rf"Invalid value for {name}\. Expected at least [01]; got -1"):
        make_pipeline(some_rooms(tmp_path), **options)
