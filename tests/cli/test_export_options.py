"""Flags of `edgenas export` that need no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.cli.export import _formats, _heads
from edgenas.errors import UsageError
from edgenas.export.request import ExportRequest


def test_formats() -> None:
    assert _formats((), None) == ("int8",) == _formats((), True)
    assert _formats((), False) == ()
    assert _formats(("float16", "float16"), None) == ("float16",)
    assert _formats(("float16",), True) == ("int8", "float16")
    with pytest.raises(UsageError, match="exclude each other"):
        _formats(("int8",), False)


def test_heads() -> None:
    assert _heads(("segmentation=argmax", "depth=low")) == {"segmentation": "argmax", "depth": "low"}
    for wrong in (("depth",), ("depth=",), ("=low",), ("depth=low", "depth=full")):
        with pytest.raises(UsageError, match="Expected TASK=FORM, once per task"):
            _heads(wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a/b"}, "--name"),
        ({"name": ""}, "--name"),
        ({"formats": ("int4",)}, "Unknown format 'int4'"),
        ({"engine": "tf"}, "Unknown engine 'tf'"),
        ({"input_type": "int4"}, "--input-type"),
        ({"output_type": "bool"}, "--output-type"),
        ({"max_drop_percent": 100.0}, "--max-drop"),
    ],
)
def test_settings_that_do_not_exist(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        ExportRequest(**{"out_dir": Path("x"), "name": "net", **settings})  # type: ignore[arg-type]


def test_what_ships() -> None:
    def shipped(*formats: str) -> str:
        return ExportRequest(Path("x"), "net", formats=formats).shipped

    assert [shipped(), shipped("float16"), shipped("float16", "int8")] == ["float32", "float16", "int8"]
    assert ExportRequest(Path("x"), "net", formats=("float32", "int8")).written == ("float32", "int8")
