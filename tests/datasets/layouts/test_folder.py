"""A user's own folder: everything that its description can say, and what it says wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgenas.datasets import Dataset, load_dataset
from edgenas.errors import UsageError

HEAD = """
name = "kitchen"
[splits]
train = "train"
test = "held out"
[image]
files = "{split}/image/*.png"
[segmentation]
files = "{split}/label/*_gt.png"
classes = ["floor", "wall", "chair"]
void = [0, 255]
ids = { 7 = 0, 8 = "wall", 9 = "chair" }
[depth]
files = "{split}/depth/*.png"
scale = 0.001
invalid = [0, 65535]
[normals]
files = "{split}/normal/*.png"
axes = ["right", "into", "up"]
invalid = [[255, 255, 255]]
"""


def write(root: Path, text: str, count: int = 9) -> Path:
    """A folder with one description; frame i is all of class i % 3 and i + 1 metres away, and faces up."""
    for split in ("train", "held out"):
        for i in range(count):
            for kind, values in (
                ("image/{}.png", np.full((8, 16, 3), i, np.uint8)),
                ("label/{}_gt.png", np.where(np.arange(16) < 2, 0, 7 + i % 3) * np.ones((8, 1))),
                ("depth/{}.png", np.where(np.arange(16) < 2, 65535, 1000 * (i + 1)) * np.ones((8, 1))),
                (
                    "normal/{}.png",
                    np.where(np.arange(16)[:, None] < 2, 255, [128, 128, 255]) * np.ones((8, 1, 1)),
                ),
            ):
                path = root / split / kind.format(f"k{i:02d}")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values.astype(np.uint16 if "depth" in kind else np.uint8)).save(path)
    (root / "dataset.toml").write_text(text)
    return root


def opened(root: Path, text: str = HEAD, split: str = "train", **options: Any) -> Dataset:
    """Writes a folder and opens it."""
    return load_dataset(str(write(root, text)), split, **options)


def test_what_the_description_says_is_what_is_read(tmp_path: Path) -> None:
    dataset = opened(tmp_path)
    assert (dataset.info.name, dataset.info.class_names) == ("kitchen", ("floor", "wall", "chair"))
    assert dataset.info.depth_unit == "m" and len(dataset) == 7
    arrays = dataset.arrays()
    frames = np.array([1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_array_equal(arrays["image"][:, 0, 0, 0], frames)
    np.testing.assert_array_equal(
        arrays["segmentation"][:, 3, [0, 5]], np.stack([255 + 0 * frames, frames % 3], 1)
    )
    np.testing.assert_allclose(
        arrays["depth"][:, 3, [0, 5]], np.stack([0 * frames, frames + 1], 1), rtol=1e-6
    )
    np.testing.assert_allclose(arrays["normals"][:, 3, 5], np.tile([0, 1, 0], (7, 1)), atol=0.01)
    assert not arrays["normals"][:, :, :2].any()
    assert [len(load_dataset(str(tmp_path), split)) for split in ("validation", "all", "test")] == [2, 9, 9]


def test_a_validation_folder_of_its_own(tmp_path: Path) -> None:
    text = HEAD.replace("test = ", "validation = ")
    assert len(opened(tmp_path, text)) == 9
    assert len(load_dataset(str(tmp_path), "validation")) == len(load_dataset(str(tmp_path), "all")) == 9
    with pytest.raises(UsageError, match=r"has no test split\. Expected one of train, validation, all"):
        load_dataset(str(tmp_path), "test")


def test_one_folder_without_splits(tmp_path: Path) -> None:
    text = HEAD[HEAD.index("[image]") :].replace("{split}/", "train/")
    assert len(opened(tmp_path, text)) == 7 and len(load_dataset(str(tmp_path), "validation")) == 2


def test_nested_names_and_numbered_classes(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[image]\nfiles = "*/image/*.png"\n[segmentation]\nfiles = "*/label/*_gt.png"\nclasses = 10\n',
    )
    dataset = load_dataset(str(tmp_path), "all")
    assert len(dataset) == 18 and dataset.info.class_names[9] == "class 9"
    assert dataset.frame_name(0) == "held out/k00"  # type: ignore[attr-defined]


def test_inverse_depth_and_normals_from_depth(tmp_path: Path) -> None:
    text = HEAD[: HEAD.index("[normals]")].replace("[depth]", '[depth]\nunit = "1/m"')
    text += '[normals]\nfrom = "depth"\n[intrinsics]\nfx = 9.0\nfy = 9.0\ncx = 8.0\ncy = 4.0\n'
    dataset = opened(tmp_path, text)
    assert dataset.info.depth_unit == "1/m"
    normals = dataset.frame(0).normals
    assert normals is not None
    np.testing.assert_allclose(normals[4, 8], [0, 0, 1], atol=1e-3)


def test_signed_arrays_as_normals(tmp_path: Path) -> None:
    text = HEAD.replace("normal/*.png", "n/*.npy").replace(
        'axes = ["right", "into", "up"]', 'encoding = "signed"'
    )
    write(tmp_path, text.replace('axes = ["right", "into", "up"]', 'axes = ["left", "down", "towards"]'))
    for i in range(9):
        path = tmp_path / "train" / "n" / f"k{i:02d}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.full((8, 16, 3), [0.6, 0.0, 0.8], np.float64))
    normals = load_dataset(str(tmp_path), "train", tasks=["normals"]).arrays()["normals"]
    np.testing.assert_allclose(normals[:, 2, 2], np.tile([0.6, 0, 0.8], (7, 1)), atol=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[image]", "[imge]", r"Unknown table of .*dataset\.toml 'imge'"),
        ("scale =", "scal =", r"Unknown key of .*\[depth\] 'scal'\. Did you mean 'scale'"),
        ("scale = 0.001", "scale = 0", r"\[depth\] scale: expected a number above 0"),
        ("scale = 0.001", 'scale = "mm"', r"\[depth\] scale: expected a number"),
        ("*_gt.png", "label.png", r"\[segmentation\] files: expected a pattern with a star"),
        ("{split}/label", "../label", "leaves the folder"),
        ('"wall", "chair"]', '"wall"]', r"\[segmentation\] ids: .*Received 9 = 'chair'"),
        ("7 = 0", "7 = 3", r"\[segmentation\] ids: .*Received 7 = 3"),
        ('["floor", "wall", "chair"]', "1", r"\[segmentation\] classes: expected 2 to 253 names"),
        ('["right", "into", "up"]', '["right", "left", "up"]', r"\[normals\] axes: expected three of"),
        ("[[255, 255, 255]]", "[255]", r"\[normals\] invalid: expected colours"),
        ('name = "kitchen"', "name = ", r"dataset\.toml is no TOML file"),
        ("[splits]", "[spl", r"dataset\.toml is no TOML file"),
        ('train = "train"', "train = 3", r"\[splits\] train: expected the name of a folder"),
        ("{split}/image", "train/image", r"\[image\] files = .*expected \{split\} in it"),
        ("9 = ", "10 = ", r"k02_gt\.png: labels 9 \(112 pixels\) belong to none of the 3 classes"),
        ("void = [0, 255]", "void = [255]", r"_gt\.png: labels 0 "),
    ],
)
def test_descriptions_that_are_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in HEAD
    with pytest.raises(UsageError, match=message):
        opened(tmp_path, HEAD.replace(old, new)).arrays()


def test_unlisted_ids_may_be_void(tmp_path: Path) -> None:
    text = HEAD.replace("9 = ", "10 = ").replace("[depth]", 'unlisted = "void"\n[depth]')
    labels = opened(tmp_path, text).arrays()["segmentation"]
    assert set(np.unique(labels)) == {0, 1, 255}


def test_colours_as_labels_are_refused(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    path = tmp_path / "train" / "label" / "k03_gt.png"
    Image.fromarray(np.zeros((8, 16, 3), np.uint8)).save(path)
    with pytest.raises(
        UsageError, match=r"k03_gt\.png: expected one number per pixel\. Received .* mode RGB"
    ):
        load_dataset(str(tmp_path), "train").arrays()


def test_a_task_that_a_user_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgenas.tasks import Depth, Target, register_task, registry

    class Curvature(Depth):
        name = "curvature"
        target = Target(key="curvature", dtype="float32", invalid=-1)

    monkeypatch.setattr(registry, "_REGISTERED", dict(registry._REGISTERED))
    monkeypatch.setattr(Curvature, "metrics", dict.fromkeys(Depth().metrics, False), raising=False)
    register_task(Curvature())
    write(tmp_path, HEAD + '[curvature]\nfiles = "{split}/c/*.npy"\n')
    for i in range(9):
        path = tmp_path / "train" / "c" / f"k{i:02d}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.full((8, 16), i / 2))
    dataset = load_dataset(str(tmp_path), "train", tasks=["curvature", "depth"])
    assert dataset.info.tasks == ("curvature", "depth")
    stored = dataset.stored_arrays()["curvature"]
    assert stored.dtype == np.float32 and (stored[:, 0, 0] == np.arange(1, 8) / 2).all()
    np.save(path, np.full((8, 16), np.nan))
    with pytest.raises(UsageError, match=r"c/k08\.npy: 128 pixels of curvature are impossible"):
        load_dataset(str(tmp_path), "validation", tasks=["curvature"]).arrays()
