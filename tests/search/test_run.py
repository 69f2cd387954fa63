from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    fragile_evaluator,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_latency_ms,
    toy_space,
)

from edgenas.errors import EdgenasError, UsageError
from edgenas.scoring import quality, reward
from edgenas.search import (
    BaselineDone,
    BaselineStarted,
    Evaluation,
    Event,
    SearchInterrupted,
    SearchStarted,
    TrialDone,
    TrialRecord,
    TrialStarted,
    read_trials,
    run_search,
    store_measurement,
)
from edgenas.search.session import MAX_FAILURES_IN_A_ROW
from edgenas.space import Architecture


def run(
    folder: Path, *, evaluator: Any = toy_evaluator, estimator: Any = toy_estimator, **options: Any
) -> Any:
    resume, on_event = options.pop("resume", False), options.pop("on_event", None)
    config = options.pop("config", None) or toy_config(**options)
    return run_search(config, toy_space(), evaluator, estimator, folder, resume=resume, on_event=on_event)


def comparable(folder: Path) -> list[dict[str, Any]]:
    """Everything stored of every trial but the wall time."""
    rows = []
    for record in read_trials(folder):
        attrs = record.to_attrs()
        attrs.pop("seconds")
        rows.append({"number": record.number, **attrs})
    return rows


def best_json(folder: Path) -> dict[str, Any]:
    data = json.loads((folder / "best.json").read_text())
    assert isinstance(data, dict)
    return data


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 12 trials with failures, run without interruption."""
    folder = tmp_path_factory.mktemp("finished")
    run(folder, evaluator=fragile_evaluator)
    return folder


def test_every_trial_is_scored_by_the_declared_reward(tmp_path: Path) -> None:
    result = run(tmp_path, reward="hard")
    baseline = json.loads((tmp_path / "baseline.json").read_text())
    records = read_trials(tmp_path)
    assert [r.number for r in records] == list(range(12))
    for record in records:
        expected = quality(record.evaluation.metrics, baseline["metrics"])
        latency = toy_latency_ms(record.architecture)
        assert record.quality == pytest.approx(expected)
        assert record.reward == pytest.approx(reward(expected, latency, 6.0, "hard"))
        assert record.feasible == (latency <= 6.0)
        assert record.latency.predicted_ms == record.latency.bound_ms == pytest.approx(latency)
    best = max((r for r in records if r.feasible), key=lambda r: r.reward or 0.0)
    assert result.best == best
    assert best_json(tmp_path)["trial"] == best.number
    assert best_json(tmp_path)["architecture"] == json.loads(best.architecture.to_json())
    assert best_json(tmp_path)["nearest"] is None
    assert best_json(tmp_path)["measured_ms"] is None and best_json(tmp_path)["measured_source"] is None


def test_the_study_is_an_ordinary_optuna_study(finished: Path) -> None:
    import optuna

    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{finished / 'study.db'}")
    assert study.direction.name == "MAXIMIZE"
    for trial in study.trials:
        attrs = trial.user_attrs
        assert trial.state.name == ("COMPLETE" if attrs["status"] == "completed" else "FAIL")
        assert trial.value == attrs["reward"]
        network = toy_space().architecture(trial.params, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
        assert network.hash == attrs["architecture_hash"]
        assert attrs["predicted_low_ms"] < attrs["predicted_ms"] < attrs["predicted_high_ms"]


def test_config_json_is_the_resolved_configuration(finished: Path) -> None:
    config = json.loads((finished / "config.json").read_text())
    assert config["format"] == "edgenas.run"
    assert config["space"] == {"name": "demo", "version": 1, "hash": toy_space().hash, "source": "demo"}
    assert (config["device"], config["target_ms"], config["trials"], config["seed"]) == ("host", 6.0, 12, 3)


def test_equal_seeds_give_equal_searches_and_others_do_not(finished: Path, tmp_path: Path) -> None:
    run(tmp_path / "again", evaluator=fragile_evaluator)
    run(tmp_path / "other", evaluator=fragile_evaluator, seed=4)
    assert comparable(tmp_path / "again") == comparable(finished)
    assert comparable(tmp_path / "other") != comparable(finished)


def test_extension_equals_a_long_run(finished: Path, tmp_path: Path) -> None:
    run(tmp_path, evaluator=fragile_evaluator, trials=5)
    result = run(tmp_path, evaluator=fragile_evaluator, trials=12, resume=True)
    assert comparable(tmp_path) == comparable(finished)
    assert result.finished == 12
    assert json.loads((tmp_path / "config.json").read_text())["trials"] == 12
    assert best_json(tmp_path) == best_json(finished)


def test_duplicates_and_the_baseline_itself_are_not_trained_again(tmp_path: Path) -> None:
    calls: list[str] = []

    def counting(architecture: Architecture, seed: int) -> Evaluation:
        calls.append(architecture.hash)
        return toy_evaluator(architecture, seed)

    small = tmp_path / "small.toml"
    small.write_text(SMALL_SPACE)
    from edgenas.space import load_space

    config = toy_config(trials=25, target_ms=None)
    space = load_space(str(small), ("depth", "segmentation"))
    result = run_search(config, space, counting, toy_estimator, tmp_path / "run")
    records = read_trials(tmp_path / "run")
    assert len(calls) == len(set(calls)) == len({r.architecture.hash for r in records} | {calls[0]})
    first: dict[str, int | str] = {calls[0]: "baseline"}
    for record in records:
        expected = first.get(record.architecture.hash)
        assert record.duplicate_of == expected
        if expected in (None, "baseline"):
            first[record.architecture.hash] = record.number
        if isinstance(expected, int):
            assert record.evaluation.metrics == records[expected].evaluation.metrics
            assert record.reward == records[expected].reward
    assert result.duplicates == sum(r.duplicate_of is not None for r in records) >= 9
    assert "baseline" in {r.duplicate_of for r in records}
    assert len({r.architecture.hash for r in result.pareto}) == len(result.pareto)


SMALL_SPACE = """
name = "small"
version = 1
description = "Eight networks or so."
activation = "relu6"
stem_width = 8
[stage_defaults]
type = { choices = ["ibn"], default = "ibn" }
kernel = { choices = [3, 5], default = 3 }
expansion = { choices = [1], default = 1 }
width_multiplier = { choices = [1.0], default = 1.0 }
depth = { choices = [1], default = 1 }
[[stages]]
width = 8
[[stages]]
width = 16
[[stages]]
width = 16
[[stages]]
width = 16
[fusion]
width = { choices = [16], default = 16 }
repeats = { choices = [1], default = 1 }
[head]
width = { choices = [16], default = 16 }
depth = { choices = [1], default = 1 }
"""


def smallest() -> Architecture:
    """The network of the toy space with the lowest latency."""
    space = toy_space()
    decisions = space.suggest(lambda _, choices: min(choices))  # type: ignore[type-var]
    return space.architecture(decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)


def test_without_a_feasible_network_none_is_recommended(tmp_path: Path) -> None:
    target_ms = toy_latency_ms(smallest())  # one network meets it, so the search begins; no trial is that one
    result = run(tmp_path, target_ms=target_ms)
    data = best_json(tmp_path)
    assert not result.feasible and data["feasible"] is False
    assert data["trial"] is None and data["architecture"] is None and data["metrics"] is None
    closest = min(read_trials(tmp_path), key=lambda r: r.latency.predicted_ms or math.inf)
    assert data["nearest"]["trial"] == closest.number
    assert data["nearest"]["gap_ms"] == pytest.approx(toy_latency_ms(closest.architecture) - target_ms)
    assert data["nearest"]["gap_percent"] > 10
    with pytest.raises(UsageError, match="recommends no network"):
        store_measurement(tmp_path, 1.0, "measured")


def test_risk_holds_the_upper_quantile_against_the_target(tmp_path: Path) -> None:
    run(tmp_path, risk=0.1)
    for record in read_trials(tmp_path):
        latency = toy_latency_ms(record.architecture)
        assert record.latency.predicted_ms == pytest.approx(latency)
        assert record.latency.bound_ms == pytest.approx(1.9 * latency)
        assert record.feasible == (1.9 * latency <= 6.0)


def test_without_a_device_the_reward_is_the_quality(tmp_path: Path) -> None:
    result = run(tmp_path, estimator=None, target_ms=None, device=None)
    assert result.feasible and result.pareto == ()
    assert all(r.reward == r.quality and r.latency.predicted_ms is None for r in read_trials(tmp_path))
    with pytest.raises(UsageError, match="needs a device"):
        run(tmp_path / "other", estimator=None)


def test_pareto_front_of_best_json(finished: Path) -> None:
    records = {r.number: r for r in read_trials(finished)}
    front = best_json(finished)["pareto"]
    assert front
    for point in front:
        assert records[point["trial"]].quality == point["quality"]
        assert not any(
            (r.quality or 0) > point["quality"] and (r.latency.predicted_ms or 0) < point["predicted_ms"]
            for r in records.values()
            if r.completed
        )


def test_failures_are_recorded_with_their_reason(finished: Path) -> None:
    failed = [r for r in read_trials(finished) if not r.completed]
    assert failed, "the toy problem should fail sometimes"
    for record in failed:
        reason = record.evaluation.reason
        assert reason in ("MemoryError: no memory left", "loss is not finite at step 3")
        assert record.reward is None and record.quality is None


def test_metrics_that_are_not_finite_become_null(tmp_path: Path) -> None:
    def evaluator(architecture: Architecture, seed: int) -> Evaluation:
        good = toy_evaluator(architecture, seed)
        return Evaluation({**good.metrics, "depth": {"abs_error": math.nan, "rel_error": 0.5}}, good.seconds)

    run(tmp_path, evaluator=evaluator, trials=3)
    for record in read_trials(tmp_path):
        assert record.evaluation.metrics["depth"] == {"abs_error": None, "rel_error": 0.5}


def test_ten_failures_in_a_row_stop_the_search_and_resume_goes_on(tmp_path: Path) -> None:
    calls = 0

    def breaks(architecture: Architecture, seed: int) -> Evaluation:
        nonlocal calls
        calls += 1
        if calls > 4:
            raise RuntimeError(f"call {calls} broke\nwith details")
        return toy_evaluator(architecture, seed)

    with pytest.raises(
        EdgenasError, match=r"10 trials in a row .*\(trial 3, failed\): RuntimeError: call 5 broke\."
    ):
        run(tmp_path, evaluator=breaks, trials=30)
    assert len(read_trials(tmp_path)) == 3 + MAX_FAILURES_IN_A_ROW
    assert best_json(tmp_path)["trial"] in (0, 1, 2) or not best_json(tmp_path)["feasible"]
    assert run(tmp_path, trials=30, resume=True).finished == 30


def test_a_search_in_which_nothing_completes_is_an_error(tmp_path: Path) -> None:
    def only_baseline(architecture: Architecture, seed: int) -> Evaluation:
        if (tmp_path / "baseline.json").exists():
            return Evaluation(status="diverged", reason="too steep")
        return toy_evaluator(architecture, seed)

    with pytest.raises(
        EdgenasError,
        match=r"None of the 3 trials completed\. First cause \(trial 0\): too steep\..* go on with: .*--trials 6",
    ):
        run(tmp_path, evaluator=only_baseline, trials=3)
    assert best_json(tmp_path)["nearest"] is None


def test_a_baseline_that_cannot_be_trained_stops_at_once(tmp_path: Path) -> None:
    with pytest.raises(EdgenasError, match=r"baseline network could not be trained \(diverged\): nan"):
        run(tmp_path, evaluator=lambda *_: Evaluation(status="diverged", reason="nan"))
    assert run(tmp_path, resume=True).finished == 12


def test_an_error_for_the_user_ends_the_search_and_the_trial_is_repeated(
    finished: Path, tmp_path: Path
) -> None:
    calls = 0

    def full(architecture: Architecture, seed: int) -> Evaluation:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise EdgenasError("No space left.")
        return fragile_evaluator(architecture, seed)

    with pytest.raises(EdgenasError, match="No space left"):
        run(tmp_path, evaluator=full)
    assert len(read_trials(tmp_path)) < 12
    run(tmp_path, evaluator=fragile_evaluator, resume=True)
    assert comparable(tmp_path) == comparable(finished)


def test_ctrl_c_says_how_to_go_on(finished: Path, tmp_path: Path) -> None:
    calls = 0

    def interrupted(architecture: Architecture, seed: int) -> Evaluation:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return fragile_evaluator(architecture, seed)

    with pytest.raises(SearchInterrupted, match="edgenas search --resume") as caught:
        run(tmp_path, evaluator=interrupted)
    assert caught.value.exit_code == 130
    assert best_json(tmp_path)["trials"]["finished"] == len(read_trials(tmp_path)) > 0
    run(tmp_path, evaluator=fragile_evaluator, resume=True)
    assert comparable(tmp_path) == comparable(finished)
    assert best_json(tmp_path) == best_json(finished)


def test_an_estimator_that_breaks_fails_the_trial_only(finished: Path, tmp_path: Path) -> None:
    unknown = read_trials(finished)[2].architecture

    def odd(architecture: Architecture) -> Any:
        if architecture == unknown:
            raise ValueError("unknown operator")
        return toy_estimator(architecture)

    run(tmp_path, estimator=odd)
    records = read_trials(tmp_path)
    assert [r.number for r in records if not r.completed] == [2]
    assert records[2].evaluation.reason == "no latency estimate: ValueError: unknown operator"


@pytest.mark.parametrize("source", ["measured", "simulated"])
def test_a_measurement_survives_an_extension_that_finds_nothing_better(tmp_path: Path, source: str) -> None:
    run(tmp_path)
    store_measurement(tmp_path, 5.5, source)
    before = best_json(tmp_path)
    assert (before["measured_ms"], before["measured_source"]) == (5.5, source)
    result = run(tmp_path, resume=True)
    assert (result.measured_ms, result.measured_source) == (5.5, source)
    assert best_json(tmp_path) == before


def test_a_measurement_of_an_earlier_version_was_measured(tmp_path: Path) -> None:
    run(tmp_path)
    store_measurement(tmp_path, 5.5, "simulated")
    old = {key: value for key, value in best_json(tmp_path).items() if key != "measured_source"}
    (tmp_path / "best.json").write_text(json.dumps(old))
    result = run(tmp_path, resume=True)
    assert (result.measured_ms, result.measured_source) == (5.5, "measured")
    assert best_json(tmp_path)["measured_source"] == "measured"


def test_a_measurement_of_unknown_source_is_not_stored(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ValueError, match="Received 'predicted'"):
        store_measurement(tmp_path, 5.5, "predicted")
    assert best_json(tmp_path)["measured_ms"] is None


def test_events_tell_progress_and_eta(tmp_path: Path) -> None:
    events: list[Event] = []
    run(tmp_path, on_event=events.append)
    assert [type(e) for e in events] == [
        BaselineStarted,
        BaselineDone,
        SearchStarted,
        *[TrialStarted, TrialDone] * 12,
    ]
    done = [e for e in events if isinstance(e, TrialDone)]
    assert [e.record.number for e in done] == list(range(12)) and [e.done for e in done] == list(range(1, 13))
    assert (done[0].eta_seconds or 0) > 0 and done[-1].eta_seconds == 0
    assert done[-1].best is not None and done[-1].best.number == best_json(tmp_path)["trial"]
    rewards = [e.best.reward for e in done if e.best is not None]
    assert rewards == sorted(rewards)
    events.clear()
    run(tmp_path, trials=13, resume=True, on_event=events.append)
    assert [type(e) for e in events] == [BaselineDone, SearchStarted, TrialStarted, TrialDone]
    assert isinstance(events[0], BaselineDone) and events[0].reused
    assert isinstance(events[1], SearchStarted) and events[1].records == tuple(read_trials(tmp_path)[:12])


def test_records_survive_their_storage(finished: Path) -> None:
    for record in read_trials(finished):
        attrs = json.loads(json.dumps(record.to_attrs(), allow_nan=False))
        assert TrialRecord.from_attrs(record.number, attrs) == record


def test_no_worker_to_be_had_leaves_no_folder(tmp_path: Path) -> None:
    def unreachable(evaluator: Any) -> Any:
        raise EdgenasError("No cluster there.")

    with pytest.raises(EdgenasError, match="No cluster there"):
        run_search(
            toy_config(),
            toy_space(),
            toy_evaluator,
            toy_estimator,
            tmp_path / "run",
            executor=unreachable,
            before_begin=lambda: (tmp_path / "run").mkdir(),
        )
    assert not (tmp_path / "run").exists()
    assert run(tmp_path / "run").finished == 12
