"""The page about tasks of one's own: its lines are real, and the way that it shows is walked on a small archive."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from edgenas.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "own-task.md"
TEXT = PAGE.read_text(encoding="utf-8")

pytest.importorskip("tensorflow")


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 0


def archive(folder: Path) -> Path:
    """Grey squares on a dark ground, with their outlines as truth and some depth."""
    rng = np.random.default_rng(0)
    image = np.full((24, 32, 32, 3), 30, np.uint8)
    edges = np.zeros((24, 32, 32), np.uint8)
    for frame in range(24):
        top, left = (int(n) for n in rng.integers(2, 14, 2))
        edges[frame, top : top + 16, left : left + 16] = 1
        edges[frame, top + 2 : top + 14, left + 2 : left + 14] = 0
        image[frame, top : top + 16, left : left + 16] = 200
    edges[:, 0] = 255
    path = folder / "squares.npz"
    np.savez(path, image=image, edges=edges, depth=np.ones((24, 32, 32), np.float16))
    return path


def test_every_member_that_the_page_names_exists() -> None:
    from edgenas.tasks import Target, Task

    rows = re.findall(r"^\| (`[^|]*) \|", TEXT, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    known = {*dir(Task), *Task.__annotations__, *dir(Target), *Target.__annotations__}
    assert len(names) > 15 and not [name for name in names if name not in known]


def test_the_way_of_the_page(
    own_tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = str(archive(tmp_path))
    small = [
        "--architecture",
        "mt-edge-baseline-v1",
        "--schedule",
        "proxy",
        "--iterations",
        "40",
        "--batch-size",
        "8",
    ]
    run("train", "--task-module", str(own_tasks), "--tasks", "edges,depth", "--data", data, "--out", "net", *small,
        "--loss-weights", "l1=1,edges.BCE=3")  # fmt: skip
    stored = json.loads((tmp_path / "net" / "metrics.json").read_text())
    assert stored["data"]["task_modules"]["edges"]["file"] == str(own_tasks)
    assert stored["identity"]["config"]["loss_weights"] == {
        "ce": 0.0,
        "l1": 1.0,
        "re": 0.0,
        "ics": 0.0,
        "edges.BCE": 3.0,
    }
    assert set(stored["metrics"]["edges"]) == {"f1", "precision", "recall"}
    with (tmp_path / "net" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["edges.BCE"]) < 0.7 * float(rows[0]["edges.BCE"]) and "L1" in rows[0]

    forgotten()
    capsys.readouterr()
    run("evaluate", "net", "--json")
    found = json.loads(capsys.readouterr().out)
    assert found["edges"]["f1"] == pytest.approx(stored["metrics"]["edges"]["f1"], abs=1e-6)

    forgotten()
    run("export", "--trained", "net", "--tasks", "edges,depth", "--data", data, "--int8", "--device", "none",
        "--name", "squares", "--out", "export")  # fmt: skip
    with np.load(tmp_path / "export" / "samples.npz") as samples:
        truth, predicted = samples["truth_edges"], samples["int8_edges"]
    assert set(np.unique(truth)) == {0, 40, 255} and set(np.unique(predicted)) <= {40, 255}
    card = json.loads((tmp_path / "export" / "squares.json").read_text())
    assert card["data"]["task_modules"] == stored["data"]["task_modules"]
    forgotten()
    capsys.readouterr()
    run("evaluate", "export", "--json")
    both = json.loads(capsys.readouterr().out)["files"]
    assert both["float32"]["edges"]["f1"] == pytest.approx(stored["metrics"]["edges"]["f1"], abs=1e-3)
    assert both["int8"]["edges"]["f1"] == pytest.approx(both["float32"]["edges"]["f1"], abs=0.15)

    from PIL import Image

    with np.load(data) as arrays:
        Image.fromarray(arrays["image"][0]).save(tmp_path / "photo.png")
    run("run", "export/squares_int8.tflite", "photo.png", "--task-module", str(own_tasks), "--out", "seen")
    assert [p for p in (tmp_path / "seen").rglob("*.png") if "edges" in p.name]


def forgotten() -> None:
    """As a new process would be: nobody has named the module."""
    from edgenas.tasks import plugins, registry

    registry.forget(["edges"])
    plugins._loaded.clear()
    import os

    os.environ[plugins.VARIABLE] = ""
