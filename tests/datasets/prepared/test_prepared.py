"""Prepared folders: the same frames, resumable to the same bytes, and damage that is noticed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.cli.main import main
from edgenas.datasets import ArrayDataset, Dataset, DatasetInfo, load_dataset
from edgenas.datasets.layouts import recognise
from edgenas.datasets.prepared import PreparedDataset, is_prepared, prepare_dataset, verify_prepared
from edgenas.errors import EdgenasError, UsageError
from edgenas.workflow.prepare import prepare_source

SHARD_BYTES = "edgenas.datasets.prepared.index.SHARD_BYTES"
TASKS = ("depth", "normals", "segmentation")


def frames(count: int, seed: int = 0, tasks: tuple[str, ...] = TASKS) -> ArrayDataset:
    rng = np.random.default_rng(seed)
    info = DatasetInfo("made", 6, 8, tasks, ("a", "b", "c"), "1/m", f"seed {seed}")
    size = (count, 6, 8)
    normals = rng.normal(size=(*size, 3))
    arrays = {
        "image": rng.integers(0, 256, (*size, 3), dtype=np.uint8),
        "depth": rng.random(size).astype(np.float32),
        "normals": np.rint(127 * normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.int8),
        "segmentation": rng.integers(0, 3, size, dtype=np.uint8),
    }
    return ArrayDataset(info, arrays)


def assert_same(a: Dataset, b: Dataset) -> None:
    assert a.info == b.info and len(a) == len(b)
    left, right = a.stored_arrays(), b.stored_arrays()
    assert list(left) == list(right)
    for key in left:
        assert left[key].dtype == right[key].dtype
        np.testing.assert_array_equal(left[key], right[key])


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 40),
    shard_bytes=st.integers(1, 6000),
    seed=st.integers(0, 99),
    tasks=st.sampled_from([("depth",), ("normals", "segmentation"), TASKS]),
)
def test_frames_come_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, count: int, shard_bytes: int, seed: int, tasks: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("prepared") / "out"
    source = frames(count, seed, tasks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SHARD_BYTES, shard_bytes)
        prepare_dataset({"train": source}, folder)
        prepared = PreparedDataset(folder, "train")
        assert_same(prepared, source)
        chosen = np.random.default_rng(seed).integers(0, count, 5)
        for key, array in prepared.stored_batch(chosen, ["image", tasks[0]]).items():
            np.testing.assert_array_equal(array, source.stored_arrays()[key][chosen])
        assert len(list(prepared.stored_frames(count // 2))) == count - count // 2
        assert verify_prepared(folder) == []


def test_an_archive_opens_as_itself(tiny_archive: Path, tmp_path: Path) -> None:
    source, folder = f"{tiny_archive}#seg40", str(tmp_path / "out")
    assert prepare_source(source, tmp_path / "out").frames == {"train": 35, "validation": 5}
    for split in ("train", "validation", "all"):
        assert_same(load_dataset(folder, split), load_dataset(source, split))
    few = load_dataset(folder, "train", tasks=["depth"], frames=7)
    alike = load_dataset(source, "train", frames=7)
    np.testing.assert_array_equal(few.stored_arrays()["image"], alike.stored_arrays()["image"])
    assert few.info.tasks == ("depth",)
    assert few.info.fingerprint != load_dataset(folder, "train").info.fingerprint
    shard = np.load(tmp_path / "out" / "validation-00000.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(shard["image"], load_dataset(source, "validation").arrays()["image"])


@pytest.mark.shared_data
def test_a_release_opens_as_itself(shared_data: Path, tmp_path: Path) -> None:
    sources = sorted(path for path in (shared_data / "layouts").iterdir() if recognise(path) is not None)
    assert len(sources) == 4
    options: dict[str, Any] = {"height": 32, "width": 64}
    for source in sources:
        folder = tmp_path / source.name
        done = prepare_source(str(source), folder, **options)
        counts = recognise(source).splits(source)  # type: ignore[union-attr]
        assert recognise(folder).splits(folder) == {k: n for k, n in counts.items() if n}  # type: ignore[union-attr]
        assert len(done.frames) >= 1
        for split in (name for name, count in counts.items() if count):
            assert_same(load_dataset(str(folder), split), load_dataset(str(source), split, **options))


def test_scenes_are_prepared_in_any_number(tmp_path: Path) -> None:
    options: dict[str, Any] = {"height": 32, "width": 32}
    prepare_source("rooms", tmp_path / "out", frames=5, validation_frames=2, **options)
    source = load_dataset("rooms", "train", frames=5, **options)
    assert_same(load_dataset(str(tmp_path / "out"), "train"), source)
    with pytest.raises(UsageError, match=r"has no all split\. Expected one of train, validation"):
        load_dataset(str(tmp_path / "out"), "all")


class Failing(ArrayDataset):
    """Fails at one frame, as an unreadable file would."""

    at = 0

    def _stored_frames(self, start: int) -> Any:
        for index in range(start, len(self)):
            if index == self.at:
                raise UsageError("stopped here")
            yield self._stored_frame(index)


@pytest.mark.parametrize("at", [0, 1, 7, 19])
def test_an_interrupted_conversion_ends_as_one_without_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(SHARD_BYTES, 3 * 6 * 8 * 11 + 12)
    source, validation = frames(20), frames(4)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    prepare_dataset({"train": source, "validation": validation}, whole)
    failing = Failing(source.info, source.stored_arrays())
    failing.at = at
    with pytest.raises(UsageError, match="stopped here"):
        prepare_dataset({"train": failing, "validation": validation}, parts)
    assert is_prepared(parts)
    with pytest.raises(UsageError, match="is not finished"):
        load_dataset(str(parts), "train")
    before = {path: path.stat().st_mtime_ns for path in parts.glob("*.npy")}
    assert len(before) == at // 3
    (parts / ".train-00003.abc.npy").write_bytes(b"what a kill left")
    done = prepare_dataset({"train": source, "validation": validation}, parts)
    assert content(parts) == content(whole)
    assert done.kept == len(before)
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


def test_a_kill_loses_one_shard_at_most(tmp_path: Path) -> None:
    script = (
        "import sys; import edgenas.datasets.prepared.index as index; index.SHARD_BYTES = 40000; "
        "from edgenas.cli.main import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", script, "data", "prepare", "rooms", "--height", "32", "--width", "32"]
    command += ["--frames", "160", "--validation-frames", "2", "--out"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    with subprocess.Popen([*command, str(killed)], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(killed.glob("train-*.npy"))) < 3:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    done = subprocess.run([*command, str(killed), "--json"], check=True, capture_output=True)
    assert json.loads(done.stdout)["shards_kept"] >= 2
    assert content(killed) == content(whole)


def test_a_full_disk_is_said_and_what_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SHARD_BYTES, 1500)
    splits = {"train": frames(9)}
    prepare_dataset(splits, tmp_path / "whole")
    with monkeypatch.context() as patch:
        real, calls = os.fsync, []

        def fsync(handle: int) -> None:
            calls.append(handle)
            if len(calls) == 4:  # The plan, a shard, its line, and then the second shard.
                raise OSError(28, "No space left on device")
            real(handle)

        patch.setattr(os, "fsync", fsync)
        with pytest.raises(
            EdgenasError, match=r"No space left on device\. What was stored before is unchanged"
        ):
            prepare_dataset(splits, tmp_path / "out")
    assert prepare_dataset(splits, tmp_path / "out").kept == 1
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(100, 90, 10))
    with pytest.raises(EdgenasError, match=r"too full: .* are still to be written"):
        prepare_dataset(splits, tmp_path / "other")


def test_another_data_set_is_refused_with_the_difference(tmp_path: Path) -> None:
    prepare_dataset({"train": frames(4)}, tmp_path / "out")
    assert prepare_dataset({"train": frames(4)}, tmp_path / "out").written == 0
    with pytest.raises(UsageError, match=r"the fingerprint of train is 'seed 0', wanted is 'seed 1'"):
        prepare_dataset({"train": frames(4, seed=1)}, tmp_path / "out")
    with pytest.raises(UsageError, match=r"frames of train are 4, wanted are 5"):
        prepare_dataset({"train": frames(5)}, tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="is not empty and holds no prepared data set"):
        prepare_dataset({"train": frames(4)}, tmp_path / "mine")


def test_damage_is_found_and_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SHARD_BYTES, 1500)
    source, folder = frames(6), tmp_path / "out"
    prepare_dataset({"train": source}, folder)
    whole, path = content(folder), folder / "train-00001.npy"
    damaged = bytearray(path.read_bytes())
    damaged[-100] ^= 1
    path.write_bytes(damaged)
    prepared = PreparedDataset(folder, "train")
    last = 2 * prepared._parts[0].frames_per_shard - 1
    prepared.frame(0)
    with pytest.raises(UsageError, match=r"train-00001\.npy: the frame at byte \d+ is damaged"):
        list(islice(prepared.stored_frames(), last + 1))
    assert [line.partition(":")[0] for line in verify_prepared(folder)] == ["train-00001.npy"]
    path.write_bytes(damaged[:-10])
    with pytest.raises(UsageError, match=r"train-00001\.npy: it is cut short"):
        prepared.frame(last)
    with pytest.raises(UsageError, match=r"train-00001\.npy has \d+ bytes, expected \d+ bytes"):
        PreparedDataset(folder, "train")
    path.unlink()
    with pytest.raises(UsageError, match=r"Cannot read .*train-00001\.npy: No such file"):
        prepared.frame(last)
    assert prepare_dataset({"train": source}, folder).written == 1
    assert content(folder) == whole
    index = folder / "prepared.json"
    index.write_text(index.read_text().replace('"1/m"', '"m"'))
    with pytest.raises(UsageError, match="is damaged or was edited"):
        PreparedDataset(folder, "train")


def test_what_was_fixed_by_the_conversion_cannot_be_asked_for(tiny_archive: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    prepare_source(str(tiny_archive), tmp_path / "out", tasks=("depth",))
    asked: tuple[tuple[str, str, dict[str, Any], str], ...] = (
        (folder, "train", {"height": 64}, "frames of 32x64, but height 64 was asked for"),
        (folder, "train", {"tasks": ["normals"]}, "Unknown task of .* 'normals'"),
        (folder, "train", {"frames": 36}, "the train split has 35 frames, expected at least 36"),
        (f"{folder}#seg40", "train", {}, "labels and settings were chosen when it was prepared"),
        (folder, "test", {}, r"has no test split\. Expected one of train, validation, all"),
    )
    for source, split, options, message in asked:
        with pytest.raises(UsageError, match=message):
            load_dataset(source, split, **options)
    with pytest.raises(UsageError, match="is prepared already"):
        prepare_source(folder, tmp_path / "again")


def test_the_command(tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["data", "prepare", *words])
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    folder = str(tmp_path / "out")
    code, out, _ = run(str(tiny_archive), "--out", folder, "--labels", "seg40")
    assert code == 0 and "train 35, validation 5 frames" in out
    assert run("--verify", folder)[0] == 0
    shard = tmp_path / "out" / "train-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    code, _, err = run("--verify", folder)
    assert code == 1 and "1 damaged:\n  train-00000.npy: SHA-256" in err
    code, _, err = run(str(tiny_archive), "--labels", "seg40")
    assert code == 2 and "Say where to" in err
