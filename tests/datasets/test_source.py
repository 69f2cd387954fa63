"""What names a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.datasets.source import DataSource, leaving_out_broken
from edgenas.errors import UsageError

LAYOUTS = {"cityscapes": 1, "folder": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rooms", DataSource(Path("rooms"))),
        ("/data/cs", DataSource(Path("/data/cs"))),
        ("cityscapes:/data/cs", DataSource(Path("/data/cs"), "cityscapes")),
        ("streets:/data/cs", DataSource(Path("streets:/data/cs"))),
        ("a.npz#seg40", DataSource(Path("a.npz"), labels="seg40")),
        ("/d#label_7,depth=1/m", DataSource(Path("/d"), labels="label_7", settings={"depth": "1/m"})),
        ("/d#depth=m,normals=depth", DataSource(Path("/d"), settings={"depth": "m", "normals": "depth"})),
        ("/d#splits=/x/a=b.mat", DataSource(Path("/d"), settings={"splits": "/x/a=b.mat"})),
        ("/d#skip-broken", DataSource(Path("/d"), skip_broken=True)),
        ("/d#seg13,skip-broken,depth=m", DataSource(Path("/d"), "", "seg13", {"depth": "m"}, True)),
    ],
)
def test_sources_are_taken_apart(text: str, expected: DataSource) -> None:
    assert DataSource.parse(text, LAYOUTS) == expected


def test_a_path_that_exists_is_one(tmp_path: Path) -> None:
    odd = tmp_path / "run #3, x=y"
    odd.mkdir()
    assert DataSource.parse(str(odd), LAYOUTS) == DataSource(odd)
    assert DataSource.parse(f"{odd}#label_7", LAYOUTS) == DataSource(odd, labels="label_7")


@pytest.mark.parametrize("text", ["/d#a,b", "/d#a,=b", "/d#a,b=", "/d#a,,"])
def test_settings_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"Expected PATH#LABELS,KEY=VALUE"):
        DataSource.parse(text, LAYOUTS)


@pytest.mark.parametrize("text", ["/d", "/d#label_7", "/d#depth=m", "cityscapes:/d"])
def test_leaving_out_broken_frames_is_said_once(text: str) -> None:
    once = leaving_out_broken(text)
    assert leaving_out_broken(once) == once
    plain, chosen = (DataSource.parse(source, LAYOUTS) for source in (text, once))
    assert chosen.skip_broken and not plain.skip_broken
    assert (chosen.path, chosen.labels, chosen.settings) == (plain.path, plain.labels, plain.settings)
