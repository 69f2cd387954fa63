"""Event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgenas.scalars import ScalarFile, open_scalars

Points = dict[str, list[tuple[int, float]]]
Read = Callable[[Path], Points]


def test_what_is_added_is_read(read_curves: Read, tmp_path: Path) -> None:
    file = ScalarFile(tmp_path / "curves")
    for step in range(5):
        file.add(step, {"a/x": step / 2, "b": None if step % 2 else float(step), "c": float("nan")})
        assert read_curves(tmp_path / "curves")["a/x"][-1] == (step, step / 2), "without closing"
    file.close()
    assert read_curves(tmp_path / "curves") == {
        "a/x": [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0)],
        "b": [(0, 0.0), (2, 2.0), (4, 4.0)],
    }


def test_a_new_file_takes_the_place_of_earlier_ones_and_leaves_those_of_others(
    read_curves: Read, tmp_path: Path
) -> None:
    other = tmp_path / "events.out.tfevents.1.somebody"
    other.write_bytes(b"")
    first = ScalarFile(tmp_path)
    first.add(0, {"a": 1.0})
    first.close()
    second = ScalarFile(tmp_path)
    assert read_curves(tmp_path) == {"a": [(0, 1.0)]}, "the earlier one stays until there is another"
    second.add(0, {"a": 2.0})
    second.close()
    assert read_curves(tmp_path) == {"a": [(0, 2.0)]}
    assert other.exists() and len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_ends_nothing_and_loses_nothing(
    read_curves: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write, room = os.write, [10_000]

    def limited(handle: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        count = write(handle, bytes(data)[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr("edgenas.scalars.os.write", limited)
    file = ScalarFile(tmp_path)
    with caplog.at_level(logging.WARNING):
        for step in range(3):
            file.add(step, {"a": float(step)})
        room[0] = 7  # The next record does not fit as a whole.
        for step in range(3, 6):
            file.add(step, {"a": float(step)})
        assert read_curves(tmp_path) == {"a": [(0, 0.0), (1, 1.0), (2, 2.0)]}, "no half of a record"
        room[0] = 10_000
        file.add(6, {"a": 6.0})
        file.close()
    assert read_curves(tmp_path) == {"a": [(step, float(step)) for step in range(7)]}
    assert [r.getMessage() for r in caplog.records] == [
        f"The curves in {tmp_path} cannot be written: No space left on device. "
        "The run goes on, and writes them when it can."
    ]


def test_full_from_the_beginning_keeps_the_earlier_file(
    read_curves: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = ScalarFile(tmp_path)
    first.add(0, {"a": 1.0})
    first.close()

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edgenas.scalars.os.write", full)
    second = ScalarFile(tmp_path)
    second.add(0, {"a": 2.0})
    second.close()
    monkeypatch.undo()
    assert read_curves(tmp_path) == {"a": [(0, 1.0)]} and len(list(tmp_path.iterdir())) == 1
    assert "No space left" in caplog.text


def test_a_folder_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    file = ScalarFile(tmp_path / "file" / "curves")
    file.add(0, {"a": 1.0})
    file.close()
    assert "cannot be written: Not a directory" in caplog.text


def test_without_tensorboard_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    assert open_scalars(tmp_path) is None
    assert [r.getMessage() for r in caplog.records] == [
        "No curves for TensorBoard: Curves of a run needs the package 'tensorboard', which is not installed. "
        "Install it with: pip install 'edgenas[tensorboard]'"
    ]


def test_writing_imports_no_tensorflow(read_curves: Read, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from edgenas.scalars import ScalarFile; "
        f"f = ScalarFile(Path({str(tmp_path)!r})); f.add(0, {{'a': 1.0}}); f.close(); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
    assert read_curves(tmp_path) == {"a": [(0, 1.0)]}
