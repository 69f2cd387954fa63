"""The same made-up frames, written in every layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

HEIGHT, WIDTH = 32, 64
CAMERA = {
    "extrinsic": {"baseline": 0.21},
    "intrinsic": {"fx": 2260.0, "fy": 2265.0, "u0": 1097.0, "v0": 513.0},
}
IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
SEVEN = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6]


class Frames:
    """Frames of random blocks; nothing in them is the same when it is mirrored, turned or transposed."""

    def __init__(
        self, count: int, seed: int, classes: int = 19, height: int = HEIGHT, width: int = WIDTH
    ) -> None:
        rng = np.random.default_rng(seed)
        block = np.ones((4, 4), np.uint8)

        def blocks(low: int, high: int) -> Any:
            drawn = rng.integers(low, high, (count, height // 4, width // 4), dtype=np.int64)
            return np.kron(drawn, block)

        self.count, self.height, self.width = count, height, width
        self.image = np.stack([blocks(0, 256) for _ in range(3)], -1).astype(np.uint8)
        self.labels = blocks(-1, classes).astype(np.int64)
        self.disparity = blocks(0, 40000).astype(np.uint16)
        self.metres = (1 + rng.random((count, height, width)) * 8).astype(np.float32)
        normals = rng.normal(size=(count, height, width, 3))
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        normals[:, :3, 5:9] = 0
        self.normals = normals.astype(np.float32)

    @property
    def stored_labels(self) -> Any:
        """u8, 255 void."""
        return np.where(self.labels < 0, 255, self.labels).astype(np.uint8)


def save_png(path: Path, values: Any) -> None:
    """Writes a picture, u8 or u16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def save_npy(path: Path, values: Any) -> None:
    """Writes an array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def write_cityscapes(root: Path, train: Frames, test: Frames, kinds: tuple[str, ...] = ("labelIds",)) -> Path:
    """Cityscapes as released; two cities for training."""
    for split, frames in (("train", train), ("val", test)):
        for i in range(frames.count):
            city = "aachen" if i < frames.count // 2 else "zurich"
            stem = f"{split}/{city}/{city}_{i:06d}_000019"
            save_png(root / "leftImg8bit" / f"{stem}_leftImg8bit.png", frames.image[i])
            save_png(root / "disparity" / f"{stem}_disparity.png", frames.disparity[i])
            camera = root / "camera" / f"{stem}_camera.json"
            camera.parent.mkdir(parents=True, exist_ok=True)
            camera.write_text(json.dumps(CAMERA))
            ids = np.append(np.array(IDS), 3)[frames.labels[i]].astype(np.uint8)
            stored = {"labelIds": ids, "labelTrainIds": frames.stored_labels[i]}
            for kind in kinds:
                save_png(root / "gtFine" / f"{stem}_gtFine_{kind}.png", stored[kind])
    return root


def write_mtan_cityscapes(root: Path, train: Frames, test: Frames) -> Path:
    """MTAN's Cityscapes."""
    for split, frames in (("train", train), ("val", test)):
        for i in range(frames.count):
            depth = np.where(frames.disparity[i] > 1, frames.disparity[i], 0).astype(np.float32) / np.float32(
                65535
            )
            save_npy(root / split / "image" / f"{i}.npy", (frames.image[i] / 255).astype(np.float32))
            save_npy(root / split / "depth" / f"{i}.npy", depth[..., None])
            save_npy(root / split / "label_19" / f"{i}.npy", frames.labels[i].astype(np.float32))
            seven = np.append(np.array(SEVEN), -1)[frames.labels[i]]
            save_npy(root / split / "label_7" / f"{i}.npy", seven.astype(np.int16))
    return root


def write_adashare_cityscapes(root: Path, train: Frames, test: Frames) -> Path:
    """AdaShare's Cityscapes."""
    listed = {}
    for split, frames in (("train", train), ("test", test)):
        listed[split] = [
            [f"{kind}/{split}_{i}.npy" for kind in ("img", "depth", "l2", "l7", "l19")]
            for i in range(frames.count)
        ]
        for i, row in enumerate(listed[split]):
            depth = np.where(frames.disparity[i] > 1, frames.disparity[i], 0).astype(np.float32) / np.float32(
                65535
            )
            seven = np.append(np.array(SEVEN), -1)[frames.labels[i]]
            values = (
                (frames.image[i] / 255).astype(np.float64),
                depth[..., None],
                np.minimum(frames.labels[i], 1),
                seven,
                frames.labels[i],
            )
            for name, array in zip(row, values, strict=True):
                save_npy(root / name, array)
    (root / "cityscape.json").write_text(json.dumps(listed))
    return root


def write_mtan_nyuv2(root: Path, train: Frames, test: Frames) -> Path:
    """MTAN's NYUv2."""
    for split, frames in (("train", train), ("val", test)):
        for i in range(frames.count):
            save_npy(root / split / "image" / f"{i}.npy", (frames.image[i] / 255).astype(np.float32))
            save_npy(root / split / "label" / f"{i}.npy", frames.labels[i].astype(np.float32))
            save_npy(root / split / "depth" / f"{i}.npy", frames.metres[i][..., None])
            save_npy(root / split / "normal" / f"{i}.npy", frames.normals[i])
    return root


def write_adashare_nyuv2(root: Path, train: Frames, test: Frames) -> Path:
    """AdaShare's NYUv2."""
    listed = {}
    for split, frames in (("train", train), ("test", test)):
        rows = []
        for i in range(frames.count):
            name = f"{split}{i:04d}"
            x, y, z = np.moveaxis(frames.normals[i], -1, 0)
            coded = np.rint((np.stack([x, -z, y], -1) + 1) * 127.5).astype(np.uint8)
            coded[(frames.normals[i] == 0).all(-1)] = 255
            save_png(root / "img" / f"{name}.png", frames.image[i])
            save_png(root / "seg" / f"{name}.png", frames.stored_labels[i])
            save_png(root / "normal_mask" / f"{name}.png", coded)
            save_npy(root / "depth" / f"{name}.npy", frames.metres[i])
            rows.append(
                [f"img/{name}.png", f"seg/{name}.png", f"normal_mask/{name}.png", f"depth/{name}.npy"]
            )
        listed[split] = rows
    (root / "nyu_v2_3task.json").write_text(json.dumps(listed))
    return root


def write_mat(folder: Path, frames: Frames, train: list[int], test: list[int]) -> Path:
    """The official file of NYUv2: MATLAB 7.3 with its 512 bytes before HDF5 begins, axes reversed, and its neighbours.

    Of the 894 ids only 1 to 40 and 801 to 840 occur; 800 + k is the same class as k.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nyu_depth_v2_labeled.mat"
    odd = np.arange(frames.count) % 2 == 1
    ids = np.where(frames.labels < 0, 0, frames.labels + 1 + 800 * odd[:, None, None]).astype(np.uint16)
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = frames.image.transpose(0, 3, 2, 1)
        file["depths"] = frames.metres.transpose(0, 2, 1)
        raw = frames.metres.copy()
        raw[:, 4:6] = 0
        file["rawDepths"] = raw.transpose(0, 2, 1)
        file["labels"] = ids.transpose(0, 2, 1)
    mapping = np.full((1, 894), 40)
    mapping[0, :40] = mapping[0, 800:840] = np.arange(1, 41)
    savemat(folder / "classMapping40.mat", {"mapClass": mapping.astype(np.uint8)})
    numbers = {"trainNdxs": np.array(train)[:, None] + 1, "testNdxs": np.array(test)[:, None] + 1}
    savemat(folder / "splits.mat", {key: values.astype(np.uint16) for key, values in numbers.items()})
    return path


@pytest.fixture(scope="session")
def streets() -> tuple[Frames, Frames]:
    """Training and test frames with 19 classes and disparity."""
    return Frames(11, 0), Frames(3, 1)


@pytest.fixture(scope="session")
def rooms() -> tuple[Frames, Frames]:
    """Training and test frames with 13 classes, metric depth and normals."""
    return Frames(11, 2, classes=13), Frames(3, 3, classes=13)


@pytest.fixture(scope="session")
def writers() -> dict[str, Callable[..., Path]]:
    """What writes each layout."""
    return {
        "cityscapes": write_cityscapes,
        "mtan-cityscapes": write_mtan_cityscapes,
        "adashare-cityscapes": write_adashare_cityscapes,
        "mtan-nyuv2": write_mtan_nyuv2,
        "adashare-nyuv2": write_adashare_nyuv2,
        "nyuv2-mat": write_mat,
    }


@pytest.fixture(scope="session")
def make_frames() -> type[Frames]:
    """The class of the made-up frames."""
    return Frames


@pytest.fixture(scope="session")
def trees(
    tmp_path_factory: pytest.TempPathFactory,
    writers: dict[str, Callable[..., Path]],
    streets: tuple[Frames, Frames],
    rooms: tuple[Frames, Frames],
) -> dict[str, Path]:
    """A folder of each layout but nyuv2-mat; read only."""
    root = tmp_path_factory.mktemp("layouts")
    return {
        name: writer(root / name, *(streets if "cityscapes" in name else rooms))
        for name, writer in writers.items()
        if name != "nyuv2-mat"
    }
