"""Supernet training: which networks a step trains, exact resume, divergence as a value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgenas.datasets import Dataset, load_dataset
from edgenas.errors import UsageError
from edgenas.graph import parameter_count
from edgenas.runtime import start_tensorflow
from edgenas.space import SearchSpace, load_space

start_tensorflow()

from edgenas.networks.supernet import Supernet  # noqa: E402
from edgenas.training.config import TrainingConfig  # noqa: E402
from edgenas.training.supernet_config import SupernetConfig, networks_of_step  # noqa: E402
from edgenas.training.supernet_score import (  # noqa: E402
    SupernetScorer,
    read_weights,
    save_weights,
    take_weights,
)
from edgenas.training.supernet_trainer import SupernetResult, train_supernet  # noqa: E402
from edgenas.training.trainer import Progress  # noqa: E402

MINI = Path(__file__).parents[1] / "workflow" / "mini.toml"
CONFIG = SupernetConfig(
    training=TrainingConfig(iterations=8, batch_size=4, warmup_iterations=2, seed=5), calibration_frames=8
)


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space(str(MINI))


@pytest.fixture(scope="module")
def train_set(tiny_archive: Path) -> Dataset:
    return load_dataset(str(tiny_archive), "train")


def fresh(space: SearchSpace, dataset: Dataset) -> Supernet:
    return Supernet(space, dataset.info.head_channels, (32, 64), seed=5)


def test_the_networks_of_a_step_depend_on_seed_and_step_alone(space: SearchSpace) -> None:
    def drawn(step: int, seed: int = 5) -> list[dict[str, object]]:
        training = replace(CONFIG.training, seed=seed)
        return [dict(d) for d in networks_of_step(space, replace(CONFIG, training=training), step)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert drawn(3) != drawn(3, seed=6)
    largest, smallest, *others = drawn(3)
    assert len(others) == 2
    numbers = [d.name for d in space.decisions() if not isinstance(d.default, str)]
    choices = {d.name: d.choices for d in space.decisions()}
    assert all(largest[name] == max(choices[name]) for name in numbers)
    assert all(smallest[name] == min(choices[name]) for name in numbers)
    types = {tuple(d["stage1.block1.type"] for d in drawn(step)[:2]) for step in range(20)}
    assert len(types) == 4  # the types of the extremes are drawn


def test_only_accepted_networks_are_trained(space: SearchSpace) -> None:
    def parameters(decisions: dict[str, object]) -> int:
        heads = {"depth": 1, "normals": 3, "segmentation": 13}
        return parameter_count(space.architecture(decisions, input_shape=(32, 64), head_channels=heads))

    everything = [parameters(d) for step in range(20) for d in networks_of_step(space, CONFIG, step)]
    limit = int(np.median(everything))
    accepted = [
        parameters(d)
        for step in range(20)
        for d in networks_of_step(space, CONFIG, step, lambda d: parameters(d) <= limit)
    ]
    assert max(everything) > limit >= max(accepted)
    assert max(accepted) > 0.7 * limit  # the largest ones shrink no further than they must


def test_a_killed_training_ends_as_an_uninterrupted_one(
    space: SearchSpace, train_set: Dataset, tmp_path: Path
) -> None:
    whole = fresh(space, train_set)
    assert train_supernet(whole, train_set, CONFIG).status == "completed"

    def kill(progress: Progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        train_supernet(
            fresh(space, train_set),
            train_set,
            CONFIG,
            checkpoint=checkpoint,
            checkpoint_every=3,
            on_step=kill,
        )
    resumed = fresh(space, train_set)
    steps: list[int] = []
    result = train_supernet(
        resumed, train_set, CONFIG, checkpoint=checkpoint, on_step=lambda p: steps.append(p.step)
    )
    assert steps == [4, 5, 6, 7, 8]
    assert result.history[0]["step"] == 1
    for (name, a), b in zip(whole.weights.items(), resumed.weights.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)

    with pytest.raises(UsageError, match="belongs to another supernet: its config differs"):
        other = replace(CONFIG, random_networks=1)
        train_supernet(fresh(space, train_set), train_set, other, checkpoint=checkpoint)
    with pytest.raises(UsageError, match="its accepted differs"):
        train_supernet(
            fresh(space, train_set), train_set, CONFIG, checkpoint=checkpoint, accepted="--target-ms 1 x 1.2"
        )


def test_training_and_scoring(
    space: SearchSpace, train_set: Dataset, tiny_archive: Path, tmp_path: Path
) -> None:
    """Inherited weights learn, survive a file, and give the metrics of the network cut out of them."""
    validation = load_dataset(str(tiny_archive), "validation")
    supernet = fresh(space, train_set)
    scorer = SupernetScorer(supernet, train_set, validation, calibration_frames=8)
    architecture = supernet.architecture(space.default())
    before, _ = scorer.score(architecture)
    config = replace(CONFIG, training=replace(CONFIG.training, iterations=60, learning_rate=1e-2))
    result = train_supernet(supernet, train_set, config)
    assert result.status == "completed"
    assert result.history[-1]["loss"] < 0.7 * result.history[0]["loss"]
    after, seconds = scorer.score(architecture)
    assert after["segmentation"]["pixel_accuracy"] > before["segmentation"]["pixel_accuracy"] + 0.1
    assert set(seconds) == {"calibrate", "evaluate"}

    path = tmp_path / "weights.npz"
    save_weights(path, supernet)
    again = fresh(space, train_set)
    take_weights(read_weights(path), again, str(path))
    assert SupernetScorer(again, train_set, validation, calibration_frames=8).score(architecture)[0] == after

    from edgenas.evaluation import evaluate_outputs
    from edgenas.training.trainer import predictor_of

    model = scorer.inherited(architecture)
    cut = evaluate_outputs(predictor_of(model), validation, architecture.tasks)
    for task, values in after.items():
        for metric, value in values.items():
            assert cut[task][metric] == pytest.approx(value, rel=1e-3, abs=1e-4)

    with pytest.raises(UsageError, match="are of search space"):
        other = load_space("demo")
        take_weights(read_weights(path), Supernet(other, train_set.info.head_channels, (32, 64)), str(path))
    path.write_bytes(b"PK")
    with pytest.raises(UsageError, match="cannot be read"):
        read_weights(path)


def test_a_divergence_is_a_value(space: SearchSpace, train_set: Dataset) -> None:
    training = replace(CONFIG.training, learning_rate=10.0, warmup_iterations=0, iterations=40)
    supernet = fresh(space, train_set)
    bias = supernet.weights["depth_out/bias"]
    result: SupernetResult = train_supernet(
        supernet,
        train_set,
        replace(CONFIG, training=training),
        on_step=lambda _: bias.assign(np.full(bias.shape, np.nan, np.float32)),
    )
    assert result.status == "diverged"
    assert "loss nan at step 2 of 40" in result.reason
    assert all(np.isfinite(list(row.values())).all() for row in result.history)
