"""The disk cache of rendered frames: never trusted, never needed."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets.scenes import blocks, cache
from edgenas.datasets.scenes.blocks import (
    BLOCK_FRAMES,
    LENGTH,
    SceneSpec,
    render_block,
    render_blocks,
    unpack,
)
from edgenas.datasets.scenes.cache import SceneCache, default_cache_dir
from edgenas.errors import EdgenasError

SPEC = SceneSpec("rooms", "train", 0, 12, 16)


def same_blocks(a: blocks.Block, b: blocks.Block) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def whole(scenes: SceneCache, frames: int) -> blocks.Block:
    parts = list(scenes.blocks(frames))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def test_cached_frames_equal_fresh_ones_and_no_temporary_file_stays(tmp_path: Path) -> None:
    expected = render_block(SPEC, 0, 3)
    scenes = SceneCache(SPEC, tmp_path)
    assert same_blocks(whole(scenes, 3), expected)
    kept = scenes.read(0, 3)
    assert kept is not None and same_blocks(kept, expected)
    assert [path.name for path in scenes.path(0).parent.iterdir()] == ["00000.npz"]


def test_a_cached_block_is_not_rendered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = whole(SceneCache(SPEC, tmp_path), 3)
    monkeypatch.setattr(blocks, "render_frame", None)
    assert same_blocks(whole(SceneCache(SPEC, tmp_path), 3), first)
    assert len(whole(SceneCache(SPEC, tmp_path), 2)["image"]) == 2


def test_a_short_block_grows_when_more_frames_are_wanted(tmp_path: Path) -> None:
    whole(SceneCache(SPEC, tmp_path), 2)
    assert same_blocks(whole(SceneCache(SPEC, tmp_path), 5), render_block(SPEC, 0, 5))
    assert len(whole(SceneCache(SPEC, tmp_path), 2)["image"]) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text", "other arrays"])
def test_a_damaged_file_is_rendered_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    scenes = SceneCache(SPEC, tmp_path)
    expected = whole(scenes, 2)
    path = scenes.path(0)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_bytes(b"not an archive")
    elif damage == "flipped":
        data[len(data) // 3] ^= 0xFF
        path.write_bytes(data)
    else:
        with path.open("wb") as file:
            np.savez(file, image=np.zeros((2, 3, 3, 3), np.uint8))
    with caplog.at_level(logging.WARNING, "edgenas.datasets"):
        assert same_blocks(whole(scenes, 2), expected)
    assert "rendered again" in caplog.text
    assert scenes.read(0, 2) is not None, "the file was repaired"


def test_a_full_disk_costs_a_warning_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise EdgenasError(f"Cannot write {path}: No space left on device.")

    monkeypatch.setattr(cache, "write_bytes_atomic", full)
    with caplog.at_level(logging.WARNING, "edgenas.datasets"):
        frames = whole(SceneCache(SPEC, tmp_path), BLOCK_FRAMES + 1)
    assert len(frames["image"]) == BLOCK_FRAMES + 1
    assert caplog.text.count("No space left") == 1, "one warning is enough"


def test_a_folder_that_cannot_exist_costs_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING, "edgenas.datasets"):
        assert len(whole(SceneCache(SPEC, tmp_path / "file"), 1)["image"]) == 1
    assert "not kept" in caplog.text


def test_child_processes_render_the_same_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    ranges = [(0, 7), (7, 14), (14, 17)]
    alone = [render_block(SPEC, *span) for span in ranges]
    monkeypatch.setattr(blocks, "render_block", None)
    together = list(render_blocks(SPEC, ranges))
    assert all(same_blocks(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/true", "/bin/echo"])
def test_failing_children_are_replaced(
    program: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    monkeypatch.setattr(sys, "executable", program)
    with caplog.at_level(logging.WARNING, "edgenas.datasets"):
        together = list(render_blocks(SPEC, [(0, 9), (9, 18)]))
    assert same_blocks(together[1], render_block(SPEC, 9, 18))
    assert "rendering here instead" in caplog.text


def test_children_end_when_nobody_listens_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_cores", lambda: 2)
    closed = []
    close = blocks._Child.close
    monkeypatch.setattr(blocks._Child, "close", lambda child: (closed.append(child._process), close(child)))
    stream = render_blocks(SPEC, [(0, 9), (9, 18), (18, 400)])
    next(stream)
    stream.close()
    assert [process.poll() is not None for process in closed] == [True, True]


def test_the_worker_writes_blocks_to_stdout() -> None:
    command = [
        sys.executable,
        "-m",
        "edgenas.datasets.scenes.worker",
        "rooms",
        "train",
        "0",
        "12",
        "16",
        "2:4",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    assert LENGTH.unpack(done.stdout[:8])[0] == len(done.stdout) - 8
    assert same_blocks(unpack(done.stdout[8:]), render_block(SPEC, 2, 4))


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGENAS_HOME", "/somewhere")
    assert default_cache_dir() == Path("/somewhere")
    monkeypatch.delenv("EDGENAS_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "edgenas"
