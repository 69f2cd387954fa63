"""Opening data sets by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import CITYSCAPES_19, NYUV2_13, Dataset, load_dataset
from edgenas.datasets.scenes import WORLDS, render_frame
from edgenas.datasets.scenes import blocks as scene_blocks
from edgenas.errors import UsageError


def tiny(tmp_path: Path, source: str = "rooms", split: str = "train", **options: object) -> Dataset:
    settings = {"height": 12, "width": 16, "frames": 4, "cache_dir": tmp_path, **options}
    return load_dataset(source, split, **settings)  # type: ignore[arg-type]


def test_defaults_of_the_two_worlds(tmp_path: Path) -> None:
    rooms, streets = (load_dataset(name, "train", cache_dir=tmp_path) for name in ("rooms", "streets"))
    assert (rooms.info.height, rooms.info.width, rooms.info.depth_unit) == (96, 128, "m")
    assert (streets.info.height, streets.info.width, streets.info.depth_unit) == (128, 256, "1/m")
    assert rooms.info.class_names == NYUV2_13 and streets.info.class_names == CITYSCAPES_19
    assert streets.info.head_channels == {"depth": 1, "normals": 3, "segmentation": 19}
    assert len(rooms) == 2000 and len(load_dataset("rooms", "validation", cache_dir=tmp_path)) == 100
    assert not list(tmp_path.iterdir()), "opening renders nothing"


def test_one_frame_equals_that_frame_of_all(tmp_path: Path) -> None:
    lone = tiny(tmp_path / "a").frame(2)
    dataset = tiny(tmp_path / "b")
    everything = dataset.arrays()
    for frame in (lone, dataset.frame(2), tiny(tmp_path / "b").frame(2)):
        for key, values in everything.items():
            np.testing.assert_array_equal(getattr(frame, key), values[2])
    assert not (tmp_path / "a").exists(), "one frame alone is made without the cache"


def test_stored_precision_is_as_documented(tmp_path: Path) -> None:
    exact = render_frame(WORLDS["rooms"], "train", 0, 1, 12, 16)
    kept = tiny(tmp_path).frame(1)
    assert exact.depth is not None and exact.normals is not None and kept.normals is not None
    assert kept.depth == pytest.approx(exact.depth, rel=5e-4)
    cosine = (kept.normals * exact.normals).sum(-1)[exact.depth > 0]
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.4


def test_frames_in_the_cache_are_not_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tiny(tmp_path).arrays()
    monkeypatch.setattr(scene_blocks, "render_frame", None)
    np.testing.assert_array_equal(tiny(tmp_path).frame(3).image, expected["image"][3])


def test_the_splits_share_no_frame(tmp_path: Path) -> None:
    train, validation = (tiny(tmp_path, split=split).arrays()["depth"] for split in ("train", "validation"))
    assert not any(np.array_equal(a, b) for a in train for b in validation)


def test_only_the_tasks_asked_for(tmp_path: Path) -> None:
    dataset = tiny(tmp_path, tasks=["segmentation", "depth"])
    assert dataset.info.tasks == ("depth", "segmentation")
    assert set(dataset.arrays()) == {"image", "depth", "segmentation"}
    assert dataset.frame(0).normals is None


def test_fingerprint_depends_on_what_the_frames_depend_on(tmp_path: Path) -> None:
    first = tiny(tmp_path).info.fingerprint
    assert first == tiny(tmp_path, split="validation").info.fingerprint
    changes = ({"height": 24}, {"frames": 5}, {"source": "streets"})
    others = [tiny(tmp_path, **change).info.fingerprint for change in changes]  # type: ignore[arg-type]
    assert len({first, *others}) == 4


@pytest.mark.parametrize(
    ("source", "split", "options", "message"),
    [
        ("roms", "train", {}, r"Unknown data set 'roms'\. Did you mean 'rooms'"),
        ("rooms", "test", {}, r"Unknown split 'test'.*train, validation"),
        ("rooms", "train", {"tasks": ["normal"]}, r"Unknown task 'normal'\. Did you mean 'normals'"),
        ("rooms", "train", {"tasks": []}, r"No task given"),
        ("rooms", "train", {"height": 0}, r"Invalid value for height\. Expected 8 to 4096; got 0"),
        ("rooms", "train", {"width": 10**9}, r"Invalid value for width"),
        ("rooms", "train", {"frames": 0}, r"Invalid value for frames\. Expected at least 1; got 0"),
        ("data/none.npz", "train", {}, r"No such file: data/none\.npz"),
    ],
)
def test_wrong_requests(source: str, split: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_dataset(source, split, **options)  # type: ignore[arg-type]
