"""Tasks from files and packages: what is found, remembered and refused."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from edgenas import scoring
from edgenas.cli.main import main
from edgenas.errors import UsageError
from edgenas.tasks import TASKS, get_task, plugins
from edgenas.tasks.plugins import VARIABLE, load_carried, load_task_module, modules_of, restore


def module(folder: Path, old: str, new: str, source: Path, name: str = "mine.py") -> Path:
    """The example with one thing changed."""
    text = source.read_text("utf-8")
    assert old in text
    path = folder / name
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_a_file_adds_a_task_once(own_tasks: Path) -> None:
    assert load_task_module(own_tasks) == load_task_module(own_tasks) == ("edges",)
    assert list(TASKS) == ["depth", "edges", "normals", "segmentation"]
    assert scoring.HIGHER_IS_BETTER["edges"] == {"f1": True, "precision": True, "recall": True}
    assert scoring.QUALITY_METRICS["edges"] == ("f1",)
    assert scoring.quality({"edges": {"f1": 0.6}}, {"edges": {"f1": 0.4}}) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from typing import Any", "import nothing_like_this", r"fails in line 1\d: ModuleNotFoundError"),
        ("register_task(Edges())", "1 / 0", r"fails in line \d+: ZeroDivisionError"),
        ("register_task(Edges())", "register_task(Edges(", r"fails in line \d+: SyntaxError"),
        ("register_task(Edges())", "raise SystemExit(3)", r"SystemExit: 3"),
        ("register_task(Edges())", "", r"registers no task. Expected register_task"),
        ("register_task(Edges())", "register_task(Edges)", r"Call the class: register_task\(Edges\(\)\)"),
        ("def decode(", "def decoded(", r"abstract method.*decode"),
        ("def constant_answer(", "def constant(", r"abstract method.*constant_answer"),
        ('name = "edges"', 'name = "depth"', r"a task called 'depth' is there already"),
        ('name = "edges"', 'name = "Edges 2"', r"expected lower-case letters"),
        ('name = "edges"', "", r"Edges.name: expected a text"),
        ('key="edges"', 'key="depth"', r"array 'depth' is that of the task 'depth'"),
        ('key="edges", dtype="uint8"', 'key="edges", dtype="byte7"', r"Expected a NumPy number type"),
        ("invalid=UNKNOWN", "invalid=999", r"Expected a value of uint8. Received 999"),
        ('losses = ("BCE",)', 'losses = "BCE"', r"Edges.losses: expected names of loss terms"),
        ('{"BCE": 1.0}', '{"BCE": -1.0}', r"default_loss_weights: expected finite weights"),
        ('"precision": True', '"precision": "up"', r"metrics: expected \{metric: True where higher"),
        (
            'quality_metrics = ("f1",)',
            'quality_metrics = ("f2",)',
            r"quality_metrics: expected at least one of",
        ),
        ("def derive(", "def derived(", r"no method `derive`"),
        ('{"f1": ("F1", "")}', '{"f1": "F1"}', r"metric_titles: expected"),
    ],
)
def test_a_broken_module_is_refused_and_leaves_nothing(
    own_tasks: Path, tmp_path: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = module(tmp_path, old, new, own_tasks)
    with pytest.raises(UsageError, match=message) as caught:
        load_task_module(path)
    assert str(path) in str(caught.value) and list(TASKS) == ["depth", "normals", "segmentation"]
    with pytest.raises(SystemExit) as stop:
        main(["space", "list", "--task-module", str(path)])
    assert stop.value.code == 2 and "Traceback" not in capsys.readouterr().err


def test_what_is_no_module(own_tasks: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file: .*edge_tsk.py"):
        load_task_module(own_tasks.with_name("edge_tsk.py"))
    with pytest.raises(UsageError, match=r"Expected a Python file"):
        load_task_module(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["space", "list", "--task-module"])
    assert stop.value.code == 2


def test_processes_inherit_it(own_tasks: Path) -> None:
    code = "from edgenas.tasks import get_task; print(get_task('edges').losses)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, VARIABLE: str(own_tasks)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "('BCE',)", done.stderr
    with pytest.raises(SystemExit) as stop:
        main(["--task-module", str(own_tasks), "space", "list", f"--task-module={own_tasks}"])
    assert stop.value.code == 0 and os.environ[VARIABLE] == str(own_tasks)


def test_a_run_remembers_the_module(own_tasks: Path, tmp_path: Path) -> None:
    assert modules_of(["depth"]) == {}
    copy = module(tmp_path, "UNKNOWN = 255", "UNKNOWN = 255  # mine", own_tasks)
    load_task_module(copy)
    stored = modules_of(["depth", "edges"])
    assert set(stored) == {"edges"} and stored["edges"]["file"] == str(copy)
    restore(stored)
    restore({})


def test_a_module_that_changed_or_is_gone_is_refused(own_tasks: Path, tmp_path: Path) -> None:
    copy = module(tmp_path, "UNKNOWN = 255", "UNKNOWN = 255  # mine", own_tasks)
    stored = {"edges": {"file": str(copy), "sha256": "0" * 64, "package": ""}}
    with pytest.raises(
        UsageError, match=r"'edges' is not that of the run: .*mine.py .* expected 0000000000000000"
    ):
        restore(stored)
    assert "edges" not in TASKS, "a module that changed is not even run"
    with pytest.raises(UsageError, match=r"mine2.py, which is not there any more"):
        restore({"edges": {**stored["edges"], "file": str(tmp_path / "mine2.py")}})
    with pytest.raises(
        UsageError, match=r"comes from the package edgenas-edges 1.2. .*pip install edgenas-edges"
    ):
        restore({"edges": {**stored["edges"], "package": "edgenas-edges 1.2"}})
    load_task_module(own_tasks)
    with pytest.raises(UsageError, match=r"edge_task.py has the SHA-256"):
        restore(stored)


def test_another_machine_gets_the_text(own_tasks: Path, tmp_path: Path) -> None:
    text = own_tasks.read_text("utf-8")
    load_task_module(own_tasks)
    ((sha256, carried),) = plugins.carried_modules(["edges", "depth"]).items()
    assert carried == text
    plugins._loaded.clear()
    from edgenas.tasks import registry

    registry.forget(["edges"])
    load_carried({sha256: carried}, tmp_path / "modules")
    assert (tmp_path / "modules" / f"{sha256}.py").read_text("utf-8") == text and get_task("edges")
    load_carried({sha256: carried}, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_installed_packages(
    own_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module(tmp_path, "UNKNOWN = 255", "UNKNOWN = 255", own_tasks, "pkg_edges.py")
    (tmp_path / "pkg_broken.py").write_text("raise ValueError('not today')")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint(n, f"pkg_{n}", plugins.ENTRY_POINTS) for n in ("broken", "edges")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points)
    plugins._discovered.clear()
    assert get_task("edges").name == "edges"
    assert "ValueError: not today Its tasks are left out." in caplog.text
    assert modules_of(["edges"])["edges"]["package"] == "pkg_edges"


def test_the_truth_is_derived(own_tasks: Path) -> None:
    load_task_module(own_tasks)
    labels = np.array([[[1, 1, 2], [1, 1, 2], [3, 255, 2]]], np.uint8)
    edges = get_task("edges").derive({"segmentation": labels})
    np.testing.assert_array_equal(edges, [[[0, 1, 0], [1, 1, 0], [0, 255, 0]]])
