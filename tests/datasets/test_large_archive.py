"""Archives that are too large for the memory are unpacked once and read from the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.datasets.archive import ArchiveDataset
from edgenas.datasets.prepared import PreparedDataset
from edgenas.errors import UsageError
from edgenas.workflow.prepare import prepare_source

LIMIT = "edgenas.datasets.dataset.IN_MEMORY_BYTES"


@pytest.mark.parametrize("split", ["train", "validation", "all"])
def test_a_large_archive_has_the_same_frames(
    tiny_archive: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    small = load_dataset(str(tiny_archive), split, tasks=["depth"])
    monkeypatch.setattr(LIMIT, 1000)
    large = load_dataset(str(tiny_archive), split, tasks=["depth"])
    assert isinstance(large, PreparedDataset) and large.info.fingerprint == small.info.fingerprint
    assert not large.hold()
    for key, array in small.stored_arrays().items():
        np.testing.assert_array_equal(large.stored_batch(range(len(small)))[key], array)


def test_preparing_it_reads_it_in_order_without_the_cache(
    tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_source(str(tiny_archive), tmp_path / "small")
    monkeypatch.setattr(LIMIT, 1000)
    monkeypatch.setattr("edgenas.datasets.prepared.index.SHARD_BYTES", 2**26)
    prepare_source(str(tiny_archive), tmp_path / "large")
    for path in (tmp_path / "small").iterdir():
        assert path.read_bytes() == (tmp_path / "large" / path.name).read_bytes()
    streamed = ArchiveDataset(str(tiny_archive), "train")
    assert streamed.large and len(list(streamed.stored_frames(30))) == 5
    with pytest.raises(UsageError, match=r"too large for the memory\. Prepare it once"):
        streamed.stored_arrays()


def test_wrong_values_and_damage_are_named(
    tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LIMIT, 1000)
    with np.load(tiny_archive) as archive:
        arrays = {key: archive[key].copy() for key in ("image", "depth")}
    arrays["depth"][21, 3, 5] = np.nan
    path = tmp_path / "nan.npz"
    np.savez(path, **arrays)
    with pytest.raises(UsageError, match=r"key 'depth' holds nan at \[frame, row, column\] = \[21, 3, 5\]"):
        load_dataset(str(path), "train")
    arrays["depth"][21, 3, 5] = 1
    np.savez(path, **arrays)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"nan\.npz cannot be read as an \.npz archive"):
        load_dataset(str(path), "train")
    np.savez(path, image=np.asfortranarray(arrays["image"]), depth=arrays["depth"])
    with pytest.raises(UsageError, match="stored column by column"):
        load_dataset(str(path), "train")
