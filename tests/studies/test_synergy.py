"""Winners of searches at a common target, and the comparison of made-up outcomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import MINI, by_label, setup

from edgenas.errors import EdgenasError, UsageError
from edgenas.search.evaluation import Evaluation
from edgenas.search.executors import InProcess
from edgenas.search.objective import Latency
from edgenas.search.record import TrialRecord
from edgenas.search.study import read_trials
from edgenas.space import Architecture, load_space
from edgenas.studies.synergy import (
    BASELINE,
    JOINT,
    SynergySetup,
    plan_final_trainings,
    plan_searches,
    synergy,
)
from edgenas.studies.winners import Target, Winner, pick_winner, run_study_search, with_all_heads
from edgenas.workflow.devices import DeviceRequest
from edgenas.workflow.execution import Execution

TASKS = ("depth", "segmentation")
CHANNELS = {"depth": 1, "segmentation": 13}


def networks(tasks: tuple[str, ...], count: int) -> list[Architecture]:
    space = load_space(MINI, tasks)
    rng = np.random.default_rng(0)
    return [
        space.architecture(space.sample(rng), input_shape=(32, 32), head_channels=CHANNELS)
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def baseline() -> Architecture:
    space = load_space(MINI, TASKS)
    return space.architecture(space.default(), input_shape=(32, 32), head_channels=CHANNELS)


def target(host_predictor: Path, baseline: Architecture, target_ms: float | None = None) -> Target:
    request = DeviceRequest(device="host", predictor_dir=host_predictor, target_ms=target_ms)
    return Target.of(request, baseline)


def trials(found: list[Architecture]) -> list[TrialRecord]:
    """The later the better."""
    unknown, fine = Latency(None, None, None, None), Evaluation({}, {}, "completed", "")
    return [TrialRecord(n, a, unknown, True, fine, 1.0 + 0.1 * n, 1.0) for n, a in enumerate(found)]


def synergy_setup(at: Target) -> SynergySetup:
    return SynergySetup(study=setup(3), tasks=TASKS, target=at, trials=4, proxy_changes={"iterations": 2})


def test_without_a_target_that_of_the_baseline_holds(host_predictor: Path, baseline: Architecture) -> None:
    common = target(host_predictor, baseline)
    assert common.target_ms == common.latency_ms(baseline) and common.meets(baseline)
    assert common.for_tasks(TASKS) == pytest.approx(common.target_ms)


def test_a_single_task_search_aims_at_what_the_other_heads_leave(
    host_predictor: Path, baseline: Architecture
) -> None:
    common = target(host_predictor, baseline)
    alone = common.for_tasks(("depth",))
    assert alone == pytest.approx(common.latency_ms(baseline.with_tasks(("depth",))))
    assert alone is not None and common.target_ms is not None and 0 < alone < common.target_ms


def test_all_searches_have_the_same_budget(host_predictor: Path, baseline: Architecture) -> None:
    plans = plan_searches(synergy_setup(target(host_predictor, baseline)))
    assert [plan.tasks for plan in plans] == [TASKS, ("depth",), ("segmentation",)]
    assert {(plan.trials, plan.seed, plan.proxy, tuple(plan.schedule.items())) for plan in plans} == {
        (4, 0, "proxy", (("iterations", 2),))
    }


def test_the_winner_is_the_best_that_meets_the_target_with_all_heads(
    host_predictor: Path, baseline: Architecture
) -> None:
    found = networks(("depth",), 12)
    whole = [with_all_heads(a, baseline) for a in found]
    assert all(a.tasks == TASKS for a in whole)
    assert all(a.with_tasks(("depth",)) == b for a, b in zip(whole, found, strict=True))
    plan = plan_searches(synergy_setup(target(host_predictor, baseline)))[1]
    latencies = [target(host_predictor, baseline).latency_ms(a) or 0.0 for a in whole]
    common = target(host_predictor, baseline, float(np.median(latencies)))
    winner = pick_winner(plan, common, trials(found))
    meeting = [n for n, ms in enumerate(latencies) if ms <= float(np.median(latencies)) * (1 + 1e-9)]
    assert winner.trial == max(meeting) and winner.architecture == whole[winner.trial]
    assert (winner.considered, winner.meeting) == (12, len(meeting))
    with pytest.raises(EdgenasError, match=r"None of the 12 completed trials .* Give a higher --target-ms"):
        pick_winner(plan, replace(common, target_ms=min(latencies) / 2), trials(found))


def test_without_a_device_every_network_counts(baseline: Architecture) -> None:
    common = Target.of(None, baseline)
    plan = plan_searches(synergy_setup(common))[0]
    assert plan.target_ms is None
    assert pick_winner(plan, common, trials(networks(TASKS, 3))).trial == 2


def test_one_task_has_no_synergy(baseline: Architecture) -> None:
    with pytest.raises(UsageError, match="at least two tasks"):
        SynergySetup(
            study=setup(1), tasks=("depth",), target=Target.of(None, baseline), trials=1, proxy_changes={}
        )


def metrics(miou: float, error: float) -> dict[str, dict[str, float | None]]:
    return {
        "segmentation": {"miou": miou, "pixel_accuracy": 2 * miou},
        "depth": {"abs_error": error, "rel_error": error / 2},
    }


@pytest.mark.parametrize(("joint", "verdict"), [(0.33, "The claim shows"), (0.21, "The claim does not show")])
def test_the_verdict_follows_the_numbers(
    joint: float, verdict: str, host_predictor: Path, baseline: Architecture
) -> None:
    study = synergy_setup(target(host_predictor, baseline))
    found = networks(TASKS, 3)
    labels = (JOINT, "search for depth", "search for segmentation")
    winners = [Winner(label, a, 0, 1.0, 4, 4) for label, a in zip(labels, found, strict=True)]
    plans = plan_final_trainings(study, winners)
    single = metrics(0.2, 1.0)
    values = {f"{task} alone": {task: single[task]} for task in TASKS}
    values |= {BASELINE: metrics(0.2, 1.0), JOINT: metrics(joint, 1.0)}
    values |= {labels[1]: metrics(0.22, 1.0), labels[2]: metrics(0.3, 1.0)}
    result = synergy(study, winners, plans, by_label(plans, values))
    assert verdict in "\n".join(result.findings)
    assert [row[0] for row in result.table.rows] == [
        "baseline", "joint search", "search for depth, transferred", "search for segmentation, transferred",
    ]  # fmt: skip
    total = result.table.columns.index("dT %")
    expected = 100 * (joint - 0.2) / 0.2 / 2
    assert result.table.rows[1][total].value == pytest.approx(expected)  # type: ignore[union-attr]
    assert all(isinstance(row[1], float) for row in result.table.rows)  # a latency each


def test_a_search_is_made_once(
    tmp_path: Path, baseline: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Execution, "make", lambda self, evaluator: InProcess(evaluator))
    common = Target.of(None, baseline)
    study = replace(synergy_setup(common), trials=1, proxy_changes={"iterations": 1, "batch_size": 2})
    plan = plan_searches(study)[1]
    folder = plan.folder(tmp_path, study.study, common)
    run_study_search(plan, study.study, common, folder)
    found = read_trials(folder)
    assert len(found) == 1 and found[0].architecture.tasks == ("depth",)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    run_study_search(plan, study.study, common, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
    assert replace(plan, trials=2).folder(tmp_path, study.study, common) != folder
