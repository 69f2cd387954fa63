"""The fingerprint follows the data and what was chosen, not the place where they lie."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.datasets.layouts.probe import probe_files


def fingerprint(source: object, split: str = "train", **options: Any) -> str:
    """Of a data set."""
    return load_dataset(str(source), split, **options).info.fingerprint


def test_the_same_data_have_the_same(trees: dict[str, Path], tmp_path: Path) -> None:
    for folder in trees.values():
        first = fingerprint(folder)
        assert first == fingerprint(folder) == fingerprint(folder, "validation") == fingerprint(folder, "all")
        assert first == fingerprint(folder, tasks=["segmentation"]), (
            "runs on parts of the tasks share their data"
        )
        assert first == fingerprint(folder, frames=9), "as many as there are"
        assert first == fingerprint(shutil.copytree(folder, tmp_path / "elsewhere" / folder.name))
        assert first != fingerprint(folder, "test") and first != fingerprint(folder, frames=3)
        assert first != fingerprint(folder, height=16) and first != fingerprint(folder, width=16)


def test_other_choices_have_another(trees: dict[str, Path]) -> None:
    folder = trees["cityscapes"]
    suffixes = ("", "#label_7", "#depth=m", "#depth=mtan")
    assert len({fingerprint(f"{folder}{suffix}") for suffix in suffixes}) == len(suffixes)
    assert fingerprint(folder) == fingerprint(f"{folder}#label_19")


@pytest.mark.parametrize("name", ["cityscapes", "mtan-nyuv2", "adashare-nyuv2"])
def test_frames_that_change_places_are_seen(trees: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(trees[name], tmp_path / name))
    before = fingerprint(folder)
    patterns = ("leftImg8bit/train/*/*.png", "train/image/*.npy", "img/train*.png")
    first, second = [path for pattern in patterns for path in sorted(folder.glob(pattern))][:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert fingerprint(folder) != before


def test_the_mat_file(tmp_path: Path, writers: Any, make_frames: Any) -> None:
    found = set()
    for seed, split in ((1, [0, 1, 2]), (2, [0, 1, 2]), (1, [0, 1, 3])):
        path = writers["nyuv2-mat"](tmp_path, make_frames(5, seed, classes=40), split, [4])
        found |= {fingerprint(path), fingerprint(f"{path}#seg40"), fingerprint(f"{path}#depth=raw")}
    assert len(found) == 9


def test_a_probe_reads_little_and_sees_the_ends(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.npy" for i in range(300)]
    for i, path in enumerate(paths):
        np.save(path, np.full(100, i))
    probes = probe_files([*paths, tmp_path / "none.npy"])
    assert probes[tmp_path / "none.npy"] is None
    assert len({probe.checksum for probe in probes.values() if probe}) == 300
    assert not any(probe.fault for probe in probes.values() if probe)
    paths[7].write_bytes(paths[7].read_bytes()[:-1])
    again = probe_files(paths)[paths[7]]
    assert again is not None and "declares 800 bytes" in again.fault
