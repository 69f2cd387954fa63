"""Truth that a task derives from that of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.datasets.derived import with_derived
from edgenas.errors import UsageError
from edgenas.tasks import get_task
from edgenas.tasks.plugins import load_task_module

SIZE = {"height": 16, "width": 24, "frames": 5}


@pytest.fixture(autouse=True)
def edges(own_tasks: Path) -> None:
    load_task_module(own_tasks)


def archive(folder: Path, **arrays: np.ndarray) -> str:
    image = np.zeros((16, 8, 8, 3), np.uint8)
    np.savez(folder / "small.npz", image=image, **arrays)  # type: ignore[arg-type]
    return str(folder / "small.npz")


def test_every_way_of_reading_gives_the_same() -> None:
    plain = load_dataset("rooms", "train", tasks=["segmentation"], **SIZE)  # type: ignore[arg-type]
    data = load_dataset("rooms", "train", tasks=["edges", "depth"], **SIZE)  # type: ignore[arg-type]
    assert data.info.tasks == ("depth", "edges") and data.info.head_channels == {"depth": 1, "edges": 1}
    assert data.info.fingerprint != plain.info.fingerprint
    expected = get_task("edges").derive(plain.stored_arrays())
    assert 0 < (expected == 1).mean() < 0.5
    np.testing.assert_array_equal(data.stored_arrays()["edges"], expected)
    np.testing.assert_array_equal(data.stored_batch([3, 1])["edges"], expected[[3, 1]])
    np.testing.assert_array_equal(data.frame(4).targets["edges"], expected[4])
    assert [frame["edges"].tolist() for frame in data.stored_frames(2)] == expected[2:].tolist()
    assert set(data.stored_arrays()) == {"image", "depth", "edges"}
    assert data.hold()
    np.testing.assert_array_equal(data.stored_batch([0])["edges"], expected[:1])


def test_an_array_of_its_own_comes_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    own = rng.integers(0, 2, (16, 8, 8)).astype(np.uint8)
    source = archive(tmp_path, edges=own, seg2=np.zeros((16, 8, 8), np.uint8))
    data = load_dataset(source, "all", tasks=["edges"])
    np.testing.assert_array_equal(data.stored_arrays()["edges"], own)
    assert load_dataset(source, "all").info.tasks == ("edges", "segmentation")


def test_what_cannot_be_derived(tmp_path: Path) -> None:
    source = archive(tmp_path, depth=np.ones((16, 8, 8), np.float16))
    with pytest.raises(
        UsageError, match=r"Unknown task of small 'edges'.*could be derived from segmentation"
    ):
        load_dataset(source, "train", tasks=["edges"])
    with pytest.raises(UsageError, match=r"Unknown task of rooms 'edges2'|Unknown task 'edges2'"):
        load_dataset("rooms", "train", tasks=["edges2"])
    data = load_dataset(source, "train")
    assert with_derived(data, ["edges", "depth"]) is data


def test_a_derivation_of_the_wrong_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset("rooms", "train", tasks=["edges"], **SIZE)  # type: ignore[arg-type]
    monkeypatch.setattr(type(get_task("edges")), "derive", lambda self, stored: stored["segmentation"] > 3)
    with pytest.raises(UsageError, match=r"Edges.derive: expected uint8 \(1, 16, 24\). Received bool"):
        data.frame(0)
