"""`edgenas reproduce` as it is typed, killed and typed again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgenas.cli.main import main
from edgenas.graph import parameter_count
from edgenas.search import Evaluation
from edgenas.search.executors import InProcess
from edgenas.storage import write_json
from edgenas.workflow.execution import Execution
from edgenas.workflow.proxy_training import ProxyTraining

SPACE = Path(__file__).parents[1] / "workflow" / "mini.toml"
SMALL = ("--height", "32", "--width", "32", "--frames", "8", "--validation-frames", "4", "--batch-size", "4")
COMMON = (*SMALL, "--space", str(SPACE), "--iterations", "2", "--seeds", "1", "--schedule", "proxy")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Trainings that take no time, with metrics by seed and size of the network; the folders that they made."""
    made: list[Path] = []

    def train(architecture: Any, data: Any, config: Any, folder: Path, **_: Any) -> None:
        made.append(folder)
        value = 0.5 + 0.01 * config.seed + parameter_count(architecture) * 1e-6
        metrics = {
            task: {"miou": value, "pixel_accuracy": value}
            if task == "segmentation"
            else {"abs_error": value, "rel_error": value, "rmse": value}
            for task in architecture.tasks
        }
        identity = {"architecture": architecture.to_dict(), "config": config.to_dict()}
        stored = {
            "format": "edgenas.trained",
            "identity": identity,
            "metrics": metrics,
            "seconds": {"steps": 2.0},
        }
        write_json(folder / "metrics.json", stored)

    monkeypatch.setattr("edgenas.studies.trainings.train_network", train)
    return made


def test_killed_and_gone_on_with_then_shared(
    tmp_path: Path, quick: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 after the first training; the rest is made by the next call, and jared-noise needs no training more."""
    out = tmp_path / "studies"
    script = Path(sys.executable).parent / "edgenas"
    command = [str(script), "reproduce", "table9", *COMMON, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
    deadline = time.monotonic() + 120
    while not (first := list(out.glob("trainings/*/metrics.json"))) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first and not (out / "table9.json").exists()
    finished = list(out.glob("trainings/*/metrics.json"))

    code, printed, err = run(capsys, "table9", *COMMON, "--out", out, "--json")
    assert code == 0, err
    assert err.startswith(f"7 trainings: {len(finished)} done, {7 - len(finished)} to do, about")
    assert len(quick) == 7 - len(finished) and not {path.parent for path in finished} & set(quick)
    result = json.loads(printed)
    assert result == json.loads((out / "table9.json").read_text()) and len(result["rows"]) == 7
    assert (out / "table9.svg").read_text().startswith("<svg ")
    assert (out / "table9.md").read_text().startswith("# Table 9") and (out / "table9.csv").exists()

    quick.clear()
    code, text, err = run(capsys, "jared-noise", *COMMON, "--out", out)
    assert code == 0 and err.startswith("5 trainings, all done.")
    assert "Nothing can be said: an interval needs at least four seeds" in text
    code, again, _ = run(capsys, "table9", *COMMON, "--out", out, "--json")
    assert {**json.loads(again), "command": ""} == {**result, "command": ""} and quick == []
    assert main_estimate(capsys, out)["left"] == 0


def main_estimate(capsys: pytest.CaptureFixture[str], out: Path) -> dict[str, Any]:
    code, printed, _ = run(capsys, "table9", *COMMON, "--out", out, "--estimate-only", "--json")
    assert code == 0
    value: dict[str, Any] = json.loads(printed)
    return value


def test_synergy(
    tmp_path: Path,
    quick: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def evaluate(self: ProxyTraining, architecture: Any, seed: int, part: Any = None) -> Evaluation:
        """As a training would end; larger networks are better."""
        value = 0.5 + parameter_count(architecture) * 1e-6
        scores = {
            "segmentation": {"miou": value, "pixel_accuracy": value},
            "depth": {"abs_error": 1 - value, "rel_error": 1 - value},
        }
        return Evaluation({t: scores[t] for t in architecture.tasks}, {"steps": 1.0}, "completed", "", None)

    monkeypatch.setattr(ProxyTraining, "__call__", evaluate)
    monkeypatch.setattr(Execution, "make", lambda self, evaluator: InProcess(evaluator))
    monkeypatch.setattr("edgenas.studies.cost.probe_seconds", lambda _: 2.0)
    options = (
        *COMMON,
        "--tasks",
        "segmentation,depth",
        "--trials",
        "4",
        "--proxy-iterations",
        "1",
        "--device",
        "none",
    )
    code, printed, err = run(capsys, "synergy", *options, "--out", tmp_path, "--json")
    assert code == 0, err
    assert "3 searches, 12 candidates: 12 to do" in err
    result = json.loads(printed)
    assert [n["label"] for n in result["networks"]] == [
        "baseline", "joint search", "search for depth", "search for segmentation",
    ]  # fmt: skip
    assert all(n["predicted_ms"] is None and n["parameters"] > 0 for n in result["networks"])
    assert {t["label"] for t in result["single_task"]} == {"depth alone", "segmentation alone"}
    assert len(quick) == len(result["single_task"]) + len(
        {n["trainings"][0]["key"] for n in result["networks"]}
    )
    code, again, err = run(capsys, "synergy", *options, "--out", tmp_path, "--json")
    assert code == 0 and "12 candidates, all done" in err
    assert {**json.loads(again), "command": ""} == {**result, "command": ""}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("table9", "--data", "nowhere.npz"), "nowhere.npz"),
        (("table9", "--schedule", "nope"), "Unknown training preset 'nope'"),
        (("table9", "--architecture", "nope"), "Unknown architecture"),
        (("synergy", "--tasks", "depth", "--device", "none"), "at least two tasks"),
        (("synergy", "--device", "nope"), "nope"),
        (("table9", "--seeds", "0"), "0 is not in the range"),
        (("table10",), "No such command"),
    ],
)
def test_mistakes(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tail = () if arguments[0] == "table10" else ("--out", str(tmp_path / "out"), "--estimate-only")
    code, out, err = run(capsys, *arguments, *tail)
    assert code == 2 and said in err and "Traceback" not in err and out == ""
    assert not (tmp_path / "out").exists()
