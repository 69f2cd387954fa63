"""`edgenas train`: what its options ask for, before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.cli.main import main
from edgenas.space import Architecture, load_space
from edgenas.training.config import TRAINING_PRESETS
from edgenas.workflow import train

Asked = Callable[..., dict[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Runs the command with a training that only notes what it should train."""
    seen: dict[str, Any] = {}

    def note(
        network: Architecture, data: Any, config: Any, folder: Path, **rest: object
    ) -> train.TrainedNetwork:
        seen.update(network=network, data=data, config=config, folder=folder, **rest)
        return train.TrainedNetwork(folder, network, {}, {})

    monkeypatch.setattr(train, "train_network", note)

    def run(*arguments: object) -> dict[str, Any]:
        with pytest.raises(SystemExit) as stop:
            main(["train", *map(str, arguments), "--out", str(tmp_path / "out"), "--json"])
        seen["code"], captured = stop.value.code or 0, capsys.readouterr()
        seen["err"] = captured.err
        if not seen["code"]:
            seen["printed"] = json.loads(captured.out)
        return seen

    return run


@pytest.fixture
def best(tmp_path: Path, tiny_archive: Path) -> Path:
    """A network for all three tasks of the archive, as a file."""
    space = load_space("demo")
    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    network = space.architecture(space.default(), input_shape=(32, 64), head_channels=heads)
    path = tmp_path / "best.json"
    path.write_text(network.to_json())
    return path


BASELINE = ("--architecture", "mt-edge-baseline-v1", "--data")


def test_epochs_are_passes_over_the_training_frames(asked: Asked, tiny_archive: Path) -> None:
    told = asked(*BASELINE, tiny_archive, "--epochs", 3, "--batch-size", 4, "--schedule", "adashare")
    assert told["code"] == 0, told["err"]
    assert len(told["data"].train) == 35
    assert told["config"].iterations == 27  # 3 * 35 / 4, rounded up
    assert (told["config"].schedule, told["config"].batch_size) == ("halving", 4)
    assert told["config"].loss_weights == TRAINING_PRESETS["adashare"].loss_weights
    assert asked(*BASELINE, tiny_archive, "--epochs", 0.5)["config"].iterations == 3  # batches of 8


def test_modern_is_the_schedule_and_the_base_of_files(
    asked: Asked, tiny_archive: Path, tmp_path: Path
) -> None:
    modern = TRAINING_PRESETS["modern"]
    assert asked(*BASELINE, tiny_archive)["config"].iterations == modern.iterations
    path = tmp_path / "mine.toml"
    path.write_text("batch_size = 3\nloss_weights = 'nyuv2/ednas'")
    config = asked(*BASELINE, tiny_archive, "--schedule", path, "--seed", 5)["config"]
    assert (config.batch_size, config.iterations, config.seed) == (3, modern.iterations, 5)
    assert config.loss_weights.by_loss()["ICS"] == 50.0


def test_a_single_task_baseline_of_a_network_for_all(asked: Asked, tiny_archive: Path, best: Path) -> None:
    told = asked("--architecture", best, "--data", tiny_archive, "--tasks", "depth")
    assert told["network"].tasks == ("depth",) and told["data"].tasks == ("depth",)
    assert told["network"].stages == Architecture.load(best).stages


def test_several_seeds_and_validations_on_the_way(asked: Asked, tiny_archive: Path, tmp_path: Path) -> None:
    told = asked(*BASELINE, tiny_archive, "--seeds", "0,2", "--iterations", 10, "--keep", "best")
    assert [Path(one["folder"]).name for one in told["printed"]["seeds"]] == ["seed-0", "seed-2"]
    assert told["folder"] == tmp_path / "out" / "seed-2" and told["config"].seed == 2
    assert list(told["evaluate_at"]) == [3, 6, 9] and told["keep"] == "best"
    every = asked(*BASELINE, tiny_archive, "--iterations", 10, "--validate-every", 4)
    assert list(every["evaluate_at"]) == [4, 8] and every["keep"] == "last"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--epochs", "2", "--iterations", "5"), "either --epochs or --iterations"),
        (("--epochs", "0"), "--epochs"),
        (("--epochs", "nan"), "`epochs`"),
        (("--schedule", "moder"), "Did you mean 'modern'"),
        (("--schedule", "nowhere.toml"), "No such file: nowhere.toml"),
        (("--seeds", "0,x"), "Expected different whole numbers such as 0,1,2. Received '0,x'"),
        (("--seeds", "0,1", "--seed", "3"), "either --seed or --seeds"),
        (("--weighting", "uncertain"), "Did you mean 'uncertainty'"),
        (("--accumulate", "3", "--batch-size", "16"), "cannot be cut into 3 equal parts"),
        (("--accumulate", "2", "--devices", "2"), "exclude each other"),
        (("--tasks", "dept"), "Did you mean 'depth'"),
    ],
)
def test_mistakes(asked: Asked, tiny_archive: Path, options: tuple[str, ...], text: str) -> None:
    told = asked(*BASELINE, tiny_archive, *options)
    assert told["code"] == 2 and text in told["err"], told["err"]
