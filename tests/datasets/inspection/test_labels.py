"""Label ids: permuted, off by one, and label sets that contradict each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgenas.datasets import load_dataset
from edgenas.datasets.inspection import Sample, inspect_data, take_sample
from edgenas.datasets.inspection.label_order import check_label_order


@pytest.fixture(scope="module", params=["rooms", "streets"])
def sample(request: pytest.FixtureRequest) -> Sample:
    """Validation frames: the priors were fitted on training frames."""
    return take_sample(
        load_dataset(request.param, "validation", height=64, width=128, frames=3), "validation", 3
    )


def _relabelled(sample: Sample, table: NDArray[Any]) -> Sample:
    full = np.append(table, np.full(256 - len(table), 255)).astype(np.uint8)
    frames = [
        replace(f, arrays=dict(f.arrays) | {"segmentation": full[f.arrays["segmentation"]]})
        for f in sample.frames
    ]
    return replace(sample, frames=tuple(frames))


def test_sound_labels_raise_nothing(sample: Sample) -> None:
    assert check_label_order(sample) == []


@pytest.mark.parametrize("seed", range(4))
def test_permuted_labels_are_found(sample: Sample, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(sample.info.class_names))
    assert [f.check for f in check_label_order(_relabelled(sample, order))] == ["label-order"]


@pytest.mark.parametrize("step", [1, -1])
def test_labels_off_by_one_are_found_and_named(sample: Sample, step: int) -> None:
    classes = len(sample.info.class_names)
    (found,) = check_label_order(_relabelled(sample, np.clip(np.arange(classes) + step, 0, classes - 1)))
    assert found.numbers["step"] == step
    assert ("Subtract 1" if step > 0 else "Add 1") in found.fix


def _rewrite(change: Callable[[NDArray[Any]], NDArray[Any]], *names: str) -> Callable[[Path], None]:
    def go(folder: Path) -> None:
        for name in names:
            np.save(folder / name, np.ascontiguousarray(change(np.load(folder / name))))

    return go


def _copy(first: str, second: str) -> Callable[[Path], None]:
    def go(folder: Path) -> None:
        shutil.copyfile(folder / first, folder / second)

    return go


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("fault", "check", "word"),
    [
        (_rewrite(lambda a: a[:, ::-1], "train/label_19/0.npy"), "mirrored", "labels are mirrored"),
        (_rewrite(lambda a: a[:, ::-1], "val/label_7/0.npy"), "mirrored", "label_7"),
        (_rewrite(lambda a: a[:, ::-1], "val/image/0.npy"), "mirrored", "image is mirrored"),
        (_rewrite(lambda a: a[:, ::-1], "train/depth/0.npy"), "mirrored", "depth is mirrored"),
        (_copy("train/label_7/0.npy", "train/label_19/0.npy"), "label-sets", "different things"),
        (_copy("train/label_19/0.npy", "val/label_19/0.npy"), "unrelated", "nothing to do with"),
        (
            _rewrite(lambda a: np.where(a >= 0, a + 7, a), "train/label_19/0.npy"),
            "broken-frame",
            "cannot be read",
        ),
    ],
)
def test_faults_in_a_copy_of_mtan_cityscapes(
    shared_data: Path, tmp_path: Path, fault: Callable[[Path], None], check: str, word: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(shared_data / "layouts" / "mtan_cityscapes", folder, copy_function=shutil.copyfile)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    fault(folder)
    found = inspect_data(str(folder))
    assert found.wrong
    assert any(f.check == check and word in f.what for f in found.findings)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["cityscapes_official", "mtan_cityscapes", "mtan_nyuv2", "adashare_nyu_v2"])
def test_sample_releases_raise_nothing(shared_data: Path, name: str) -> None:
    assert inspect_data(str(shared_data / "layouts" / name)).findings == ()
