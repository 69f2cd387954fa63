"""The running average of the weights: its numbers, and what a training does with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.datasets import load_dataset
from edgenas.errors import UsageError
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, load_space

start_tensorflow()

import keras  # noqa: E402

from edgenas.training.average import WeightAverage  # noqa: E402
from edgenas.training.config import TrainingConfig, load_training_preset  # noqa: E402
from edgenas.training.trainer import Trainer, TrainingResult  # noqa: E402

PLAIN = load_training_preset("proxy", iterations=6, batch_size=4, augment=False)
AVERAGED = replace(PLAIN, ema_decay=0.8)


@pytest.fixture(scope="module")
def trainer(tiny_archive: Path) -> Trainer:
    return Trainer(load_dataset(str(tiny_archive), "train"), load_dataset(str(tiny_archive), "validation"))


@pytest.fixture(scope="module")
def network(trainer: Trainer) -> Architecture:
    space = load_space("demo", ("depth",))
    decisions = {**space.default(), **{f"stage{s}.width_multiplier": 0.5 for s in range(1, 5)}}
    return space.architecture(decisions, input_shape=(32, 64), head_channels={"depth": 1})


@pytest.fixture(scope="module")
def averaged(trainer: Trainer, network: Architecture) -> TrainingResult:
    return trainer.train(network, AVERAGED)


def weights(result: TrainingResult) -> list[np.ndarray]:
    return result.model.get_weights()  # type: ignore[no-any-return]


@settings(max_examples=20, deadline=None)
@given(decay=st.floats(0.01, 0.999), values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=12))
def test_the_average_is_the_weighted_mean_of_the_steps(decay: float, values: list[float]) -> None:
    variable = keras.Variable(np.full((2, 3), 1e3, np.float32))
    counter = keras.Variable(np.array([7]), dtype="int64")
    average = WeightAverage([variable, counter], decay)
    for value in values:
        variable.assign(np.full((2, 3), value, np.float32))
        average.update()
    shares = decay ** np.arange(len(values))[::-1]
    expected = np.average(values, weights=shares)
    with average.in_place(len(values)):
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-3, atol=2e-3)
        assert counter.numpy() == 7
    assert (variable.numpy() == np.float32(values[-1])).all()
    average.write(len(values))
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-3, atol=2e-3)


def test_a_training_hands_out_the_average_of_its_steps(
    trainer: Trainer, network: Architecture, averaged: TrainingResult
) -> None:
    seen = []
    state = None
    for step in range(1, PLAIN.iterations + 1):  # the plain run step by step: the weights after each
        until = step if step < PLAIN.iterations else None
        result = trainer.train(network, PLAIN, until_step=until, state=state)
        state = result.state
        seen.append([w.copy() for w in weights(result)])
    shares = 0.8 ** np.arange(PLAIN.iterations)[::-1]
    for position, got in enumerate(weights(averaged)):
        expected = np.average([w[position] for w in seen], axis=0, weights=shares)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(weights(averaged), seen[-1], strict=True))


def test_an_averaged_run_goes_on_exactly(
    trainer: Trainer, network: Architecture, averaged: TrainingResult
) -> None:
    first = trainer.train(network, AVERAGED, until_step=4)
    elsewhere = Trainer(trainer.train_set, trainer.validation_set)
    for part in (trainer, elsewhere):  # the one that paused at step 4, and one that knows nothing of it
        second = part.train(network, AVERAGED, state=first.state)
        assert second.metrics == averaged.metrics
        assert second.history == averaged.history
        assert all(np.array_equal(a, b) for a, b in zip(weights(second), weights(averaged), strict=True))


def test_the_identity_of_runs_from_before_the_average_is_kept() -> None:
    assert "ema_decay" not in PLAIN.to_dict()
    assert AVERAGED.to_dict()["ema_decay"] == 0.8
    assert TrainingConfig.from_dict(PLAIN.to_dict()) == PLAIN
    assert TrainingConfig.from_dict(AVERAGED.to_dict()) == AVERAGED


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_wrong_decay_is_refused(decay: float) -> None:
    with pytest.raises(UsageError, match="`ema_decay`"):
        TrainingConfig(ema_decay=decay)
