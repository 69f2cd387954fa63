from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import setup

from edgenas.studies.plan import late_steps, unique
from edgenas.studies.table9 import TASKS, plan_table9
from edgenas.tasks import get_task
from edgenas.tasks.plugins import load_task_module
from edgenas.training.loss_weights import LossWeights

WEIGHTS = LossWeights(ce=0.5, l1=1.0)


@given(st.integers(1, 30_000))
def test_late_steps_are_in_the_last_fifth_and_end_with_the_last(iterations: int) -> None:
    steps = late_steps(iterations)
    assert steps == tuple(sorted(set(steps))) and steps[-1] == iterations
    assert steps[0] >= 1 and steps[0] >= 0.84 * iterations - 0.5
    if iterations >= 50:
        assert len(steps) == 5
        gaps = {b - a for a, b in itertools.pairwise(steps)}
        assert max(gaps) - min(gaps) <= 1


def test_equal_trainings_are_one_whatever_they_are_called() -> None:
    study = setup(1)
    one, other = (study.plan(label, TASKS, WEIGHTS, 0) for label in ("a", "b"))
    assert one.key == other.key and unique([one, other]) == [one]


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 101},
        {"batch_size": 5},
        {"learning_rate": 0.001},
        {"augment": False},
        {"seed": 1},
        {"weight_decay": 0.0},
    ],
)
def test_what_differs_is_another_training(change: dict[str, object]) -> None:
    plan = setup(1).plan("a", TASKS, WEIGHTS, 0)
    assert replace(plan, config=replace(plan.config, **change)).key != plan.key


def test_architecture_weights_and_data_are_part_of_the_key() -> None:
    study = setup(1)
    plan = study.plan("a", TASKS, WEIGHTS, 0)
    others = [
        study.plan("a", ("depth",), WEIGHTS, 0),
        study.plan("a", TASKS, LossWeights(ce=0.5, l1=0.9, re=0.1), 0),
        replace(study, data=replace(study.data, frames=9)).plan("a", TASKS, WEIGHTS, 0),
    ]
    assert len({plan.key, *(other.key for other in others)}) == 4


def test_the_key_is_that_of_the_first_version() -> None:
    """Trainings that were made stay found: a new field of the configuration must not change the keys."""
    plan = setup(1).plan("a", TASKS, WEIGHTS, 0)
    fixed = replace(plan, fingerprints=("train", "validation"))
    assert fixed.key == "da498a97d1b26427"


def test_table9_is_seven_rows_seed_by_seed() -> None:
    plans = plan_table9(setup(5))
    assert len(unique(plans)) == 35
    assert [plan.config.seed for plan in plans] == [seed for seed in range(5) for _ in range(7)]
    assert [plan.architecture.tasks for plan in plans[:3]] == [
        ("segmentation",),
        ("depth",),
        ("depth", "segmentation"),
    ]


def test_the_default_weights_of_a_users_task_are_part_of_the_key(
    own_tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = load_task_module(own_tasks)
    plan = setup(1).plan("a", ("edges",), WEIGHTS, 0)
    assert plan.loss_weights == {"CE": 0.5, "L1": 1.0, "edges.BCE": 1.0}
    named = replace(plan.config, loss_weights=replace(WEIGHTS, others=(("edges.BCE", 0.0),)))
    assert replace(plan, config=named).loss_weights == {"CE": 0.5, "L1": 1.0}
    first = plan.key
    monkeypatch.setattr(type(get_task(task)), "default_loss_weights", {"BCE": 3.0})
    assert replace(plan, label="b").key != first
