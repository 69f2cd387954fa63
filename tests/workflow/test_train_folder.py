"""What `edgenas train` does with the folder before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.errors import EdgenasError, UsageError
from edgenas.space import load_space
from edgenas.training.config import TrainingConfig
from edgenas.workflow import train
from edgenas.workflow.data import DataRequest


class Started(Exception):  # noqa: N818
    """TensorFlow would have been started now."""


@pytest.fixture(autouse=True)
def no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> None:
        raise Started

    monkeypatch.setattr(train, "start_tensorflow", stop)


def begin(archive: Path, folder: Path, *, restart: bool) -> None:
    data = DataRequest(str(archive)).open()
    space = load_space("demo", data.tasks)
    network = space.architecture(
        space.default(), input_shape=(32, 64), head_channels=data.train.info.head_channels
    )
    train.train_network(network, data, TrainingConfig(), folder, restart=restart)


def test_restart_removes_only_what_a_training_writes(tiny_archive: Path, tmp_path: Path) -> None:
    for name in ("metrics.json", "model.keras", "history.csv", "checkpoint.npz", "thesis.tex"):
        (tmp_path / name).write_text("x")
    (tmp_path / "photos").mkdir()
    with pytest.raises(Started):
        begin(tiny_archive, tmp_path, restart=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos", "thesis.tex"]


def test_an_unwritable_folder_is_told_before_hours_of_training(tiny_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(EdgenasError, match=r"Cannot write .*taken"):
        begin(tiny_archive, tmp_path / "taken", restart=False)


def test_what_is_not_trained_says_how_to_train_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No trained network in .*: make it with `edgenas train`"):
        train.load_trained(tmp_path)
    (tmp_path / "checkpoint.npz").write_bytes(b"")
    with pytest.raises(UsageError, match="unfinished; go on with `edgenas train`"):
        train.load_trained(tmp_path)
