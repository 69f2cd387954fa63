"""A storage that cannot be used is found out before a run is tied to it, and before anything is trained."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from toy_search import toy_config, toy_space

from edgenas.errors import EdgenasError
from edgenas.search import run_search
from edgenas.search.storages.check import check_storage


def nobody_trains(*_: Any) -> Any:
    raise RuntimeError("nothing may be trained")


def refused(storage: str, run_dir: Path) -> str:
    with pytest.raises(EdgenasError) as caught:
        run_search(toy_config(storage=storage, target_ms=None), toy_space(), nobody_trains, None, run_dir)
    return str(caught.value)


def test_a_server_that_is_away(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        said = refused(f"postgresql://me@127.0.0.1:{free.getsockname()[1]}/nas", tmp_path / "run")
    assert "cannot be read" in said and "Nothing was written." in said and "--resume" not in said
    assert not (tmp_path / "run").exists()


def test_psycopg_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'edgenas[postgresql]'" in refused("postgresql://me@127.0.0.1/nas", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_journal_in_no_folder(tmp_path: Path) -> None:
    said = refused(f"journal:{tmp_path / 'absent' / 'all.log'}", tmp_path / "run")
    assert f"mkdir -p {tmp_path / 'absent'}" in said
    assert not (tmp_path / "run").exists()


def test_a_journal_that_is_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in refused(f"journal:{tmp_path}", tmp_path / "run")


@pytest.mark.parametrize("storage", [None, "journal", "journal:{folder}/all.log"])
def test_files_that_can_be_made(storage: str | None, tmp_path: Path) -> None:
    check_storage(storage and storage.format(folder=tmp_path), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_server_that_answers(postgres: Any, tmp_path: Path) -> None:
    check_storage(postgres.url, tmp_path / "run")
