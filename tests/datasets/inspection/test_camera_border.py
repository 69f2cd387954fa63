"""The border of NYUv2's camera shows which way round whole frames lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.datasets.classes import NYUV2_13
from edgenas.datasets.dataset import Dataset
from edgenas.datasets.inspection import Sample, take_sample
from edgenas.datasets.inspection.camera_border import check_camera_border
from edgenas.datasets.layouts.resize import resize_nearest


def _archive(path: Path, height: int, width: int, mirrored: bool = False) -> Dataset:
    """Frames with the border, in another size, laid as wanted."""
    valid = np.zeros((480, 640), np.uint8)
    valid[44:471, 40:601] = 1
    small = resize_nearest(valid, height, width)
    depth = np.tile((small[:, ::-1] if mirrored else small).astype(np.float32), (9, 1, 1))
    labels = np.zeros((9, height, width), np.uint8)
    np.savez(path, image=np.zeros((9, height, width, 3), np.uint8), seg13=labels, depth=depth)
    return load_dataset(str(path), "train")


@pytest.mark.parametrize(("height", "width"), [(96, 128), (64, 96), (240, 320), (288, 384), (480, 640)])
def test_a_mirrored_border_is_found_at_any_size(tmp_path: Path, height: int, width: int) -> None:
    sound = _archive(tmp_path / "a.npz", height, width)
    assert sound.info.class_names == NYUV2_13
    assert check_camera_border(take_sample(sound, "train", 2)) == []
    sample = take_sample(_archive(tmp_path / "b.npz", height, width, mirrored=True), "train", 2)
    (found,) = check_camera_border(sample)
    assert (found.severity, found.frames) == ("error", ("0", "3"))
    assert "mirrored" in found.what
    assert check_camera_border(sample, found.frames) == []


def _margins_of(sample: Sample) -> set[tuple[int, ...] | None]:
    return {frame.margins for frame in sample.frames}


@pytest.mark.shared_data
def test_no_frame_of_nyuv2_is_called_mirrored(shared_data: Path) -> None:
    dataset = load_dataset(
        str(shared_data / "nyuv2/nyuv2_train_96x128.npz"), "all", tasks=("segmentation", "depth")
    )
    sample = take_sample(dataset, "all", len(dataset))
    assert check_camera_border(sample) == []
    assert _margins_of(sample) == {(9, 1, 8, 7, 96, 128)}
