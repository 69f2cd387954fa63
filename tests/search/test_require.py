"""Candidates that must run on an accelerator as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import EdgenasError, UsageError
from edgenas.search import TrialDone, read_trials, run_search
from edgenas.search.run import MAX_FAILURES_IN_A_ROW
from edgenas.space import Architecture


def even(architecture: Architecture) -> str:
    """Turns half of the networks down."""
    return "" if int(architecture.hash, 16) % 2 == 0 else "operator 3 (GELU): Operation not supported"


def run(folder: Path, trained: list[str], requirement: Any = even, **options: Any) -> Any:
    def evaluator(architecture: Architecture, seed: int) -> Any:
        trained.append(architecture.hash)
        return toy_evaluator(architecture, seed)

    resume, on_event = options.pop("resume", False), options.pop("on_event", None)
    return run_search(
        toy_config(require="edgetpu", **options),
        toy_space(),
        evaluator,
        toy_estimator,
        folder,
        resume=resume,
        on_event=on_event,
        requirement=requirement,
    )


def test_rejected_networks_are_not_trained(tmp_path: Path) -> None:
    trained: list[str] = []
    events: list[Any] = []
    result = run(tmp_path, trained, trials=20, target_ms=None, on_event=events.append)
    records = read_trials(tmp_path)
    rejected = [r for r in records if even(r.architecture)]
    assert 3 < len(rejected) == result.rejected < 18 and result.failed == 0
    for record in rejected:
        assert record.rejected and not record.completed and record.architecture.hash not in trained[1:]
        assert record.evaluation.reason.startswith("does not run on edgetpu as a whole: operator 3 (GELU)")
    assert result.best is not None and not even(result.best.architecture)
    assert all(not even(record.architecture) for record in result.pareto)
    assert {e.status for e in events if isinstance(e, TrialDone)} == {"completed", "rejected"}
    stored = json.loads((tmp_path / "best.json").read_text())
    assert stored["require"] == "edgetpu" and stored["trials"]["rejected"] == len(rejected)


def test_a_resumed_search_keeps_the_requirement(tmp_path: Path) -> None:
    run(tmp_path / "whole", [], trials=16)
    run(tmp_path / "parts", [], trials=7)
    run(tmp_path / "parts", [], trials=16, resume=True)
    whole, parts = ([r.to_attrs() for r in read_trials(tmp_path / name)] for name in ("whole", "parts"))
    for attrs in (*whole, *parts):
        attrs.pop("seconds")
    assert whole == parts
    with pytest.raises(UsageError, match='require: stored "edgetpu", now null'):
        run_search(
            toy_config(trials=16), toy_space(), toy_evaluator, toy_estimator, tmp_path / "parts", resume=True
        )


def test_runs_made_before_there_were_requirements_are_resumed(tmp_path: Path) -> None:
    run_search(toy_config(trials=4), toy_space(), toy_evaluator, toy_estimator, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["require"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    result = run_search(
        toy_config(trials=6), toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True
    )
    assert result.finished == 6 and result.require is None


def test_rejections_in_a_row_are_no_failures(tmp_path: Path) -> None:
    trained: list[str] = []
    trials = MAX_FAILURES_IN_A_ROW + 5
    with pytest.raises(EdgenasError, match=rf"None of the {trials} trials completed.*as a whole: never"):
        run(tmp_path, trained, requirement=lambda _: "never", trials=trials)
    assert len(trained) == 1  # The baseline.


def test_unknown_requirements() -> None:
    with pytest.raises(UsageError, match=r"Unknown requirement 'edgtpu'.*Did you mean 'edgetpu'"):
        toy_config(require="edgtpu")


def test_a_requirement_needs_its_meaning(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="requirement"):
        run(tmp_path, [], requirement=None)
