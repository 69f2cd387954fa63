"""Identity, files and validation of architectures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from edgenas.errors import UsageError
from edgenas.space import Architecture, Block, Head, Stage

ARCH = Architecture(
    32,
    64,
    8,
    (Stage(8, (Block("ibn", 3, 6),)), Stage(16, (Block("fused_ibn", 5, 3), Block("ibn", 3, 1)))),
    16,
    1,
    (Head("segmentation", 13, 16, 1), Head("depth", 1, 8, 0)),
)


def test_heads_are_ordered_so_that_equal_networks_are_equal() -> None:
    turned = dataclasses.replace(ARCH, heads=tuple(reversed(ARCH.heads)))
    assert turned == ARCH
    assert hash(turned) == hash(ARCH)
    assert turned.hash == ARCH.hash
    assert ARCH.tasks == ("depth", "segmentation")


def test_canonical_json_is_stable() -> None:
    assert ARCH.hash == "4ceb7a4b4ec1658a"
    assert Architecture.from_dict(json.loads(ARCH.to_json())) == ARCH


def test_single_task_variant() -> None:
    assert ARCH.with_tasks(["depth"]).tasks == ("depth",)
    with pytest.raises(UsageError, match="Expected some of"):
        ARCH.with_tasks(["normals"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_width": 60}, "`input_width` must be a multiple of 8"),
        ({"stem_width": 0}, "`stem_width` must be positive"),
        ({"activation": "swish"}, "`activation` must be one of"),
        ({"stages": (Stage(8, ()), Stage(8, (Block("ibn", 3, 1),)))}, "stage 1 needs"),
        ({"stages": (ARCH.stages[0], Stage(8, (Block("ibn", 4, 1),)))}, "stage 2 block 1 needs"),
        ({"heads": ()}, "at least one task"),
        ({"heads": (ARCH.heads[0], ARCH.heads[0])}, "one head"),
    ],
)
def test_invalid_fields_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(ARCH, **change)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "not an edgenas architecture"),
        ('{"format": "edgenas.architecture", "version": 9}', "format version 9"),
        ('{"format": "edgenas.architecture", "version": 1}', "not a complete architecture"),
        ('{"format": "edgenas.architecture", "version": 1, "stages": 5}', "not a complete architecture"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        Architecture.load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Architecture.load(tmp_path / "none.json")
