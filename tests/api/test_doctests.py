"""The examples in the docstrings of the public names run."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import edgenas
from edgenas.space import Architecture

MODULES = sorted(f"edgenas.{home}" for home in {*edgenas._HOMES.values()} if home.startswith("api."))

pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    from edgenas.workflow.fresh_export import export_fresh

    folder = tmp_path_factory.mktemp("workplace")
    network: Architecture = edgenas.load_architecture("mt-edge-baseline-v1", height=32, width=64)
    export_fresh(network, "int8", folder / "model_int8.tflite")
    return folder


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    module = importlib.import_module(name)
    found = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert {test.name.rpartition(".")[2] for test in found} == {*module.__all__}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    out: list[str] = []
    for test in found:
        runner.run(test, out=out.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(out)
