"""A run opens the same data again, however they were asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.workflow.data import DataRequest, OpenData


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tasks": ("depth",)},
        {"frames": 20},
        {"frames": 20, "validation_frames": 3},
        {"frames": 35},
    ],
)
def test_archives(tiny_archive: Path, changes: dict[str, object]) -> None:
    data = replace(DataRequest(str(tiny_archive)), **changes).open()  # type: ignore[arg-type]
    again = OpenData.reopen(json.loads(json.dumps(data.describe())))
    assert again.describe() == data.describe()
    assert len(again.train) == changes.get("frames", 35)


def test_an_archive_of_another_ending(tiny_archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "frames.data"
    path.write_bytes(tiny_archive.read_bytes())
    data = DataRequest(str(path)).open()
    assert OpenData.reopen(data.describe()).describe() == data.describe()


@pytest.mark.parametrize("source", ["rooms", "streets"])
@pytest.mark.parametrize("frames", [None, 50])
def test_procedural_scenes(source: str, frames: int | None) -> None:
    """Nothing is rendered for this: a data set is known by its rules."""
    data = DataRequest(source, frames=frames).open()
    again = OpenData.reopen(json.loads(json.dumps(data.describe())))
    assert again.describe() == data.describe()
    assert len(again.train) == (frames or 2000)


def test_all_frames_are_the_same_data_whether_named_or_not(tiny_archive: Path) -> None:
    for source, all_of_them in (("rooms", 2000), (str(tiny_archive), 35)):
        named = DataRequest(source, frames=all_of_them).open()
        assert named.train.info.fingerprint == DataRequest(source).open().train.info.fingerprint
        fewer = DataRequest(source, frames=30).open()
        assert named.train.info.fingerprint != fewer.train.info.fingerprint


def test_other_data(tiny_archive: Path) -> None:
    stored = DataRequest(str(tiny_archive)).open().describe()
    with pytest.raises(UsageError, match=r"not those of the run: fingerprint .*, expected 0123"):
        OpenData.reopen({**stored, "fingerprint": "0123"})
