"""What is missing, damaged or impossible is named; nothing is skipped unless asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from edgenas.datasets import load_dataset
from edgenas.datasets.inspection import inspect_data
from edgenas.errors import UsageError

STEM = "aachen/aachen_000002_000019"


@pytest.fixture
def streets_folder(trees: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the Cityscapes tree that a test may break."""
    return Path(shutil.copytree(trees["cityscapes"], tmp_path / "cs"))


@pytest.fixture
def rooms_folder(trees: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of MTAN's NYUv2 that a test may break."""
    return Path(shutil.copytree(trees["mtan-nyuv2"], tmp_path / "nyu"))


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("leftImg8bit/train/{}_leftImg8bit.png", "image"),
        ("gtFine/train/{}_gtFine_labelIds.png", "labelIds"),
        ("disparity/train/{}_disparity.png", "disparity"),
        ("camera/train/{}_camera.json", "camera"),
    ],
)
def test_a_missing_file_is_named_and_counted(streets_folder: Path, file: str, kind: str) -> None:
    (streets_folder / file.format(STEM)).unlink()
    message = rf"1 of 9 frames of the train split are missing.*\n  {STEM} has no {kind} file\n.*--skip-broken"
    with pytest.raises(UsageError, match=message):
        load_dataset(str(streets_folder), "train")


def test_broken_frames_are_left_out_when_asked(
    streets_folder: Path, streets: Any, caplog: pytest.LogCaptureFixture
) -> None:
    whole = load_dataset(str(streets_folder), "train").info.fingerprint
    (streets_folder / f"disparity/train/{STEM}_disparity.png").unlink()
    for source in (f"{streets_folder}#skip-broken", f"{streets_folder}#label_19,depth=1/m,skip-broken"):
        dataset = load_dataset(source, "train")
        assert len(dataset) == 8
    assert "left out 1 of 9 frames" in caplog.text and STEM in caplog.text
    kept = [1, 3, 4, 5, 6, 7, 9, 10]  # who validates does not change with the frames that are left out
    np.testing.assert_array_equal(dataset.arrays()["image"], streets[0].image[kept])
    assert dataset.info.fingerprint != whole
    assert len(load_dataset(str(streets_folder), "train", skip_broken=True)) == 8
    # What is not asked for may be missing.
    assert len(load_dataset(str(streets_folder), "train", tasks=["segmentation"])) == 9


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_truncated_picture_is_found_without_decoding(streets_folder: Path, share: float) -> None:
    path = streets_folder / f"leftImg8bit/train/{STEM}_leftImg8bit.png"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UsageError, match=r"1 of 9 frames .*\n.*000002_000019_leftImg8bit\.png: it (is|does)"):
        load_dataset(str(streets_folder), "train")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_array_is_found_without_reading_it(rooms_folder: Path, share: float) -> None:
    path = rooms_folder / "train" / "depth" / "3.npy"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UsageError, match=r"1 of 9 frames .*\n.*depth/3\.npy: it is"):
        load_dataset(str(rooms_folder), "train")


def test_objects_in_an_array_are_never_loaded(rooms_folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("the array was unpickled",))

    np.save(rooms_folder / "train" / "label" / "3.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    with pytest.raises(UsageError, match=r"label/3\.npy: .*Python objects"):
        load_dataset(str(rooms_folder), "train")


def test_a_picture_with_damage_inside_is_found_when_it_is_read(streets_folder: Path) -> None:
    path = streets_folder / f"leftImg8bit/train/{STEM}_leftImg8bit.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    dataset = load_dataset(str(streets_folder), "train")
    with pytest.raises(UsageError, match=r"000002_000019_leftImg8bit\.png cannot be read as a picture"):
        dataset.frame(1)
    with pytest.raises(UsageError, match=r"000002_000019_leftImg8bit\.png cannot be read as a picture"):
        dataset.stored_arrays()


def changed(path: Path, place: tuple[Any, ...], value: float) -> None:
    """Writes one value into an array file."""
    array = np.load(path)
    array[place] = value
    np.save(path, array)


@pytest.mark.parametrize(
    ("kind", "place", "value", "message"),
    [
        ("depth", (4, 6), np.nan, r"depth/2\.npy: depth is nan at row 4, column 6"),
        ("depth", (4, 6), np.inf, r"depth/2\.npy: depth is inf"),
        ("depth", (4, 6), -1.0, r"depth/2\.npy: depth is -1"),
        ("label", (4, 6), 13, r"label/2\.npy: labels 13 \(1 pixels\) belong to none of the 13 classes"),
        ("label", (4, 6), -2, r"label/2\.npy: expected labels from -1"),
        ("label", (4, 6), 0.5, r"label/2\.npy: expected whole numbers"),
        ("label", (4, 6), np.nan, r"label/2\.npy: expected whole numbers"),
        ("normal", (4, 6), 1.0, r"normal/2\.npy: the normal at row 4, column 6"),
        ("normal", (4, 6), np.nan, r"normal/2\.npy: the normal at row 4, column 6"),
        ("image", (4, 6), np.nan, r"image/2\.npy: expected colours"),
        ("image", (4, 6), 300.0, r"image/2\.npy: expected colours"),
    ],
)
def test_impossible_values(
    rooms_folder: Path, kind: str, place: tuple[int, int], value: float, message: str
) -> None:
    changed(rooms_folder / "train" / kind / "2.npy", place, value)
    with pytest.raises(UsageError, match=message):
        load_dataset(str(rooms_folder), "train").arrays()


def test_an_id_that_cityscapes_does_not_have(streets_folder: Path, writers: Any) -> None:
    from PIL import Image

    path = streets_folder / f"gtFine/train/{STEM}_gtFine_labelIds.png"
    Image.fromarray(np.full((32, 64), 34, np.uint8)).save(path)
    with pytest.raises(
        UsageError, match=r"labelIds\.png: labels 34 \(2048 pixels\) belong to none of the 19"
    ):
        load_dataset(str(streets_folder), "train").frame(1)


def test_an_image_and_its_target_of_different_size(rooms_folder: Path) -> None:
    np.save(rooms_folder / "train" / "depth" / "2.npy", np.ones((16, 64, 1), np.float32))
    for size in ({}, {"height": 64, "width": 128}):
        with pytest.raises(UsageError, match=r"frame 2: the image has 32x64 pixels, its target depth 16x64"):
            load_dataset(str(rooms_folder), "train", **size).arrays()  # type: ignore[arg-type]


def test_frames_of_different_size_need_one(rooms_folder: Path) -> None:
    for kind, channels in (("image", 3), ("depth", 1), ("normal", 3)):
        np.save(rooms_folder / "train" / kind / "2.npy", np.zeros((16, 64, channels), np.float32))
    np.save(rooms_folder / "train" / "label" / "2.npy", np.zeros((16, 64), np.float32))
    with pytest.raises(UsageError, match=r"frame 2 has 16x64 pixels, the first frame 32x64\. Give --height"):
        load_dataset(str(rooms_folder), "train").arrays()
    assert load_dataset(str(rooms_folder), "train", height=16, width=32).arrays()["image"].shape == (
        9,
        16,
        32,
        3,
    )


def test_a_frame_without_any_valid_pixel_is_data(rooms_folder: Path) -> None:
    changed(rooms_folder / "train" / "label" / "2.npy", (...,), -1)
    for kind in ("depth", "normal"):
        changed(rooms_folder / "train" / kind / "2.npy", (...,), 0)
    frame = load_dataset(str(rooms_folder), "train").frame(1)
    assert frame.segmentation is not None and (frame.segmentation == 255).all()
    assert frame.depth is not None and not frame.depth.any()
    assert frame.normals is not None and not frame.normals.any()


def test_requests_that_cannot_be_met(trees: dict[str, Path], rooms_folder: Path, tmp_path: Path) -> None:
    source = str(trees["cityscapes"])
    for bad, split, options, message in (
        (source, "tset", {}, r"Unknown split 'tset'\. Did you mean 'test'"),
        (source, "train", {"tasks": ["normals"]}, "Unknown task of cityscapes 'normals'"),
        (source, "train", {"frames": 10}, "the train split has 9 of 11 frames, expected at least 10"),
        (f"{source}#label_8", "train", {}, "Unknown label set .*'label_8'"),
        (f"{source}#depth=km", "train", {}, "setting 'depth' 'km'"),
        (f"{source}#deth=m", "train", {}, r"Unknown setting of cityscapes 'deth'\. Did you mean 'depth'"),
        (f"{source}#label_7,depth", "train", {}, r"Expected PATH#LABELS,KEY=VALUE.*Received 'depth'"),
        (f"{rooms_folder}#depth=m", "train", {}, r"has no settings\. Received 'depth'"),
        (f"cityscapes:{tmp_path / 'none'}", "train", {}, "No such file"),
        (str(tmp_path), "train", {}, "has none of the known layouts"),
        (f"mtan-nyuv2:{source}", "train", {}, r"has no train split\. Expected one of none"),
    ):
        with pytest.raises(UsageError, match=message):
            load_dataset(bad, split, **options)  # type: ignore[arg-type]
    shutil.rmtree(rooms_folder / "val")
    with pytest.raises(UsageError, match=r"has no test split\. Expected one of train, validation, all"):
        load_dataset(str(rooms_folder), "test")


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        ("{", "cannot be read as the camera of a frame"),
        ('{"intrinsic": {}}', "expected extrinsic.baseline"),
        (
            '{"extrinsic": {"baseline": 0}, "intrinsic": {"fx": 2, "fy": 2, "u0": 1, "v0": 1}}',
            "must be above 0",
        ),
    ],
)
def test_a_camera_that_makes_no_sense(streets_folder: Path, camera: str, message: str) -> None:
    path = streets_folder / f"camera/train/{STEM}_camera.json"
    path.write_text(camera)
    with pytest.raises(UsageError, match=rf"{path.name}.*{message}"):
        load_dataset(str(streets_folder), "train").frame(1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["../img/a.png", "b", "c", "d"]], "leaves the folder"),
        ([["/etc/passwd", "b", "c", "d"]], "leaves the folder"),
        ([[1, 2]], r"entry 0 of 'train' is \[1, 2\]"),
        ({}, "expected"),
    ],
)
def test_a_list_that_makes_no_sense(tmp_path: Path, rows: object, message: str) -> None:
    (tmp_path / "nyu_v2_3task.json").write_text(json.dumps({"train": rows}))
    with pytest.raises(UsageError, match=message):
        load_dataset(str(tmp_path), "train")


def test_a_list_that_names_files_which_are_not_there(trees: dict[str, Path], tmp_path: Path) -> None:
    root = Path(shutil.copytree(trees["adashare-nyuv2"], tmp_path / "a"))
    (root / "normal_mask" / "train0003.png").unlink()
    with pytest.raises(UsageError, match=r"train0003 has no normals file \(.*normal_mask/train0003\.png\)"):
        load_dataset(str(root), "train")


def test_the_mat_file_and_its_neighbours(tmp_path: Path, writers: Any, make_frames: Any) -> None:
    path: Path = writers["nyuv2-mat"](tmp_path, make_frames(4, 7, classes=40), [0, 1], [2, 3])

    def fails(message: str, source: str = str(path), split: str = "all") -> None:
        with pytest.raises(UsageError, match=message):
            load_dataset(source, split).arrays()

    mapping = (tmp_path / "classMapping40.mat").read_bytes()
    (tmp_path / "classMapping40.mat").unlink()
    fails(r"No mapping to 40 classes at .*classMapping40\.mat.*#classes40=PATH")
    assert load_dataset(str(path), "all", tasks=["depth"]).info.tasks == ("depth",)
    (tmp_path / "classMapping40.mat").write_bytes(mapping[: len(mapping) // 2])
    fails(r"classMapping40\.mat cannot be read as the mapping")
    (tmp_path / "classMapping40.mat").write_bytes(mapping)
    with h5py.File(path, "r+") as file:
        file["depths"][1, 3, 4] = np.nan
    fails(r"nyu_depth_v2_labeled\.mat: depths\[1\]: depth is nan at row 4, column 3")
    splits = (tmp_path / "splits.mat").read_bytes()
    (tmp_path / "splits.mat").unlink()
    fails(r"No official split at .*#splits=PATH")
    fails(r"class13Mapping|No mapping", f"{path}#splits=none,classes13={tmp_path / 'no.mat'}")
    writers["nyuv2-mat"](tmp_path / "other", make_frames(9, 7, classes=40), [0, 8], [2, 3])
    shutil.copy(tmp_path / "other" / "splits.mat", tmp_path / "splits.mat")
    fails(r"images has 4 frames, the split names 9|depths has 4 frames, the split names 9")
    (tmp_path / "splits.mat").write_bytes(splits)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    fails(r"nyu_depth_v2_labeled\.mat cannot be read as an HDF5 file", split="test")


@pytest.mark.parametrize("kind", ["image", "label", "depth", "normal"])
@pytest.mark.parametrize(("part", "split"), [("train", "all"), ("val", "test")])
def test_a_kind_that_is_missing_altogether_is_no_smaller_data_set(
    rooms_folder: Path, kind: str, part: str, split: str
) -> None:
    for file in (rooms_folder / part / kind).iterdir():
        file.unlink()
    with pytest.raises(UsageError, match=r"(\d+) of \1 frames .* are missing files"):
        load_dataset(str(rooms_folder), split)


def test_disparity_missing_from_one_part_is_no_smaller_data_set(streets_folder: Path) -> None:
    shutil.rmtree(streets_folder / "disparity/val")
    with pytest.raises(UsageError, match="has no disparity file"):
        load_dataset(str(streets_folder), "test")
    assert load_dataset(str(streets_folder), "test", tasks=("segmentation",)).info.tasks == ("segmentation",)


def test_disparity_of_eight_bits_is_refused(streets_folder: Path) -> None:
    path = streets_folder / f"disparity/train/{STEM}_disparity.png"
    Image.fromarray((np.array(Image.open(path)) >> 8).astype(np.uint8)).save(path)
    dataset = load_dataset(str(streets_folder), "all")
    with pytest.raises(UsageError, match=r"disparity.png: expected a disparity picture of 16 bits"):
        dataset.arrays()


@pytest.mark.parametrize(("remove_folder", "severity"), [(False, "error"), (True, "warning")])
def test_an_empty_part_is_reported(rooms_folder: Path, remove_folder: bool, severity: str) -> None:
    shutil.rmtree(rooms_folder / "val")
    if not remove_folder:
        (rooms_folder / "val/image").mkdir(parents=True)
    found = [f for f in inspect_data(str(rooms_folder)).findings if f.check == "empty-split"]
    assert [(f.severity, f.split) for f in found] == [(severity, "test")]
    assert "val" in found[0].evidence
