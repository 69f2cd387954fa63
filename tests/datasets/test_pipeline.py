"""The tf.data pipeline: what it yields, in which order, and how it continues."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets import Dataset, DatasetInfo, batches_of, load_dataset, make_pipeline
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


class Files(Numbered):
    """The same frames, too large to be held, some of which cannot be read."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), error: Exception | None = None) -> None:
        super().__init__(count)
        self.broken, self.error, self.read = broken, error, 0

    def hold(self) -> bool:
        return False

    def _stored_frame(self, index: int) -> dict[str, Any]:
        self.read += 1
        if index in self.broken:
            raise self.error or UsageError(f"frame-{index}.png is cut short")
        return super()._stored_frame(index)


@settings(max_examples=12, deadline=None)
@given(
    count=st.integers(1, 30),
    batch_size=st.integers(1, 9),
    seed=st.integers(0, 2**31),
    start=st.integers(0, 10**6),
    augment=st.booleans(),
    tasks=st.sampled_from([None, ["depth"], ["segmentation"]]),
)
def test_frames_that_are_streamed_give_the_batches_of_frames_in_memory(
    count: int, batch_size: int, seed: int, start: int, augment: bool, tasks: list[str] | None
) -> None:
    options: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "tasks": tasks}
    options |= {"training": True, "start_step": start, "augment": augment}
    held, streamed = Numbered(count), Files(count)
    pairs = zip(make_pipeline(held, **options), make_pipeline(streamed, **options), strict=True)
    assert all(same(a, b) for a, b in islice(pairs, 4))
    assert streamed.read >= 4 * batch_size


def test_memory_is_used_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = some_rooms(tmp_path)
    assert dataset.stored_bytes == 7 * 12 * 16 * (3 + 1 + 2 + 3)
    monkeypatch.setattr("edgenas.datasets.dataset.IN_MEMORY_BYTES", dataset.stored_bytes - 1)
    options: dict[str, Any] = {"batch_size": 3, "training": True}
    streamed = list(islice(make_pipeline(dataset, **options), 4))
    assert dataset._held is None
    monkeypatch.setattr("edgenas.datasets.dataset.IN_MEMORY_BYTES", dataset.stored_bytes)
    held = list(islice(make_pipeline(dataset, **options), 4))
    assert dataset._held is not None
    assert all(same(a, b) for a, b in zip(streamed, held, strict=True))


def test_a_file_that_cannot_be_read_ends_the_batches_with_its_own_error() -> None:
    dataset = Files(8, broken=(5,))
    batches = batches_of(make_pipeline(dataset, batch_size=2, training=False), dataset)
    assert [len(next(batches)[0]) for _ in range(2)] == [2, 2]
    with pytest.raises(UsageError, match=r"^frame-5\.png is cut short$"):
        next(batches)


def test_a_file_that_went_away_is_named() -> None:
    dataset = Files(8, broken=(0, 3), error=FileNotFoundError(2, "No such file or directory", "/data/3.png"))
    dataset.broken = ()
    pipeline = make_pipeline(dataset, batch_size=4, training=True)
    dataset.broken = (0, 3)
    with pytest.raises(
        UsageError, match=r"Cannot read /data/3\.png: No such file or directory\. The data were"
    ):
        list(islice(batches_of(pipeline, dataset), 2))


def test_a_fault_of_ours_is_not_taken_for_bad_data() -> None:
    dataset = Files(8, broken=(7,), error=KeyError("oops"))
    with pytest.raises(tf.errors.OpError, match="oops"):
        list(batches_of(make_pipeline(dataset, batch_size=4, training=False), dataset))
