"""The same frames load to the same arrays, whatever layout they lie in."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import CITYSCAPES_19, NYUV2_13, NYUV2_40, load_dataset
from edgenas.datasets.layouts import LAYOUTS, recognise

SPLITS = {"train": [1, 2, 3, 4, 5, 6, 7, 9, 10], "validation": [0, 8], "all": list(range(11))}


@pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if name not in ("folder", "nyuv2-mat", "prepared")]
)
def test_every_layout_is_recognised_and_counted(trees: dict[str, Path], name: str) -> None:
    layout = recognise(trees[name])
    assert layout is not None and layout.name == name
    assert layout.splits(trees[name]) == {"train": 9, "validation": 2, "all": 11, "test": 3}


def test_what_is_no_layout_is_none(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(600))
    assert (
        recognise(tmp_path) is None
        and recognise(tmp_path / "x.mat") is None
        and recognise(tmp_path / "no") is None
    )


@pytest.mark.parametrize("name", ["cityscapes", "mtan-cityscapes", "adashare-cityscapes"])
@pytest.mark.parametrize("labels", ["label_19", "label_7"])
@pytest.mark.parametrize("split", ["train", "validation", "all", "test"])
def test_cityscapes(trees: dict[str, Path], streets: Any, name: str, labels: str, split: str) -> None:
    settings = ",depth=mtan" if name == "cityscapes" else ""
    dataset = load_dataset(f"{trees[name]}#{labels}{settings}", split)
    frames = streets[split == "test"]
    index = SPLITS.get(split, [0, 1, 2])
    seven = np.array([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6, 255])
    expected = frames.stored_labels if labels == "label_19" else seven[frames.labels].astype(np.uint8)
    arrays = dataset.stored_arrays()
    np.testing.assert_array_equal(arrays["image"], frames.image[index])
    np.testing.assert_array_equal(arrays["segmentation"], expected[index])
    steps = np.where(frames.disparity > 1, frames.disparity, 0).astype(np.float32)
    np.testing.assert_array_equal(arrays["depth"], steps[index] / np.float32(65535))
    assert dataset.info.depth_unit == "1/m"
    assert len(dataset.info.class_names) == (19 if labels == "label_19" else 7)
    single = dataset.frame(len(dataset) - 1)
    np.testing.assert_array_equal(single.segmentation, expected[index[-1]])


@pytest.mark.parametrize("name", ["mtan-nyuv2", "adashare-nyuv2"])
@pytest.mark.parametrize("split", ["train", "validation", "all", "test"])
def test_nyuv2(trees: dict[str, Path], rooms: Any, name: str, split: str) -> None:
    dataset = load_dataset(str(trees[name]), split)
    frames, index = rooms[split == "test"], SPLITS.get(split, [0, 1, 2])
    arrays = dataset.stored_arrays()
    np.testing.assert_array_equal(arrays["image"], frames.image[index])
    np.testing.assert_array_equal(arrays["segmentation"], frames.stored_labels[index])
    np.testing.assert_array_equal(arrays["depth"], frames.metres[index])
    # Exact where normals are stored as numbers; AdaShare's bytes are good for one of our 127 levels.
    levels = np.abs(arrays["normals"] - np.rint(127 * frames.normals[index]))
    assert levels.max() <= (0 if name == "mtan-nyuv2" else 1)
    np.testing.assert_array_equal(
        (arrays["normals"] == 0).all(-1), (frames.normals[index] == 0).all(-1), strict=True
    )
    assert dataset.info.class_names == (NYUV2_13 if name == "mtan-nyuv2" else NYUV2_40)


def test_the_mat_file_is_transposed_not_turned(tmp_path: Path, writers: Any, make_frames: Any) -> None:
    frames = make_frames(6, 4, classes=40)
    path = writers["nyuv2-mat"](tmp_path, frames, [1, 2, 4], [0, 3, 5])
    for source in (path, tmp_path):
        assert recognise(source).splits(source) == {"train": 2, "validation": 1, "all": 3, "test": 3}  # type: ignore[union-attr]
    dataset = load_dataset(f"{path}#seg40", "test")
    arrays = dataset.stored_arrays()
    np.testing.assert_array_equal(arrays["image"], frames.image[[0, 3, 5]])
    np.testing.assert_array_equal(arrays["segmentation"], frames.stored_labels[[0, 3, 5]])
    np.testing.assert_array_equal(arrays["depth"], frames.metres[[0, 3, 5]])
    assert dataset.info.tasks == ("depth", "segmentation") and dataset.info.class_names == NYUV2_40
    assert [dataset.frame_name(i) for i in range(3)] == ["0000", "0003", "0005"]  # type: ignore[attr-defined]
    training = load_dataset(str(path), "all")
    np.testing.assert_array_equal(training.arrays()["image"], frames.image[[1, 2, 4]])
    assert training.info.class_names == NYUV2_13
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own object, as a worker process gets it
    np.testing.assert_array_equal(again.frame(1).depth, frames.metres[3])


def test_the_settings_of_the_mat_file(tmp_path: Path, writers: Any, make_frames: Any) -> None:
    frames = make_frames(4, 5, classes=40)
    path = writers["nyuv2-mat"](tmp_path, frames, [0, 1], [2, 3])
    raw = load_dataset(f"{path}#depth=raw,normals=depth", "test").arrays()
    assert (raw["depth"][:, 4:6] == 0).all() and (raw["depth"][:, 6:] > 0).all()
    assert raw["normals"].shape == (2, 32, 64, 3)
    (tmp_path / "splits.mat").rename(tmp_path / "mine.mat")
    whole = load_dataset(f"{path}#splits=none", "all", tasks=["depth"])
    assert len(whole) == 4
    assert len(load_dataset(f"{path}#splits={tmp_path / 'mine.mat'}", "test")) == 2


def test_seg13_of_adashare_is_that_of_the_mat_file(tmp_path: Path, writers: Any, make_frames: Any) -> None:
    frames = make_frames(3, 6, classes=40)
    list_of = load_dataset(f"{writers['adashare-nyuv2'](tmp_path / 'a', frames, frames)}#seg13", "all")
    mat = load_dataset(f"{writers['nyuv2-mat'](tmp_path / 'm', frames, [0, 1, 2], [0])}#seg13", "all")
    np.testing.assert_array_equal(list_of.arrays()["segmentation"], mat.arrays()["segmentation"])
    assert list_of.info.class_names == mat.info.class_names == NYUV2_13


def test_train_ids_give_the_same_labels(tmp_path: Path, writers: Any, streets: Any) -> None:
    arrays = [
        load_dataset(str(writers["cityscapes"](tmp_path / kind, *streets, kinds=(kind,))), "all").arrays()
        for kind in ("labelIds", "labelTrainIds")
    ]
    np.testing.assert_array_equal(arrays[0]["segmentation"], arrays[1]["segmentation"])


def test_cityscapes_depth_in_metres_is_one_over_that_in_inverse_metres(
    trees: dict[str, Path], streets: Any
) -> None:
    inverse = load_dataset(f"{trees['cityscapes']}", "all").arrays()["depth"]
    metres = load_dataset(f"{trees['cityscapes']}#depth=m", "all").arrays()["depth"]
    known = streets[0].disparity > 1
    assert ((inverse > 0) == known).all() and ((metres > 0) == known).all()
    expected = 0.21 * 2260.0 / ((streets[0].disparity[known] - 1.0) / 256)
    np.testing.assert_allclose(metres[known], expected, rtol=1e-6)
    np.testing.assert_allclose(inverse[known], 1 / expected, rtol=1e-6)


@pytest.mark.shared_data
def test_the_samples_hold_the_same_streets(shared_data: Path) -> None:
    folder = shared_data / "layouts"
    for split in ("all", "test"):
        mtan = load_dataset(str(folder / "mtan_cityscapes"), split)
        official = load_dataset(f"{folder / 'cityscapes_official'}#depth=mtan", split, height=128, width=256)
        assert mtan.info.class_names == official.info.class_names == CITYSCAPES_19
        for key, expected in mtan.stored_arrays().items():
            np.testing.assert_array_equal(official.stored_arrays()[key][:1], expected)
        seven = load_dataset(f"{folder / 'mtan_cityscapes'}#label_7", split).frame(0)
        theirs = load_dataset(f"{folder / 'cityscapes_official'}#label_7", split, height=128, width=256)
        np.testing.assert_array_equal(theirs.frame(0).segmentation, seven.segmentation)


@pytest.mark.shared_data
def test_the_samples_hold_the_same_rooms(shared_data: Path) -> None:
    folder = shared_data / "layouts"
    mtan = load_dataset(str(folder / "mtan_nyuv2"), "all").stored_arrays()
    list_of = load_dataset(
        f"{folder / 'adashare_nyu_v2'}#seg13", "all", height=288, width=384
    ).stored_arrays()
    np.testing.assert_array_equal(list_of["image"][0], mtan["image"][0])
    np.testing.assert_array_equal(list_of["segmentation"][0], mtan["segmentation"][0])
    known = mtan["depth"][0] > 0  # MTAN leaves out the depth that was made up at the border
    np.testing.assert_array_equal(list_of["depth"][0][known], mtan["depth"][0][known])
    assert known.mean() > 0.7
    np.testing.assert_array_equal((list_of["normals"][0] == 0).all(-1), (mtan["normals"][0] == 0).all(-1))
    # Our axes in both: a swap or a wrong sign would give angles of tens of degrees.
    assert np.abs(list_of["normals"][0].astype(int) - mtan["normals"][0]).max() <= 2


@pytest.mark.shared_data
def test_the_samples_are_frames_of_the_archive(shared_data: Path) -> None:
    with np.load(shared_data / "nyuv2" / "nyuv2_train_96x128.npz") as archive:
        position = [archive["index0"].tolist().index(number) for number in (2, 112)]
        for labels in ("seg13", "seg40"):
            source = f"{shared_data / 'layouts' / 'adashare_nyu_v2'}#{labels}"
            arrays = load_dataset(source, "all", height=96, width=128).stored_arrays()
            np.testing.assert_array_equal(arrays["image"], archive["image"][position])
            np.testing.assert_array_equal(arrays["segmentation"], archive[labels][position])
            known = archive["depth"][position] > 0
            error = np.abs(arrays["depth"] - archive["depth"][position].astype(np.float32))[known]
            assert error.max() < 0.05
