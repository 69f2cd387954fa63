"""`edgenas data layouts`, and releases as data of other commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """MTAN's NYUv2 with 9 training frames of noise, one of them without its label."""
    rng = np.random.default_rng(0)
    for kind, values in (
        ("image", rng.random((32, 64, 3))),
        ("label", np.zeros((32, 64))),
        ("depth", np.ones((32, 64))),
    ):
        for i in range(9):
            path = tmp_path / "train" / kind / f"{i}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, values)
    (tmp_path / "train" / "normal").mkdir()
    (tmp_path / "train" / "label" / "4.npy").unlink()
    return tmp_path


def test_the_layouts_are_listed(edgenas: Callable[..., Any]) -> None:
    rows = json.loads(edgenas("data", "layouts", "--json").out)
    assert {row["name"] for row in rows} >= {"cityscapes", "mtan-nyuv2", "nyuv2-mat", "folder"}
    assert "depth" in next(row for row in rows if row["name"] == "cityscapes")["settings"]
    assert "adashare-nyuv2" in edgenas("data", "layouts").out
    assert "layouts" in edgenas("data", "--help").out


def test_a_path_is_recognised(edgenas: Callable[..., Any], release: Path) -> None:
    found = json.loads(edgenas("data", "layouts", release, "--json").out)
    assert found["layout"] == "mtan-nyuv2" and found["label_sets"] == ["seg13"]
    assert found["splits"] == {"train": 7, "validation": 2, "all": 9}
    assert "validation" in edgenas("data", "layouts", release).out


def test_a_path_without_a_layout(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    outcome = edgenas("data", "layouts", tmp_path)
    assert outcome.code == 2 and "has none of the layouts" in outcome.err and "dataset.toml" in outcome.err
    assert edgenas("data", "layouts", tmp_path / "none").code == 2


def test_a_search_says_which_files_are_missing(
    edgenas: Callable[..., Any], release: Path, tmp_path: Path
) -> None:
    words = ["search", "--data", release, "--device", "none", "--out", tmp_path / "run"]
    outcome = edgenas(*words)
    assert outcome.code == 2 and "7 of 7 frames of the train split" in outcome.err
    assert "has no normals file" in outcome.err and "--tasks" in outcome.err
    outcome = edgenas(*words, "--tasks", "depth,segmentation")
    assert outcome.code == 2 and "1 of 7 frames of the train split" in outcome.err
    assert "4 has no segmentation file" in outcome.err and "--skip-broken" in outcome.err
    assert "Traceback" not in outcome.err


def test_skipping_broken_frames_becomes_part_of_the_data(release: Path) -> None:
    import click
    from click.testing import CliRunner

    from edgenas.cli.options import data_options
    from edgenas.workflow.data import DataRequest, OpenData

    @click.command()
    @data_options
    def command(data: str, **options: Any) -> None:
        opened = DataRequest(data, tasks=("depth", "segmentation"), height=16, width=32).open()
        stored = json.loads(json.dumps(opened.describe()))
        again = OpenData.reopen(stored)
        click.echo(f"{stored['source']} {len(again.train)} {len(again.validation)} {again.train.info.height}")
        click.echo(f"{opened.request.split('all').info.width}")

    result = CliRunner().invoke(command, ["--data", str(release), "--skip-broken"], catch_exceptions=False)
    assert result.stdout == f"{release}#skip-broken 6 2 16\n32\n"
