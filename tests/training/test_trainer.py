"""Training: it learns, it repeats itself exactly, it goes on exactly, it ends with a reason."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.errors import UsageError
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, load_space

start_tensorflow()

import keras  # noqa: E402

from edgenas.training.checkpoint import load_checkpoint  # noqa: E402
from edgenas.training.config import TrainingConfig, load_training_preset  # noqa: E402
from edgenas.training.head_bias import constant_answers  # noqa: E402
from edgenas.training.loss_weights import LossWeights  # noqa: E402
from edgenas.training.trainer import Progress, Trainer, TrainingResult  # noqa: E402

CONFIG = load_training_preset("proxy", iterations=12, batch_size=4, learning_rate=5e-3)


@pytest.fixture(scope="module")
def trainer(tiny_archive: Path) -> Trainer:
    return Trainer(load_dataset(str(tiny_archive), "train"), load_dataset(str(tiny_archive), "validation"))


@pytest.fixture(scope="module")
def network(trainer: Trainer) -> Architecture:
    space = load_space("demo")
    decisions = {**space.default(), **{f"stage{s}.width_multiplier": 0.5 for s in range(1, 5)}}
    channels = trainer.train_set.info.head_channels
    return space.architecture(decisions, input_shape=(32, 64), head_channels=channels)


@pytest.fixture(scope="module")
def whole(trainer: Trainer, network: Architecture) -> TrainingResult:
    """An uninterrupted run."""
    return trainer.train(network, CONFIG)


def weights(model: object) -> list[np.ndarray]:
    return model.get_weights()  # type: ignore[attr-defined, no-any-return]


def test_it_learns_all_tasks(trainer: Trainer, network: Architecture) -> None:
    result = trainer.train(network, replace(CONFIG, iterations=60, batch_size=8))
    assert result.status == "completed"
    assert result.metrics["segmentation"]["pixel_accuracy"] > 0.5  # type: ignore[operator]
    assert result.metrics["normals"]["mean_angle_deg"] < 40  # type: ignore[operator]
    assert result.history[-1]["loss"] < 0.5 * result.history[0]["loss"]
    assert set(result.seconds) == {"build", "trace", "steps", "evaluate"}


def test_a_killed_run_goes_on_to_the_same_weights(
    trainer: Trainer, network: Architecture, whole: TrainingResult, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.npz"

    class Killed(Exception):  # noqa: N818
        pass

    def kill(progress: Progress) -> None:
        if progress.step == 8:
            raise Killed

    with pytest.raises(Killed):
        trainer.train(network, CONFIG, checkpoint=path, checkpoint_every=5, on_step=kill)
    assert load_checkpoint(path)[1]["step"] == 5
    steps: list[int] = []
    resumed = trainer.train(
        network, CONFIG, checkpoint=path, checkpoint_every=5, on_step=lambda p: steps.append(p.step)
    )
    assert steps == list(range(6, 13))
    assert resumed.metrics == whole.metrics
    assert resumed.history == whole.history
    assert all(
        np.array_equal(a, b) for a, b in zip(weights(whole.model), weights(resumed.model), strict=True)
    )


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same trainer", "another trainer"])
def test_a_run_in_parts_equals_a_whole_one(
    trainer: Trainer, network: Architecture, whole: TrainingResult, elsewhere: bool
) -> None:
    assert whole.state is None
    result = None
    for until in (3, None) if elsewhere else (3, 7, None):
        if elsewhere:  # Each part begins in a process that knows nothing of the run.
            trainer = Trainer(trainer.train_set, trainer.validation_set)
        state = None if result is None else result.state
        result = trainer.train(network, CONFIG, until_step=until, state=state)
        keras.backend.clear_session()  # as a search does after every evaluation
        assert result.metrics["segmentation"]["miou"] is not None
        assert ("build" in result.seconds) and (result.state is None) == (until is None)
    assert result is not None
    assert result.history == whole.history
    assert result.metrics == whole.metrics
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole.model), weights(result.model), strict=True))


def test_the_trainer_of_a_part_goes_on_without_building(trainer: Trainer, network: Architecture) -> None:
    first = trainer.train(network, CONFIG, until_step=3)
    second = trainer.train(network, CONFIG, until_step=6, state=first.state)
    assert second.model is first.model
    # It is at step 6 now, so it is of no use to a run at step 3.
    third = trainer.train(network, CONFIG, until_step=6, state=first.state)
    assert third.model is not first.model
    assert third.metrics == second.metrics
    assert third.state == second.state


def test_a_state_of_another_run_is_refused(trainer: Trainer, network: Architecture) -> None:
    state = trainer.train(network, CONFIG, until_step=5).state
    assert state is not None
    with pytest.raises(UsageError, match="belongs to another training run: its config"):
        trainer.train(network, replace(CONFIG, seed=1), state=state)
    with pytest.raises(UsageError, match="has done 5 steps"):
        trainer.train(network, CONFIG, until_step=4, state=state)
    with pytest.raises(UsageError, match="state of a training run cannot be read"):
        trainer.train(network, CONFIG, state=state[:1000])


def test_the_seed_matters(trainer: Trainer, network: Architecture) -> None:
    first, second = (trainer.train(network, replace(CONFIG, seed=s)).history for s in (0, 1))
    assert first != second


def test_divergence_is_a_result_with_a_reason(trainer: Trainer, network: Architecture) -> None:
    result = trainer.train(network, replace(CONFIG, loss_weights=LossWeights(ce=1e38, l1=1e38, ics=1e38)))
    assert result.status == "diverged"
    assert re.match(r"loss \S+ at step \d of 12 \(first loss.*gradients or the loss weights", result.reason)
    assert result.model is None
    assert result.metrics == {}


def test_a_checkpoint_of_another_run_is_refused(
    trainer: Trainer, network: Architecture, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.npz"
    trainer.train(network, replace(CONFIG, iterations=2), checkpoint=path, checkpoint_every=1)
    with pytest.raises(UsageError, match="belongs to another training run: its config"):
        trainer.train(network, CONFIG, checkpoint=path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UsageError, match="cannot be read"):
        trainer.train(network, CONFIG, checkpoint=path)


def test_constant_answers(trainer: Trainer) -> None:
    answers = constant_answers(trainer.train_set, ("depth", "normals", "segmentation"))
    arrays = trainer.train_set.arrays()
    assert answers["depth"][0] == pytest.approx(np.median(arrays["depth"][arrays["depth"] > 0]), abs=0.01)
    assert answers["segmentation"].argmax() == 0
    assert answers["normals"].shape == (3,)


def test_cosine_and_halving_schedules() -> None:
    cosine = TrainingConfig(iterations=100, learning_rate=1.0, warmup_iterations=10)
    rates = [cosine.learning_rate_at(i) for i in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.02
    halving = TrainingConfig(iterations=20_000, learning_rate=1.0, schedule="halving")
    assert [halving.learning_rate_at(s) for s in (0, 3999, 4000, 19_999)] == [1.0, 1.0, 0.5, 0.0625]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "`iterations`"),
        ({"learning_rate": float("nan")}, "`learning_rate`"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"beta1": 1.0}, "`beta1`"),
    ],
)
def test_wrong_configurations_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingConfig(**change)  # type: ignore[arg-type]


def test_configuration_survives_json() -> None:
    config = load_training_preset("adashare", seed=3)
    assert TrainingConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UsageError, match="Did you mean 'adashare'"):
        load_training_preset("adashar")
