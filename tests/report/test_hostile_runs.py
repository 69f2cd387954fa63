"""Runs that are unfinished, failed or damaged: each still has its page, which says what is missing."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna

from edgenas.report import write_report

RunMaker = Callable[..., Path]


def _words(folder: Path) -> str:
    page = write_report(folder).read_text(encoding="utf-8")
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "|", page))


def _study_of(folder: Path, trials: list[optuna.trial.FrozenTrial]) -> None:
    (folder / "study.db").unlink(missing_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder / 'study.db'}")
    study = optuna.create_study(study_name="edgenas", storage=storage, direction="maximize")
    for trial in trials:
        study.add_trial(trial)
    storage.engine.dispose()


def _trial(state: str, value: float | None = None, **attrs: Any) -> optuna.trial.FrozenTrial:
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[state], value=value, user_attrs={"status": "completed", **attrs}
    )


def test_a_running_search(make_run: RunMaker) -> None:
    folder = make_run(trials=3, parts=("baseline",))
    done = {"quality": 1.1, "reward": 1.1, "predicted_ms": 2.0, "feasible": True}
    _study_of(
        folder, [_trial("COMPLETE", 1.1, **done), _trial("RUNNING", status=""), _trial("WAITING", status="")]
    )
    words = _words(folder)
    assert "The search has not ended" in words and "1 running, 1 waiting" in words
    assert "--serve" in words and "optuna-dashboard sqlite:///" in words


def test_only_failed_trials(make_run: RunMaker) -> None:
    folder = make_run(trials=3, parts=("baseline",))
    _study_of(folder, [_trial("FAIL", status="failed", reason="out of <memory>") for _ in range(3)])
    (folder / "best.json").write_text(json.dumps({"feasible": False, "nearest": None}))
    words = _words(folder)
    assert "No trial has a score yet." in words and "3 failed" in words
    assert "No trial completed, so there is no network to recommend." in words


def test_values_that_are_no_numbers(make_run: RunMaker) -> None:
    folder = make_run(trials=20)
    odd = {"quality": math.nan, "reward": math.inf, "predicted_ms": -math.inf, "feasible": True}
    fine = {"quality": 1.0, "reward": 1.0, "predicted_ms": 2.0, "feasible": True, "architecture_hash": "b"}
    zero = {
        "quality": 0.0,
        "reward": 0.0,
        "predicted_ms": 0.0,
        "predicted_low_ms": math.nan,
        "feasible": True,
    }
    _study_of(
        folder,
        [_trial("COMPLETE", 1.0, **odd), _trial("COMPLETE", 1.0, **fine), _trial("COMPLETE", 0.0, **zero)],
    )
    for name in ("baseline.json", "best.json", "profile.json", "export/rooms_winner.json"):
        path = folder / name
        path.write_text(re.sub(r"\d+\.\d+", "NaN", path.read_text()))
    words = _words(folder)
    assert re.findall(r"\b(?:nan|inf)\b", words, flags=re.IGNORECASE) == []


def test_class_names_with_markup(make_run: RunMaker) -> None:
    folder = make_run(trials=3)
    config = json.loads((folder / "config.json").read_text())
    config["data"]["class_names"] = ["<img src=x onerror=alert(1)>", "a & b", "\u202eevil"]
    (folder / "config.json").write_text(json.dumps(config))
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<img src=x" not in page and "&lt;img src=x onerror=alert(1)&gt;" in page


def test_parts_of_unknown_versions(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    path = folder / "export" / "rooms_winner.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    (folder / "predictor").mkdir()
    (folder / "predictor" / "predictor.json").write_text(
        '{"format": "edgenas.latency_predictor", "version": 99}'
    )
    (folder / "export" / "evaluation.json").write_text('{"format": "something else"}')
    words = _words(folder)
    assert words.count("99") >= 2 and "Some parts of this run cannot be read" in words
    assert "edgenas export --int8" in words and "holds no evaluations" in words


def test_a_half_written_run_folder(make_run: RunMaker) -> None:
    folder = make_run(trials=5)
    for path in (folder / "best.json", folder / "profile.json", folder / "export" / "samples.npz"):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    words = _words(folder)
    assert "cannot be read" in words and "Quality against latency" in words
