"""Files survive kills and full disks: whole files only, and tables without half records."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgenas.errors import EdgenasError, UsageError
from edgenas.storage import (
    append_jsonl,
    atomic_path,
    read_file,
    read_json,
    read_jsonl,
    require_writable,
    write_bytes_atomic,
    write_json,
    write_text_atomic,
)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_write_makes_folders_and_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.txt"
    write_text_atomic(path, "grün")
    assert path.read_bytes() == "grün".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(path.parent) == ["text.txt"]


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    write_bytes_atomic(path, b"old")
    with pytest.raises(KeyError), atomic_path(path) as temporary:
        temporary.write_bytes(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


def test_the_temporary_file_keeps_the_ending(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras"
        temporary.write_bytes(b"x")


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.bin"
    write_bytes_atomic(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(EdgenasError, match=r"Cannot write .*file\.bin: No space left on device.*unchanged"):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(EdgenasError, match=r"Cannot write .*taken"):
        write_text_atomic(tmp_path / "taken" / "file.txt", "x")
    with pytest.raises(EdgenasError, match=r"Cannot write .*taken"):
        append_jsonl(tmp_path / "taken" / "table.jsonl", {})
    with pytest.raises(EdgenasError, match=r"Cannot write .*taken"):
        require_writable(tmp_path / "taken")


def test_require_writable_makes_the_folder_and_leaves_nothing_in_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == []


def test_json_has_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"x": float("nan")})
    assert not path.exists()
    with pytest.raises(ValueError, match="JSON compliant"):
        append_jsonl(path, {"x": float("inf")})


def test_read_json_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(UsageError, match=r"No run configuration at .*config\.json: the file does not exist"):
        read_json(path, "run configuration")
    for damaged in (b"{", b"\xff\xfe", b""):
        path.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"config\.json cannot be read as the run configuration"):
            read_json(path, "run configuration")
    with pytest.raises(UsageError, match="cannot be read as the run configuration"):
        read_json(tmp_path, "run configuration")


def test_read_json_refuses_absurd_nesting(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    with pytest.raises(UsageError, match="cannot be read as the table"):
        read_json(path, "table")


def test_a_missing_table_is_empty(tmp_path: Path) -> None:
    assert read_jsonl(tmp_path / "none.jsonl") == []


records = st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8)), max_size=5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=records, after=records, cut=st.integers(1, 40))
def test_a_cut_last_line_costs_that_record_only(
    tmp_path: Path, before: list[dict[str, object]], after: list[dict[str, object]], cut: int
) -> None:
    path = tmp_path / "table.jsonl"
    path.unlink(missing_ok=True)
    for record in before:
        append_jsonl(path, record)
    whole = path.read_bytes() if before else b""
    append_jsonl(path, {"last": "x" * 40})
    path.write_bytes(path.read_bytes()[: -1 - cut])
    assert path.read_bytes().startswith(whole)
    assert read_jsonl(path) == before
    for record in after:
        append_jsonl(path, record)
    assert read_jsonl(path) == before + after


def test_a_line_without_its_newline_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text('{"a": 1}\n[1]\n{"b": 2}')
    assert read_jsonl(path) == [{"a": 1}, {"b": 2}]
    append_jsonl(path, {"c": 3})
    assert read_jsonl(path) == [{"a": 1}, {"b": 2}, {"c": 3}]


WRITER = """
import sys
from pathlib import Path
from edgenas.storage import append_jsonl, write_json
folder = Path(sys.argv[1])
for i in range(100_000):
    write_json(folder / "value.json", {"i": i, "text": "x" * 10_000})
    append_jsonl(folder / "table.jsonl", {"i": i})
    print(i, flush=True)
"""


def test_kill_leaves_whole_files(tmp_path: Path) -> None:
    for lines in (1, 7, 23):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        if process.stdout is None:
            raise RuntimeError("no pipe")
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert json.loads((tmp_path / "value.json").read_text())["text"] == "x" * 10_000
        table = read_jsonl(tmp_path / "table.jsonl")
        assert len(table) >= lines and table[-1]["i"] >= lines - 1


def test_read_file_reads_plain_files_only(tmp_path: Path) -> None:
    file, pipe, link = tmp_path / "a", tmp_path / "pipe", tmp_path / "loop"
    file.write_bytes(b"12345")
    os.mkfifo(pipe)
    link.symlink_to(link)
    assert read_file(file, most_bytes=5) == b"12345"
    for path, expected in (
        (tmp_path, "it is a folder"),
        (pipe, "it is a device or a pipe"),
        (Path("/dev/zero"), "it is a device or a pipe"),
        (link, "Too many levels of symbolic links"),
        (Path("a\0b"), "null byte"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(UsageError, match=expected):
            read_file(path, most_bytes=5)
    with pytest.raises(UsageError, match="it has 5 bytes, and such files have 4 at most"):
        read_file(file, most_bytes=4)
