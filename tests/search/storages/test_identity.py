"""Studies of another search, and studies that earlier versions wrote."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from toy_search import (
    HEAD_CHANNELS,
    INPUT_SHAPE,
    fragile_evaluator,
    toy_config,
    toy_estimator,
    toy_evaluator,
    toy_space,
)

from edgenas.errors import UsageError
from edgenas.search import read_trials, run_search
from edgenas.search.algorithms import has_two_objectives, make_sampler
from edgenas.search.study import read_frozen_trials

TRIALS, KILLED = 14, 9


def search(folder: Path, *, resume: bool = False, evaluator: Any = toy_evaluator, **options: Any) -> Any:
    return run_search(toy_config(**options), toy_space(), evaluator, toy_estimator, folder, resume=resume)


def test_a_study_of_another_run_is_refused_with_the_difference(tmp_path: Path) -> None:
    search(tmp_path / "a", trials=3)
    search(tmp_path / "b", trials=3, seed=9, data={"fingerprint": "other"})
    shutil.copy(tmp_path / "b/study.db", tmp_path / "a/study.db")
    before = (tmp_path / "a/study.db").read_bytes()
    with pytest.raises(UsageError, match=r"study\.db was made with another configuration") as caught:
        search(tmp_path / "a", trials=5, resume=True)
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert 'data.fingerprint: stored "other", now "abc"' in lines and "seed: stored 9, now 3" in lines
    optuna.load_study(study_name="edgenas", storage=f"sqlite:///{tmp_path / 'a/study.db'}")
    assert len(read_trials(tmp_path / "a")) == 3 and len(before) > 0


@pytest.mark.parametrize("kind", ["journal", "postgresql"])
def test_a_config_that_was_edited_does_not_reach_another_study(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    storage = f"journal:{tmp_path / 'all.log'}"
    if kind == "postgresql":
        storage = str(request.getfixturevalue("postgres").url)
    for name, seed in (("a", 3), ("b", 4)):
        search(tmp_path / name, trials=3, seed=seed, storage=storage)
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("a", "b")]
    assert configs[0]["study_name"] != configs[1]["study_name"]
    assert [r.number for r in read_trials(tmp_path / "b")] == [0, 1, 2]
    # The run folder is lost, or a foreign one: its study is found by name and refused.
    configs[0]["study_name"] = configs[1]["study_name"]
    (tmp_path / "a/config.json").write_text(json.dumps(configs[0]))
    with pytest.raises(UsageError, match="seed: stored 4, now 3"):
        search(tmp_path / "a", trials=5, storage=storage, resume=True)
    assert len(read_frozen_trials(tmp_path / "b")) == 3
    configs[0]["study_name"] = "edgenas-gone"
    (tmp_path / "a/config.json").write_text(json.dumps(configs[0]))
    gone = r"No study 'edgenas-gone' in .*Was it deleted"
    with pytest.raises(UsageError, match=gone):
        read_trials(tmp_path / "a")
    with pytest.raises(UsageError, match=gone):  # It had trials: not begun anew in silence.
        search(tmp_path / "a", trials=5, storage=storage, resume=True)


def write_as_before(folder: Path, trials: int, algorithm: str) -> None:
    """A run as version 0.1.0 left it when it was killed during trial number `trials`.

    Every value by Optuna's own storage, one by one; no configuration, metric names or storage anywhere.
    """
    config, space = toy_config(algorithm=algorithm, trials=TRIALS, population=4), toy_space()
    search(folder, trials=1, algorithm=algorithm, population=4, evaluator=fragile_evaluator)
    raw = json.loads((folder / "config.json").read_text())
    for name in ("storage", "study_name", "execution", "trial_seconds"):
        raw.pop(name, None)
    (folder / "config.json").write_text(json.dumps({**raw, "trials": TRIALS}))
    (folder / "best.json").unlink()
    (folder / "study.db").unlink()
    records = {r.number: r for r in read_trials(folder.parent / "whole")}
    two = has_two_objectives(algorithm)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(folder / "study.db", check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")  # a fixture need not survive a power cut
        return connection

    study = optuna.create_study(
        study_name="edgenas",
        storage=optuna.storages.RDBStorage("sqlite:///", engine_kwargs={"creator": connect}),
        directions=["maximize", "minimize"] if two else ["maximize"],
        sampler=make_sampler(config, space),
    )
    for number in range(trials + 1):
        trial = study.ask()
        asked = {d.name: d.choices for d in space.decisions()}
        if two:
            for name, choices in asked.items():
                trial.suggest_categorical(name, choices)
        decisions = space.suggest(lambda n, c, t=trial: t.suggest_categorical(n, c))  # type: ignore[misc]
        record = records[number]
        network = space.architecture(decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
        assert network == record.architecture
        if number == trials:
            break
        for name, value in record.to_attrs().items():
            trial.set_user_attr(name, value)
        if record.completed:
            values = [record.quality, record.latency.bound_ms] if two else record.reward
            study.tell(trial, values)
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)


@pytest.mark.parametrize("algorithm", ["evolution", "nsga2"])
def test_studies_of_version_0_1_0_are_read_and_resumed(tmp_path: Path, algorithm: str) -> None:
    options: dict[str, Any] = {
        "trials": TRIALS,
        "algorithm": algorithm,
        "population": 4,
        "evaluator": fragile_evaluator,
    }
    search(tmp_path / "whole", **options)
    write_as_before(tmp_path / "old", KILLED, algorithm)
    assert len(read_trials(tmp_path / "old")) == KILLED
    search(tmp_path / "old", resume=True, **options)
    both = [
        [
            (t.number, t.state, t.values, t.params, t.system_attrs, {**t.user_attrs, "seconds": 0})
            for t in read_frozen_trials(tmp_path / name)
        ]
        for name in ("old", "whole")
    ]
    assert both[0] == both[1]
    assert json.loads((tmp_path / "old/best.json").read_text()) == json.loads(
        (tmp_path / "whole/best.json").read_text()
    )
