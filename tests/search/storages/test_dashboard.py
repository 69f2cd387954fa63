"""optuna-dashboard opens the study of a run: a real one is started and asked by HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_space

from edgenas.search import read_trials, run_search

pytest.importorskip("optuna_dashboard")


def ask(port: int, path: str) -> Any:
    """GET, waiting for the server to start."""
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError("optuna-dashboard did not answer")


@pytest.mark.parametrize(("storage", "algorithm"), [(None, "nsga2"), ("journal", "evolution")])
def test_it_shows_the_trials(tmp_path: Path, storage: str | None, algorithm: str) -> None:
    config = toy_config(trials=8, algorithm=algorithm, storage=storage)
    run_search(config, toy_space(), fragile_evaluator, toy_estimator, tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = str(tmp_path / "study.journal") if storage else f"sqlite:///{tmp_path / 'study.db'}"
    start = "import sys; from optuna_dashboard._cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, where, "--port", str(port), "--host", "127.0.0.1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        (summary,) = ask(port, "/api/studies")["study_summaries"]
        assert summary["study_name"] == "edgenas"
        study = ask(port, f"/api/studies/{summary['study_id']}?after=0")
    finally:
        server.terminate()
        server.wait(timeout=20)
    assert study["objective_names"] == (["quality", "latency"] if algorithm == "nsga2" else ["reward"])
    records = {r.number: r for r in read_trials(tmp_path)}
    assert {t["number"]: t["state"] for t in study["trials"]} == {
        n: "Complete" if r.completed else "Fail" for n, r in records.items()
    }
    for trial in study["trials"]:
        shown = {a["key"]: a["value"] for a in trial["user_attrs"]}
        assert shown["architecture_hash"].strip('"') == records[trial["number"]].architecture.hash
