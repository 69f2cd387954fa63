"""`edgenas data inspect` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgenas.cli.data_inspect import command
from edgenas.datasets import load_dataset
from edgenas.errors import UsageError


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 sound frames of rooms."""
    arrays = load_dataset("rooms", "train", height=64, width=96, frames=18).stored_arrays()
    path = tmp_path_factory.mktemp("rooms") / "rooms.npz"
    np.savez(
        path,
        image=arrays["image"],
        seg13=arrays["segmentation"],
        depth=arrays["depth"],
        normal=arrays["normals"],
    )
    return path


def _changed(archive: Path, path: Path, **arrays: object) -> Path:
    with np.load(archive) as stored:
        np.savez(path, **(dict(stored) | arrays))
    return path


def test_a_sound_archive_ends_with_0_and_shows_what_it_holds(archive: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    result = CliRunner().invoke(command, [str(archive), "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    for words in (".npz archive, 64x96", "floor", "validation", "no errors"):
        assert words in result.output
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_fault_ends_with_1_and_is_told_as_json(archive: Path, tmp_path: Path) -> None:
    with np.load(archive) as stored:
        depth = stored["depth"][:, :, ::-1]
    broken = _changed(archive, tmp_path / "mirrored.npz", depth=depth)
    result = CliRunner().invoke(command, [str(broken), "--json"])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert not report["ok"]
    assert {f["check"] for f in report["findings"] if f["severity"] == "error"} == {"mirrored"}
    assert report["splits"]["train"]["frames"] == 15
    assert report["splits"]["train"]["values"]["depth"]["unit"] == "m"


def test_a_leak_between_the_splits_is_an_error(archive: Path, tmp_path: Path) -> None:
    with np.load(archive) as stored:
        arrays = {key: np.array(array) for key, array in stored.items()}
    for array in arrays.values():
        array[9] = array[8]
    result = CliRunner().invoke(command, [str(_changed(archive, tmp_path / "leak.npz", **arrays)), "--json"])
    assert result.exit_code == 1
    assert [f["check"] for f in json.loads(result.stdout)["findings"] if f["severity"] == "error"] == ["leak"]


def test_a_trusted_copy_tells_what_frames_alone_do_not(archive: Path, tmp_path: Path) -> None:
    with np.load(archive) as stored:
        labels = np.array(stored["seg13"])
        image, depth = stored["image"], stored["depth"]
    table = np.arange(256, dtype=np.uint8)
    table[[3, 8]] = [8, 3]  # chair and sofa look alike
    broken = _changed(
        archive,
        tmp_path / "copy.npz",
        seg13=table[labels],
        image=image[..., ::-1],
        depth=depth * np.float16(1.25),
    )
    assert CliRunner().invoke(command, [str(broken)]).exit_code == 0
    result = CliRunner().invoke(
        command, [str(broken), "--against", str(archive), "--split", "train", "--json"]
    )
    assert result.exit_code == 1
    found = {f["check"]: f for f in json.loads(result.stdout)["findings"] if f["severity"] == "error"}
    assert set(found) == {"channels", "label-order", "depth-unit"}
    assert "label 3 (chair) here is 8 (sofa) there" in found["label-order"]["what"]
    assert found["depth-unit"]["numbers"]["factor"] == pytest.approx(1.25, rel=0.01)


def test_no_data_set_is_a_usage_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        result = CliRunner().invoke(command, [str(path)])
        assert isinstance(result.exception, UsageError)
