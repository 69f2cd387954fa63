"""A study that stays away ends the search: what was found until then is written and can be trained."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import EdgenasError, UsageError
from edgenas.report.run_data import read_run
from edgenas.search import run_search
from edgenas.search.study import StudyUnavailable, TrialStore


def test_the_best_so_far_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = TrialStore.finish

    def away_from_the_fifth_on(self: TrialStore, trial: Any, record: Any) -> None:
        if trial.number >= 4:
            raise StudyUnavailable("away")
        finish(self, trial, record)

    monkeypatch.setattr(TrialStore, "finish", away_from_the_fifth_on)
    with pytest.raises(StudyUnavailable, match="away"):
        run_search(
            toy_config(trials=8), toy_space(), toy_evaluator, toy_estimator, tmp_path, patience_seconds=0.0
        )
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["trials"]["finished"] == 4
    monkeypatch.setattr(TrialStore, "finish", finish)
    result = run_search(
        toy_config(trials=8), toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True
    )
    assert result.finished == 8


def test_a_report_does_not_call_the_run_unreadable(tmp_path: Path) -> None:
    run_search(toy_config(trials=2), toy_space(), toy_evaluator, toy_estimator, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        config["storage"] = f"postgresql+psycopg://me@127.0.0.1:{free.getsockname()[1]}/nas"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(EdgenasError, match="type the same command again") as caught:
        read_run(tmp_path)
    assert not isinstance(caught.value, UsageError) and "--resume" not in str(caught.value)
