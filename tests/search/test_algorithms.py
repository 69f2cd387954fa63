"""Algorithms by name: the same study, budget and resumption for all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    fragile_evaluator,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_latency_ms,
    toy_score,
    toy_space,
)

from edgenas.errors import UsageError
from edgenas.search import ALGORITHMS, read_trials, run_search
from edgenas.search._optuna import optuna
from edgenas.search.algorithms import make_sampler
from edgenas.search.hypervolume import Hypervolume

TARGET_MS = 3.0
"""A target that few random networks of the toy problem meet."""

OTHERS = [name for name in ALGORITHMS if name != "evolution"]


def run(folder: Path, *, evaluator: Any = fragile_evaluator, resume: bool = False, **options: Any) -> Any:
    return run_search(toy_config(**options), toy_space(), evaluator, toy_estimator, folder, resume=resume)


def stored(folder: Path) -> list[dict[str, Any]]:
    """Everything of the study but times; what Optuna keeps for itself included."""
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{folder / 'study.db'}")
    return [
        {
            "state": trial.state.name,
            "values": trial.values,
            "params": trial.params,
            "system": dict(trial.system_attrs),
            "attrs": {k: v for k, v in trial.user_attrs.items() if k != "seconds"},
        }
        for trial in study.trials
    ]


@pytest.mark.parametrize("algorithm", OTHERS)
def test_a_search_resumed_after_every_trial_equals_an_uninterrupted_one(
    tmp_path: Path, algorithm: str
) -> None:
    run(tmp_path / "whole", algorithm=algorithm, trials=10, population=3)
    for trials in range(1, 11):
        run(tmp_path / "parts", algorithm=algorithm, trials=trials, population=3, resume=trials > 1)
    assert stored(tmp_path / "parts") == stored(tmp_path / "whole")
    best = [json.loads((tmp_path / name / "best.json").read_text()) for name in ("whole", "parts")]
    assert best[0] == best[1] and best[0]["algorithm"] == algorithm
    run(tmp_path / "other", algorithm=algorithm, trials=3, population=4, seed=8)
    assert stored(tmp_path / "other")[0]["params"] != stored(tmp_path / "whole")[0]["params"]


def played(algorithm: str, trials: int, seed: int, **options: Any) -> Any:
    """An in-memory study of the toy problem, told what a `TrialStore` would tell."""
    space = toy_space()
    config = toy_config(algorithm=algorithm, trials=trials, seed=seed, **options)
    two = algorithm == "nsga2"
    study = optuna.create_study(
        directions=["maximize", "minimize"] if two else ["maximize"], sampler=make_sampler(config, space)
    )
    for _ in range(trials):
        trial = study.ask()
        every = (
            {d.name: trial.suggest_categorical(d.name, d.choices) for d in space.decisions()} if two else {}
        )
        decisions = space.suggest(
            lambda n, c, t=trial, e=every: e[n] if e else t.suggest_categorical(n, c)  # type: ignore[misc]
        )
        network = space.architecture(decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
        latency = toy_latency_ms(network)
        trial.set_user_attr("predicted_bound_ms", latency)
        reward = toy_score(network) * min(1.0, 6.0 / latency)
        study.tell(trial, [toy_score(network), latency] if two else reward)
    return study


def test_random_is_uniform_and_reads_no_history() -> None:
    study = played("random", 300, 0)
    assert [t.params for t in study.trials[:20]] == [t.params for t in played("random", 20, 0).trials]
    widths = [t.params["fusion.width"] for t in study.trials]
    choices = next(d.choices for d in toy_space().decisions() if d.name == "fusion.width")
    counts = np.array([widths.count(choice) for choice in choices])
    expected = len(widths) / len(choices)
    # Chi squared with at most 3 degrees of freedom: above 16.3 once in 1,000 seeds.
    assert np.sum((counts - expected) ** 2 / expected) < 16.3


def test_tpe_learns_the_reward() -> None:
    gains = []
    for seed in range(2):
        late = [t.value for t in played("tpe", 70, seed).trials[-30:]]
        gains.append(np.mean(late) - np.mean([t.value for t in played("random", 70, seed).trials]))
    assert min(gains) > 0.02, gains


def test_nsga2_breeds_the_front_within_the_target() -> None:
    volumes: dict[str, list[float]] = {"nsga2": [], "random": []}
    for seed in range(2):
        volume = Hypervolume(TARGET_MS)
        study = played("nsga2", 240, seed, population=20, target_ms=TARGET_MS)
        for trial in study.trials:
            volume.add_point(trial.number, trial.values[0], trial.values[1])
        volumes["nsga2"].append(volume.value or 0.0)
        within = [trial.values[1] <= TARGET_MS for trial in study.trials]
        assert np.mean(within[-60:]) > 0.8 > 0.5 > np.mean(within[:20])
        volume = Hypervolume(TARGET_MS)
        space = toy_space()
        for number, trial in enumerate(played("random", 240, seed).trials):
            network = space.architecture(trial.params, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
            volume.add_point(number, toy_score(network), toy_latency_ms(network))
        volumes["random"].append(volume.value or 0.0)
    assert min(np.subtract(volumes["nsga2"], volumes["random"])) > 0.0, volumes


def test_the_study_of_nsga2_has_two_objectives_and_a_whole_genome(tmp_path: Path) -> None:
    result = run(tmp_path, algorithm="nsga2", trials=14, population=4)
    study = optuna.load_study(study_name="edgenas", storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    space = toy_space()
    names = {d.name for d in space.decisions()}
    records = {r.number: r for r in read_trials(tmp_path)}
    for trial in study.trials:
        assert set(trial.params) == names
        active = space.suggest(lambda name, _, t=trial: t.params[name])  # type: ignore[misc]
        network = space.architecture(active, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
        assert network.hash == trial.user_attrs["architecture_hash"]
        record = records[trial.number]
        if record.completed:
            assert trial.values == [record.quality, record.latency.bound_ms]
            assert trial.system_attrs["constraints"] == [
                pytest.approx((record.latency.bound_ms or 0.0) - 6.0)
            ]
    feasible = [r for r in records.values() if r.completed and r.feasible]
    assert result.best == max(feasible, key=lambda r: (r.reward or 0.0, -r.number))


def test_nsga2_needs_a_latency_and_two_parents(tmp_path: Path) -> None:
    config = toy_config(algorithm="nsga2", target_ms=None, device=None)
    with pytest.raises(UsageError, match="'nsga2' searches for quality and latency, so it needs a device"):
        run_search(config, toy_space(), toy_evaluator, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=r"`population`\. Expected at least 2 for nsga2\. Received 1"):
        toy_config(algorithm="nsga2", population=1, tournament=1)


def test_unknown_algorithms() -> None:
    with pytest.raises(UsageError, match=r"Unknown algorithm 'nsga'\. Did you mean 'nsga2'"):
        toy_config(algorithm="nsga")


def test_another_algorithm_is_refused_on_resume(tmp_path: Path) -> None:
    run(tmp_path, algorithm="random", trials=3)
    assert json.loads((tmp_path / "config.json").read_text())["algorithm"] == "random"
    with pytest.raises(UsageError, match='algorithm: stored "random", now "tpe"'):
        run(tmp_path, algorithm="tpe", trials=5, resume=True)


def test_runs_made_before_there_were_algorithms_are_evolution(tmp_path: Path) -> None:
    run(tmp_path, trials=3)
    config = json.loads((tmp_path / "config.json").read_text())
    for name in ("algorithm", "max_parameters", "max_activation_kib"):
        del config[name]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match='algorithm: stored "evolution", now "random"'):
        run(tmp_path, algorithm="random", trials=5, resume=True)
    result = run(tmp_path, trials=5, resume=True)
    assert result.finished == 5 and result.algorithm == "evolution"
