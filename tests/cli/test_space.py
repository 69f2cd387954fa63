"""`edgenas space`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.space import Architecture, list_presets, load_space


def test_list(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("space", "list")
    assert outcome.code == 0
    assert all(name in outcome.out for name in list_presets())


def test_list_as_json(edgenas: Callable[..., Any]) -> None:
    rows = edgenas("space", "list", "--json").value
    assert [row["name"] for row in rows] == list(list_presets())
    assert rows[0].keys() == {"name", "networks", "description"}
    assert {r["name"]: r["networks"] for r in rows}["demo"] == load_space("demo").cardinality()


def test_show(edgenas: Callable[..., Any]) -> None:
    outcome = edgenas("space", "show", "demo")
    assert outcome.code == 0 and "stage1.width_multiplier" in outcome.out
    value = edgenas("space", "show", "demo", "--json").value
    assert value["hash"] == load_space("demo").hash
    assert value["decisions"][0].keys() == {"name", "choices", "default"}


def test_sample_to_stdout_is_reproducible(edgenas: Callable[..., Any]) -> None:
    arguments = (
        "space",
        "sample",
        "--count",
        4,
        "--seed",
        7,
        "--tasks",
        "depth,segmentation",
        "--classes",
        5,
    )
    first = edgenas(*arguments)
    assert first.out == edgenas(*arguments).out
    networks = [Architecture.from_dict(d) for d in first.value]
    assert len(networks) == 4
    assert networks[0].tasks == ("depth", "segmentation")
    assert {h.task: h.channels for h in networks[0].heads} == {"depth": 1, "segmentation": 5}
    assert first.out != edgenas(*arguments[:5], 8, *arguments[6:]).out


def test_sample_to_files(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    outcome = edgenas("space", "sample", "--count", 3, "--out", tmp_path / "nets")
    assert outcome.code == 0 and outcome.out == ""
    files = sorted((tmp_path / "nets").iterdir())
    assert len(files) == 3
    assert all(Architecture.load(file).hash == file.stem for file in files)


def test_baseline(edgenas: Callable[..., Any]) -> None:
    space = load_space("demo")
    (network,) = edgenas("space", "sample", "--baseline").value
    wanted = space.architecture(
        space.default(), input_shape=(96, 128), head_channels={"depth": 1, "normals": 3, "segmentation": 13}
    )
    assert Architecture.from_dict(network) == wanted


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--tasks", "depth,depth"), "different tasks"),
        (("--tasks", ""), "different tasks"),
        (("--height", "100"), "100"),
        (("--count", "0"), "--count"),
    ],
)
def test_wrong_values(edgenas: Callable[..., Any], arguments: tuple[str, ...], text: str) -> None:
    outcome = edgenas("space", "sample", *arguments)
    assert outcome.code == 2
    assert text in outcome.err and "Traceback" not in outcome.err


def test_unwritable_folder(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    outcome = edgenas("space", "sample", "--out", tmp_path / "taken")
    assert outcome.code == 1
    assert "Cannot write" in outcome.err
    assert (tmp_path / "taken").read_text() == "mine"


def test_damaged_space_file(edgenas: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("stages = [")
    outcome = edgenas("space", "show", path)
    assert outcome.code == 2
    assert "broken.toml is not valid TOML" in outcome.err


def test_json_flag_prints_one_value(edgenas: Callable[..., Any]) -> None:
    assert isinstance(json.loads(edgenas("space", "sample").out), list)
