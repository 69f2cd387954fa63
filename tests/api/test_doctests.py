"""The examples in the docstrings of the public names run."""

from __future__ import annotations

import doctest
import importlib
import shutil
from pathlib import Path

import pytest

import edgenas

# In the order in which a user would come by them: a search makes the run that the next ones open.
MODULES = ("networks", "searching", "training", "exporting", "runs", "devices")

pytest.importorskip("tensorflow")


@pytest.fixture
def workplace(tmp_path: Path, tiny_archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with the files that the examples name."""
    from edgenas.workflow.fresh_export import export_fresh

    shutil.copy(tiny_archive, tmp_path / "tiny.npz")
    shutil.copy(Path(__file__).parents[1] / "workflow" / "mini.toml", tmp_path / "small.toml")
    network = edgenas.load_architecture(
        "mt-edge-baseline-v1", space=str(tmp_path / "small.toml"), height=32, width=64
    )
    export_fresh(network, "int8", tmp_path / "model_int8.tflite")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_module_is_walked() -> None:
    assert {f"api.{name}" for name in MODULES} == {
        home for home in edgenas._HOMES.values() if home.startswith("api.")
    }


@pytest.mark.usefixtures("workplace")
def test_examples_run() -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    out: list[str] = []
    for name in MODULES:
        module = importlib.import_module(f"edgenas.api.{name}")
        found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
        assert {test.name.removeprefix(f"edgenas.api.{name}.") for test in found} == {*module.__all__}
        for test in sorted(found, key=lambda it: it.lineno or 0):  # as they stand in the file
            runner.run(test, out=out.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(out)
