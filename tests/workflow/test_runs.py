"""Numbered run folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.workflow.runs import RunFolder, new_run_folder, newest_run


def test_numbers_go_up(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    assert new_run_folder(root) == root / "001"
    assert not root.exists()
    for name in ("001", "007", "demo", "12x"):
        (root / name).mkdir(parents=True)
    assert new_run_folder(root) == root / "008"
    (root / "999").mkdir()
    assert new_run_folder(root) == root / "1000"


def test_the_newest_run_is_the_one_begun_last(tmp_path: Path) -> None:
    for name, begun in (("002", 100), ("demo", 300), ("001", 200)):
        (tmp_path / name).mkdir()
        config = RunFolder(tmp_path / name).config
        config.touch()
        os.utime(config, (begun, begun))
    (tmp_path / "003").mkdir()
    assert newest_run(tmp_path) == tmp_path / "demo"


def test_no_run(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="Name a run folder, or start a search with: edgenas search"):
            newest_run(root)
