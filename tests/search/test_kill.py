"""Real `kill -9` at random moments, then resume: the study must equal the uninterrupted one, trial by trial."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest

SCRIPT = Path(__file__).parent / "toy_search.py"
TRIALS = 30


def start(folder: Path, mode: str, algorithm: str = "evolution") -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), str(TRIALS), mode, algorithm]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, mode: str, algorithm: str = "evolution") -> None:
    process = start(folder, mode, algorithm)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def content(folder: Path) -> list[dict[str, Any]]:
    """Everything in the study but times."""
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{folder / 'study.db'}")
    return [
        {
            "number": trial.number,
            "state": trial.state.name,
            "values": trial.values,
            "params": trial.params,
            "rungs": trial.intermediate_values,
            "attrs": {k: v for k, v in trial.user_attrs.items() if k != "seconds"},
        }
        for trial in study.trials
    ]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill") / "whole"
    finish(folder, "fresh")
    return folder


def kill_after_lines(process: subprocess.Popen[str], lines: int, delay_seconds: float) -> None:
    """Kills the search some time after it has told of `lines` events; no line at all means during the start."""
    if process.stdout is None:
        raise RuntimeError("the search was started without a pipe")
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(delay_seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_resumed_equals_uninterrupted(uninterrupted: Path, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "run"
    moments = random.Random(seed)
    killed = 0
    for lines in (0, moments.randint(1, 4), moments.randint(5, 20), moments.randint(5, 20)):
        process = start(folder, "resume" if (folder / "config.json").exists() else "fresh")
        kill_after_lines(
            process, lines, moments.uniform(0.6, 1.2) if lines == 0 else moments.uniform(0.0, 0.05)
        )
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 3
    finish(folder, "resume" if (folder / "config.json").exists() else "fresh")
    assert content(folder) == content(uninterrupted)
    assert [trial["number"] for trial in content(folder)] == list(range(TRIALS))
    assert (folder / "best.json").read_text() == (uninterrupted / "best.json").read_text()
    assert not list(folder.glob(".study.*"))


@pytest.mark.parametrize("algorithm", ["nsga2", "tpe", "halving"])
def test_other_algorithms_too(tmp_path: Path, algorithm: str) -> None:
    finish(tmp_path / "whole", "fresh", algorithm)
    folder = tmp_path / "run"
    for lines, mode in ((30, "fresh"), (9, "resume")):
        process = start(folder, mode, algorithm)
        kill_after_lines(process, lines, 0.02)
        assert process.returncode == -signal.SIGKILL
    finish(folder, "resume", algorithm)
    assert content(folder) == content(tmp_path / "whole")
    assert (folder / "best.json").read_text() == (tmp_path / "whole" / "best.json").read_text()
