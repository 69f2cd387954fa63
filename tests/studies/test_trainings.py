"""Real trainings in the store: made once, shared, gone on with, the same every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_up import setup

from edgenas.errors import UsageError
from edgenas.studies import trainings
from edgenas.studies.cost import estimate_cost
from edgenas.studies.plan import Planned
from edgenas.studies.trainings import Outcome, TrainingStore
from edgenas.training.loss_weights import LossWeights
from edgenas.workflow.train import TrainingDivergedError


def planned(iterations: int = 2) -> Planned:
    return setup(1, iterations=iterations).plan("depth alone", ("depth",), LossWeights(ce=0, l1=1), 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingStore, Outcome]:
    store = TrainingStore(tmp_path_factory.mktemp("studies"))
    return store, store.run([planned()])[planned().key]


def test_the_same_again_elsewhere(made: tuple[TrainingStore, Outcome], tmp_path: Path) -> None:
    again = TrainingStore(tmp_path).run([planned()])[planned().key]
    assert again.metrics == made[1].metrics and again.late == made[1].late


def test_a_finished_training_is_read(
    made: tuple[TrainingStore, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trainings, "train_network", never)
    store, outcome = made
    told: list[str] = []
    assert store.missing([planned()]) == []
    found = store.run([planned(), planned()], on_done=lambda plan, _: told.append(plan.label))
    assert found == {planned().key: outcome} and told == []
    assert len(outcome.late) == len(planned().evaluate_at) and outcome.late[-1] == outcome.metrics


def test_what_it_costs(made: tuple[TrainingStore, Outcome], tmp_path: Path) -> None:
    store, outcome = made
    done = estimate_cost(store, [planned()])
    assert (done.total, done.done, done.seconds_left) == (1, 1, 0.0)
    more = estimate_cost(store, [planned(), planned(3), planned(4)], further=2)
    assert (more.total, more.done, more.left) == (5, 1, 4)
    assert more.seconds_left == pytest.approx(4 * outcome.seconds)
    probed = estimate_cost(TrainingStore(tmp_path), [planned(4)])
    assert probed.left == 1 and 0.0 < probed.seconds_left < 300.0 and "timed now" in probed.basis
    assert list(tmp_path.iterdir()) == []


def test_lost_late_metrics_are_named(made: tuple[TrainingStore, Outcome], tmp_path: Path) -> None:
    plan, store = planned(10), TrainingStore(tmp_path)
    folder = store.folder(plan)
    folder.mkdir(parents=True)
    stored = json.loads((made[0].folder(planned()) / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(stored))
    with pytest.raises(UsageError, match=r"lacks the metrics after step 8, 9. Remove the folder"):
        store.find(plan)


def test_a_divergence_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: Any, **__: Any) -> None:
        raise TrainingDivergedError("loss nan at step 1")

    monkeypatch.setattr(trainings, "train_network", diverge)
    outcome = TrainingStore(tmp_path).run([planned()])[planned().key]
    assert outcome.metrics == {} and outcome.failure == "loss nan at step 1"
