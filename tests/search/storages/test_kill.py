"""Real `kill -9` of the driver with a journal and with a PostgreSQL server, then resume: as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_space

from edgenas.report.run_data import read_run
from edgenas.search import read_trials, run_search
from edgenas.search.study import read_frozen_trials

SCRIPT = Path(__file__).parents[1] / "toy_search.py"
TRIALS = 16


def content(folder: Path) -> list[dict[str, Any]]:
    """Everything in the study but times."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name,
            "values": trial.values,
            "params": trial.params,
            "system": trial.system_attrs,
            "attrs": {k: v for k, v in trial.user_attrs.items() if k != "seconds"},
        }
        for trial in read_frozen_trials(folder)
    ]


def search(folder: Path, *, resume: bool = False, **options: Any) -> Any:
    config = toy_config(trials=TRIALS, **options)
    return run_search(config, toy_space(), fragile_evaluator, toy_estimator, folder, resume=resume)


@pytest.mark.parametrize(("kind", "algorithm"), [("journal", "evolution"), ("postgresql", "nsga2")])
def test_killed_and_resumed_equals_uninterrupted(
    tmp_path: Path, kind: str, algorithm: str, request: pytest.FixtureRequest
) -> None:
    storage = "journal" if kind == "journal" else str(request.getfixturevalue("postgres").url)
    search(tmp_path / "whole", algorithm=algorithm)
    folder = tmp_path / "run"
    for lines, mode in ((12, "fresh"), (6, "resume")):
        command = [sys.executable, str(SCRIPT), str(folder), str(TRIALS), mode, algorithm, storage]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL, errors
        assert 0 < len(read_trials(folder)) < TRIALS
    search(folder, resume=True, algorithm=algorithm, storage=storage)
    assert content(folder) == content(tmp_path / "whole")
    best = [json.loads((tmp_path / name / "best.json").read_text()) for name in ("run", "whole")]
    assert best[0] == best[1]
    assert not (folder / "study.db").exists()
    assert len(read_run(folder).trials) == TRIALS
    assert "4711" not in (folder / "config.json").read_text()
