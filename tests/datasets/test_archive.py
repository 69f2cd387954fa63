"""Array archives: what is accepted, and what each wrong one says."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import NYUV2_13, NYUV2_40, load_dataset
from edgenas.errors import UsageError

FRAMES, HEIGHT, WIDTH = 20, 10, 12


def made_arrays(frames: int = FRAMES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(frames, HEIGHT, WIDTH, 3))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors[:, 0] = 0
    labels = rng.integers(0, 13, (frames, HEIGHT, WIDTH)).astype(np.uint8)
    labels[:, 0] = 255
    return {
        "image": rng.integers(0, 256, (frames, HEIGHT, WIDTH, 3)).astype(np.uint8),
        "seg13": labels,
        "seg40": np.where(labels == 255, 255, labels * 3).astype(np.uint8),
        "depth": rng.uniform(0, 9, (frames, HEIGHT, WIDTH)).astype(np.float16),
        "normal": np.rint(vectors * 127).astype(np.int8),
        "index0": np.arange(frames, dtype=np.int16),
    }


def written(folder: Path, **changes: Any) -> str:
    """An archive with some keys replaced; a key set to None is left out."""
    arrays = {key: value for key, value in {**made_arrays(), **changes}.items() if value is not None}
    path = folder / "data.npz"
    np.savez_compressed(path, **arrays)
    return str(path)


def test_frames_are_those_of_the_archive(tmp_path: Path) -> None:
    arrays = made_arrays()
    train = load_dataset(written(tmp_path), "train")
    validation = load_dataset(written(tmp_path), "validation")
    assert (len(train), len(validation)) == (17, 3), "i % 8 == 0 validates"
    assert train.info.tasks == ("depth", "normals", "segmentation")
    assert train.info.class_names == NYUV2_13 and train.info.depth_unit == "m"
    assert train.info.head_channels == {"depth": 1, "normals": 3, "segmentation": 13}
    assert (train.info.height, train.info.width) == (HEIGHT, WIDTH)
    for dataset, place, index in ((train, 0, 1), (train, 7, 9), (validation, 2, 16)):
        frame = dataset.frame(place)
        assert frame.normals is not None and frame.depth is not None
        np.testing.assert_array_equal(frame.image, arrays["image"][index])
        np.testing.assert_array_equal(frame.segmentation, arrays["seg13"][index])
        np.testing.assert_array_equal(frame.depth, arrays["depth"][index].astype(np.float32))
        length = np.linalg.norm(frame.normals, axis=-1)
        assert (length[0] == 0).all() and length[1:] == pytest.approx(1.0, abs=1e-5)
        assert frame.normals * 127 == pytest.approx(arrays["normal"][index], abs=1.5)
    stacked = train.arrays()
    chosen = train.arrays([7, 0])
    for key, values in chosen.items():
        np.testing.assert_array_equal(values, stacked[key][[7, 0]])
    with pytest.raises(IndexError, match="expected 0 to 16"):
        train.frame(17)


def test_labels_can_be_chosen_and_tasks_left_out(tmp_path: Path) -> None:
    source = written(tmp_path)
    dataset = load_dataset(source + "#seg40", "train", tasks=["segmentation"])
    assert dataset.info.class_names == NYUV2_40 and dataset.info.tasks == ("segmentation",)
    frame = dataset.frame(0)
    assert frame.depth is None and frame.normals is None
    np.testing.assert_array_equal(frame.segmentation, made_arrays()["seg40"][1])
    with pytest.raises(UsageError, match=r"data\.npz: Unknown label set 'seg41'\. Did you mean 'seg40'"):
        load_dataset(source + "#seg41", "train")


def test_missing_tasks_are_absent(tmp_path: Path) -> None:
    source = written(tmp_path, normal=None, seg13=None, seg40=None)
    dataset = load_dataset(source, "train")
    assert dataset.info.tasks == ("depth",) and dataset.frame(0).segmentation is None
    with pytest.raises(UsageError, match=r"Unknown task of .*data\.npz 'normals'\. Known: depth"):
        load_dataset(source, "train", tasks=["normals"])


def test_fingerprint_names_the_data(tmp_path: Path) -> None:
    source = written(tmp_path)
    first = load_dataset(source, "train").info.fingerprint
    assert first == load_dataset(source, "validation").info.fingerprint
    assert first != load_dataset(source + "#seg40", "train").info.fingerprint
    assert first != load_dataset(source, "train", frames=5).info.fingerprint
    depth = made_arrays()["depth"]
    depth[3, 4, 5] += 1
    assert first != load_dataset(written(tmp_path, depth=depth), "train").info.fingerprint


def test_fewer_frames_are_spread_over_the_split(tmp_path: Path) -> None:
    source = written(tmp_path)
    dataset = load_dataset(source, "train", frames=4)
    everything = load_dataset(source, "train").arrays()["image"]
    np.testing.assert_array_equal(dataset.arrays()["image"], everything[[0, 4, 8, 12]])
    with pytest.raises(UsageError, match=r"train split has 17 of 20 frames .* expected at least 18"):
        load_dataset(source, "train", frames=18)


def spoiled(key: str, value: float, place: tuple[int, ...]) -> Callable[[], np.ndarray]:
    def make() -> np.ndarray:
        array = made_arrays()[key]
        array[place] = value
        return array

    return make


@pytest.mark.parametrize(
    ("key", "make", "message"),
    [
        ("image", lambda: None, r"key 'image' is missing"),
        (
            "image",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.float32),
            r"'image' has dtype float32, expected uint8",
        ),
        (
            "image",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8),
            r"'image' has shape .*, expected \[N, H, W, 3\]",
        ),
        (
            "depth",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH, 1), np.float16),
            r"'depth' has shape .*, expected \[N, H, W\]",
        ),
        (
            "depth",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH), np.int32),
            r"'depth' has dtype int32, expected float16",
        ),
        (
            "depth",
            lambda: np.zeros((FRAMES, HEIGHT, 7), np.float16),
            r"'depth' has shape \(20, 10, 7\), but 'image'.*10x12",
        ),
        (
            "depth",
            lambda: np.zeros((3, HEIGHT, WIDTH), np.float16),
            r"'depth' has shape .*'image' has 20 frames",
        ),
        (
            "depth",
            spoiled("depth", np.nan, (2, 3, 4)),
            r"'depth' holds nan at .* \[2, 3, 4\] \(1 such.*Expected finite",
        ),
        ("depth", spoiled("depth", -1, (2, 3, 4)), r"'depth' holds -1.0 at"),
        ("depth", spoiled("depth", np.inf, (2, 3, 4)), r"'depth' holds inf at"),
        (
            "seg13",
            spoiled("seg13", 13, (5, 1, 0)),
            r"'seg13' holds 13 at .*\[5, 1, 0\].*Expected 0 to 12, or 255",
        ),
        (
            "seg13",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH), np.int64),
            r"'seg13' has dtype int64, expected uint8",
        ),
        ("normal", spoiled("normal", 10, (1, 2, 3)), r"'normal' holds \[10 10 10\] at .*unit vectors"),
        (
            "normal",
            lambda: np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8),
            r"'normal' has dtype uint8, expected int8",
        ),
        ("depth", lambda: np.array([{}], dtype=object), r"depth: .*Python objects"),
    ],
)
def test_wrong_content_is_named(
    tmp_path: Path, key: str, make: Callable[[], np.ndarray | None], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        load_dataset(written(tmp_path, **{key: make()}), "train")
    assert "data.npz" in str(caught.value)


def test_an_archive_without_targets_or_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no targets"):
        load_dataset(written(tmp_path, depth=None, normal=None, seg13=None, seg40=None), "train")
    for frames, split in ((0, "validation"), (0, "train"), (1, "train")):
        with pytest.raises(UsageError, match=rf"the {split} split has 0 of {frames} frames"):
            load_dataset(written(tmp_path, **made_arrays(frames)), split)


def test_another_size_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path)
    assert load_dataset(source, "train", height=HEIGHT, width=WIDTH).info.width == WIDTH
    with pytest.raises(UsageError, match="frames of 10x12, but width 16 was asked for"):
        load_dataset(source, "train", width=16)


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_dataset(str(tmp_path / "none.npz"), "train")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UsageError, match=r"text\.npz cannot be read as an \.npz archive"):
        load_dataset(str(tmp_path / "text.npz"), "train")
    with pytest.raises(UsageError, match="has none of the known layouts"):
        load_dataset(str(tmp_path) + "/", "train")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive(tmp_path: Path, share: float) -> None:
    path = Path(written(tmp_path))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UsageError, match=r"cannot be read as an \.npz archive"):
        load_dataset(str(path), "train")


def test_flipped_bytes_never_pass_and_never_crash(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    data = path.read_bytes()
    expected = load_dataset(str(path), "train").arrays()
    rng = np.random.default_rng(0)
    for _ in range(200):
        broken = bytearray(data)
        broken[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        try:
            got = load_dataset(str(path), "train").arrays()
        except UsageError:
            continue
        # A byte of no consequence (a time stamp, an attribute) may pass; data may not.
        for key, values in got.items():
            np.testing.assert_array_equal(values, expected[key])


def crafted(folder: Path, header: bytes, payload: bytes, version: bytes = b"\x01\x00") -> str:
    """An archive whose `depth` has a hand-written array header."""
    path = folder / "hostile.npz"
    arrays = made_arrays()
    with zipfile.ZipFile(path, "w") as archive:
        buffer = io.BytesIO()
        np.save(buffer, arrays["image"])
        archive.writestr("image.npy", buffer.getvalue())
        size = struct.pack("<H" if version == b"\x01\x00" else "<I", len(header))
        archive.writestr("depth.npy", b"\x93NUMPY" + version + size + header + payload)
    return str(path)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ("(1000000000, 1000000000, 100)", "<f2"),
        (f"({2**62}, 4, 4)", "<f2"),
        ("(-20, -10, 12)", "<f2"),
        ("(20, 10, 12)", "<f8"),
        ("(20, 10, 11)", "<f2"),
    ],
)
def test_a_header_that_lies_about_its_size(tmp_path: Path, shape: str, dtype: str) -> None:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    source = crafted(tmp_path, header, bytes(FRAMES * HEIGHT * WIDTH * 2))
    with pytest.raises(UsageError, match=r"hostile\.npz .*depth: its header declares"):
        load_dataset(source, "train")


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f2'", b"__import__('os').abort()", b"[" * 3000, b"x" * 60000, b"\xff\xfe"]
)
def test_a_header_that_is_nonsense(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(UsageError, match="depth"):
        load_dataset(crafted(tmp_path, header, b""), "train")


def test_an_unknown_array_format(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"array format .* is not supported"):
        load_dataset(crafted(tmp_path, b"{}", b"", version=b"\x09\x00"), "train")


def test_an_array_larger_than_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path)
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    with pytest.raises(UsageError, match=r"key 'image' unpacks to .* memory"):
        load_dataset(source, "train", frames=11)


@pytest.mark.shared_data
def test_real_nyuv2(shared_data: Path) -> None:
    source = str(shared_data / "nyuv2" / "nyuv2_train_96x128.npz")
    train, validation = load_dataset(source, "train"), load_dataset(source, "validation")
    assert (len(train), len(validation)) == (695, 100)
    assert (train.info.height, train.info.width) == (96, 128)
    frame = validation.frame(0)
    assert frame.segmentation is not None and frame.depth is not None and frame.normals is not None
    length = np.linalg.norm(frame.normals, axis=-1)
    assert length[length > 0] == pytest.approx(1.0, abs=1e-5)
    assert set(np.unique(frame.segmentation)) <= {*range(13), 255}
    assert len(load_dataset(source + "#seg40", "validation").info.class_names) == 40


def test_class_names_come_with_the_archive(tmp_path: Path) -> None:
    names = np.array([f"thing {k}" for k in range(13)])
    source = written(tmp_path, class_names=names)
    assert load_dataset(source, "train").info.class_names == tuple(names)
    assert load_dataset(source + "#seg40", "train").info.class_names == NYUV2_40, "these names are of seg13"


@pytest.mark.parametrize(
    "names",
    [
        np.array(["wall"] * 13),
        np.array([f"thing {k}" for k in range(12)]),
        np.array(["", *(f"thing {k}" for k in range(12))]),
        np.arange(13),
        np.array([["wall"] * 13]),
    ],
)
def test_class_names_that_do_not_fit(tmp_path: Path, names: np.ndarray) -> None:
    with pytest.raises(
        UsageError, match=r"data.npz: key 'class_names' holds .* Expected 13 or 40 different names"
    ):
        load_dataset(written(tmp_path, class_names=names), "train")


def test_numbers_of_classes(tmp_path: Path) -> None:
    """2 to 254 classes; one alone leaves nothing to decide, and 255 is void."""
    labels = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    labels[:, 1:] = 253
    most = load_dataset(written(tmp_path, seg13=None, seg40=None, seg254=labels), "train")
    assert most.info.head_channels["segmentation"] == 254 and most.frame(0).segmentation is not None
    fewest = load_dataset(written(tmp_path, seg13=None, seg40=None, seg2=labels // 253), "train")
    assert fewest.info.class_names == ("class 0", "class 1")
    for key in ("seg1", "seg255", "seg1000"):
        with pytest.raises(UsageError, match=rf"data.npz: The label set '{key}' .* Expected 2 to 254"):
            load_dataset(written(tmp_path, seg13=None, seg40=None, **{key: labels * 0}), "train")
