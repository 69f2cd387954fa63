"""Candidates that must run on an accelerator as a whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.errors import EdgenasError, UsageError
from edgenas.graph import graph_of, parameter_count
from edgenas.search import (
    Requirement,
    TrialDone,
    activation_limit,
    parameter_limit,
    read_trials,
    run_search,
)
from edgenas.search.session import MAX_FAILURES_IN_A_ROW
from edgenas.space import Architecture

ON_EDGETPU = "does not run on edgetpu as a whole: "


def even(architecture: Architecture) -> str:
    """Turns half of the networks down."""
    return (
        ""
        if int(architecture.hash, 16) % 2 == 0
        else f"{ON_EDGETPU}operator 3 (GELU): Operation not supported"
    )


def run(folder: Path, trained: list[str], problem: Any = even, **options: Any) -> Any:
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
        requirements=[Requirement("require", problem)],
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
    assert {e.record.evaluation.status for e in events if isinstance(e, TrialDone)} == {
        "completed",
        "rejected",
    }
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
        run(tmp_path, trained, problem=lambda _: f"{ON_EDGETPU}never", trials=trials)
    assert len(trained) == 1  # The baseline.


def test_unknown_requirements() -> None:
    with pytest.raises(UsageError, match=r"Unknown requirement 'edgtpu'.*Did you mean 'edgetpu'"):
        toy_config(require="edgtpu")


def test_a_requirement_needs_its_meaning(tmp_path: Path) -> None:
    for given in ([], [parameter_limit(9)]):
        with pytest.raises(ValueError, match="requires"):
            run_search(
                toy_config(require="edgetpu"),
                toy_space(),
                toy_evaluator,
                toy_estimator,
                tmp_path,
                requirements=given,
            )


def limited(folder: Path, trained: list[str], *, resume: bool = False, **options: Any) -> Any:
    def evaluator(architecture: Architecture, seed: int) -> Any:
        trained.append(architecture.hash)
        return toy_evaluator(architecture, seed)

    return run_search(
        toy_config(max_parameters=450000, max_activation_kib=100.0, **options),
        toy_space(),
        evaluator,
        toy_estimator,
        folder,
        resume=resume,
        requirements=[activation_limit(100.0, "int8"), parameter_limit(450000)],
    )


def test_limits_reject_before_training_and_say_the_amount(tmp_path: Path) -> None:
    trained: list[str] = []
    result = limited(tmp_path, trained, trials=40, algorithm="random")
    records = read_trials(tmp_path)
    reasons = {"parameters": 0, "activations": 0}
    for record in records:
        parameters = parameter_count(record.architecture)
        kib = graph_of(record.architecture, "int8").peak_activation_bytes / 1024
        assert record.rejected == (parameters > 450000 or kib > 100.0)
        if kib > 100.0:
            expected = rf"{kib:,.1f} KiB of activations, more than --max-activation-kib 100"
            assert record.evaluation.reason == expected
        elif parameters > 450000:
            assert record.evaluation.reason == f"{parameters:,} parameters, more than --max-parameters 450000"
        if record.rejected:
            assert record.architecture.hash not in trained[1:]
            reasons[re.findall("parameters|activations", record.evaluation.reason)[0]] += 1
    assert min(reasons.values()) >= 2, reasons
    assert 0 < result.rejected == sum(reasons.values()) < 40
    stored = json.loads((tmp_path / "best.json").read_text())
    assert stored["max_parameters"] == 450000 and stored["max_activation_kib"] == 100.0
    assert stored["trials"]["rejected"] == result.rejected and "require" not in stored


def test_limits_are_kept_on_resume(tmp_path: Path) -> None:
    limited(tmp_path, [], trials=6)
    assert json.loads((tmp_path / "config.json").read_text())["max_parameters"] == 450000
    assert limited(tmp_path, [], trials=9, resume=True).finished == 9
    with pytest.raises(UsageError) as caught:
        run_search(toy_config(trials=9), toy_space(), toy_evaluator, toy_estimator, tmp_path, resume=True)
    assert "max_parameters: stored 450000, now null" in str(caught.value)
    assert "max_activation_kib: stored 100.0, now null" in str(caught.value)


def test_activations_are_counted_in_the_format_of_the_device() -> None:
    space = toy_space()
    network = space.architecture(
        space.default(), input_shape=(64, 64), head_channels={"depth": 1, "segmentation": 13}
    )
    small, large = (
        limit.bound.amount(network)
        for limit in (activation_limit(1.0, "int8"), activation_limit(1.0, "float32"))
        if limit.bound
    )
    assert small == graph_of(network, "int8").peak_activation_bytes / 1024
    assert large == pytest.approx(4 * small, rel=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_parameters": 0}, "Invalid argument `max_parameters`. Expected at least 1. Received 0"),
        ({"max_activation_kib": 0.0}, "Invalid argument `max_activation_kib`. Expected a positive"),
        ({"max_activation_kib": float("inf")}, "Invalid argument `max_activation_kib`"),
    ],
)
def test_impossible_numbers_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        toy_config(**change)
    assert message in str(caught.value)
