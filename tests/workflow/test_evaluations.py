"""Metrics at chosen steps change nothing, and a kill between them loses none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgenas.space import Architecture, load_space
from edgenas.training.config import TrainingConfig
from edgenas.training.loss_weights import LossWeights
from edgenas.workflow.data import DataRequest, OpenData
from edgenas.workflow.evaluations import EVALUATIONS_FILE
from edgenas.workflow.train import TrainedNetwork, load_trained, train_network

CONFIG = TrainingConfig(iterations=6, batch_size=4, loss_weights=LossWeights(ce=0.5, l1=1.0))


class Killed(Exception):  # noqa: N818
    """The process would have ended here."""


@pytest.fixture(scope="module")
def data(tiny_archive: Path) -> OpenData:
    return DataRequest(str(tiny_archive), ("depth",)).open()


@pytest.fixture(scope="module")
def network(data: OpenData) -> Architecture:
    space = load_space(str(Path(__file__).parent / "mini.toml"), data.tasks)
    return space.architecture(
        space.default(), input_shape=(32, 64), head_channels=data.train.info.head_channels
    )


@pytest.fixture(scope="module")
def whole(data: OpenData, network: Architecture, tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return train_network(network, data, CONFIG, tmp_path_factory.mktemp("whole"), evaluate_at=(2, 4, 6))


def weights(trained: TrainedNetwork) -> bytes:
    with zipfile.ZipFile(trained.model_path) as archive:
        return archive.read("model.weights.h5")


def test_evaluations_leave_the_training_as_it_is(
    data: OpenData, network: Architecture, whole: TrainedNetwork, tmp_path: Path
) -> None:
    plain = train_network(network, data, CONFIG, tmp_path)
    assert plain.evaluations == {} and list(whole.evaluations) == [2, 4]
    assert plain.metrics == whole.metrics and weights(plain) == weights(whole)
    assert whole.evaluations[2] != whole.evaluations[4] != whole.metrics
    assert load_trained(whole.folder).evaluations == whole.evaluations


def test_a_kill_loses_no_evaluation(
    data: OpenData, network: Architecture, whole: TrainedNetwork, tmp_path: Path
) -> None:
    def kill(progress: object) -> None:
        if getattr(progress, "step", 0) == 3:
            raise Killed

    with pytest.raises(Killed):
        train_network(network, data, CONFIG, tmp_path, evaluate_at=(2, 4), on_step=kill)
    # Every 100 steps there is a checkpoint: these are made again, what was evaluated is not.
    lines = (tmp_path / EVALUATIONS_FILE).read_text()
    assert lines.count("\n") == 1
    resumed = train_network(network, data, CONFIG, tmp_path, evaluate_at=(2, 4))
    assert resumed.evaluations == whole.evaluations and resumed.metrics == whole.metrics
    assert weights(resumed) == weights(whole)
    assert (tmp_path / EVALUATIONS_FILE).read_text().startswith(lines)


def test_evaluations_of_another_training_are_not_read(
    data: OpenData, network: Architecture, whole: TrainedNetwork, tmp_path: Path
) -> None:
    (tmp_path / EVALUATIONS_FILE).write_text((whole.folder / EVALUATIONS_FILE).read_text())
    other = TrainingConfig(**{**CONFIG.__dict__, "seed": 1})
    assert train_network(network, data, other, tmp_path).evaluations == {}
