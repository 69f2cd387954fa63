"""Errors that users meet."""

from __future__ import annotations

import pytest

from edgenas.errors import EdgenasError, MissingDependencyError, UsageError, no_such_file, unknown_name


def test_exit_codes() -> None:
    assert EdgenasError("x").exit_code == 1
    assert UsageError("x").exit_code == 2
    assert MissingDependencyError("keras", "train", "Training").exit_code == 1


def test_missing_dependency_names_the_line_to_type() -> None:
    error = str(MissingDependencyError("tensorflow-cpu", "train", "Training networks"))
    assert "Training networks needs the package 'tensorflow-cpu'" in error
    assert "pip install 'edgenas[train]'" in error


def test_unknown_name_shows_the_nearest() -> None:
    error = unknown_name("device", "hots", ("host", "edgetpu"), "edgenas devices")
    assert str(error) == "Unknown device 'hots'. Did you mean 'host'?\nSee: edgenas devices"


def test_unknown_name_lists_all_when_none_is_near() -> None:
    assert str(unknown_name("device", "zzz", ("host", "edgetpu"))) == (
        "Unknown device 'zzz'. Known: edgetpu, host."
    )


def test_missing_file_shows_its_nearest_neighbours(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "model_int8.tflite").touch()
    (tmp_path / "notes.txt").touch()
    error = no_such_file(tmp_path / "modle_int8.tflite")
    assert isinstance(error, UsageError)
    assert str(error) == (
        f"No such file: {tmp_path / 'modle_int8.tflite'}. Did you mean 'model_int8.tflite'?\nSee: edgenas export --help"
    )


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_missing_file_without_neighbours(tmp_path, folder: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / folder / "model.tflite"
    assert str(no_such_file(path)) == f"No such file: {path}.\nSee: edgenas export --help"
    assert str(no_such_file(path, "edgenas x")) == f"No such file: {path}.\nSee: edgenas x"
    assert str(no_such_file(path.with_suffix(".png"))) == f"No such file: {path.with_suffix('.png')}."
