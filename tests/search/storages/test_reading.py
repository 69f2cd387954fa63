"""A study is read while another process searches: every reading is the study of one moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgenas.search import read_trials
from edgenas.search.study import read_frozen_trials

SCRIPT = Path(__file__).parents[1] / "toy_search.py"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_reading_during_a_search(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    storage = [] if kind == "sqlite" else [str(request.getfixturevalue("postgres").url)]
    folder = tmp_path / "run"
    command = [sys.executable, str(SCRIPT), str(folder), "120", "fresh", "random", *storage]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()
    counts = []
    try:
        while process.poll() is None:
            finished = read_trials(folder)
            trials = read_frozen_trials(folder)
            assert [trial.number for trial in trials] == list(range(len(trials)))
            assert all(trial.params and trial.user_attrs for trial in trials if trial.state.is_finished())
            counts.append(len(finished))
            for _ in range(2):  # its lines are read, or it would wait for us
                process.stdout.readline()
    except BaseException:
        process.kill()  # it would wait for the server that the test stops
        raise
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert counts == sorted(counts) and len(set(counts)) > 3
    assert len(read_trials(folder)) == 120
