"""The names that `import edgenas` gives: all there, imported late, the errors those of the command line."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgenas

HEAVY = (
    "tensorflow",
    "keras",
    "optuna",
    "pandas",
    "numpy",
    "scipy",
    "h5py",
    "rich",
    "click",
    "ai_edge_litert",
)


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has imported after the code."""
    probe = f"import json, sys\n{code}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_it_imports_nothing_else() -> None:
    assert loaded_after("import edgenas; dir(edgenas)").isdisjoint(HEAVY)


def test_predicting_imports_no_tensorflow() -> None:
    code = (
        "import edgenas\n"
        "network = edgenas.load_architecture('edgenas-compact-v1')\n"
        "assert edgenas.predict_latency(network, device='pixel4').latency_ms > 0\n"
        "edgenas.load_space('demo'), edgenas.load_dataset, edgenas.Architecture\n"
    )
    assert loaded_after(code).isdisjoint(("tensorflow", "keras", "optuna", "pandas", "rich", "click"))


@pytest.mark.parametrize("name", edgenas.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert name in dir(edgenas)
    assert (getattr(edgenas, name).__doc__ or "").strip()


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'edgenas' has no attribute 'serach'"):
        edgenas.serach  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError):
        exec("from edgenas import serach")


def test_the_imports_for_type_checkers_are_those_at_run_time() -> None:
    """Two lists of homes could differ; a type checker reads one, Python the other."""
    tree = ast.parse(Path(edgenas.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))  # if TYPE_CHECKING
    typed = {
        alias.name: str(node.module).removeprefix("edgenas.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == edgenas._HOMES
    assert sorted(typed) == sorted(edgenas.__all__)


def test_rooms_of_a_verb_can_be_called() -> None:
    """Python puts the package edgenas.report where the verb of that name stands; both must work, in any order."""
    code = (
        "import inspect, edgenas\n"
        "verbs = [edgenas.report, edgenas.search]\n"
        "import edgenas.report, edgenas.search.evolution\n"
        "from edgenas.report import write_report\n"
        "from edgenas import report, search\n"
        "assert inspect.ismodule(report) and search.evolution.next_decisions\n"
        "assert [inspect.signature(it) for it in (report, search)] == [inspect.signature(it) for it in verbs]\n"
        "try:\n"
        "    report('nowhere')\n"
        "except edgenas.UsageError as error:\n"
        "    print(error)\n"
    )
    assert "tensorflow" not in loaded_after(code)


def test_version() -> None:
    from importlib.metadata import version

    assert edgenas.__version__ == version("edgenas")


def test_errors_are_those_of_the_command_line(tmp_path: Path) -> None:
    network = edgenas.load_architecture("edgenas-compact-v1")
    with pytest.raises(edgenas.UsageError, match=r"Unknown device 'pixel44'. Did you mean 'pixel4'"):
        edgenas.predict_latency(network, device="pixel44")
    with pytest.raises(edgenas.UsageError, match=r"Unknown search space 'demmo'. Did you mean 'demo'"):
        edgenas.load_space("demmo")
    (tmp_path / "network.tflite").touch()
    with pytest.raises(
        edgenas.UsageError, match=r"No such file: .*netwrok.tflite.*Did you mean 'network.tflite'"
    ):
        edgenas.predict_latency(tmp_path / "netwrok.tflite", device="pixel4")
    with pytest.raises(edgenas.UsageError, match="no compatibility rules for 'host'"):
        edgenas.check(tmp_path / "network.tflite", device="host")
    with pytest.raises(edgenas.UsageError, match="No latency predictor for 'host' yet"):
        edgenas.predict_latency(network)
    with pytest.raises(edgenas.UsageError, match=r"`network`\. Expected an Architecture.*Received int"):
        edgenas.predict_latency(3, device="pixel4")  # type: ignore[arg-type]
    with pytest.raises(edgenas.UsageError, match="edgenas-compact-v1"):
        edgenas.load_architecture("compact")
    assert issubclass(edgenas.UsageError, edgenas.EdgenasError)
