"""Schedules from names and TOML files: what they change, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgenas.errors import UsageError
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig, load_training_preset
from edgenas.training.loss_weights import LossWeights, load_loss_weights
from edgenas.training.schedule_file import load_schedule, resolve_schedule


def written(folder: Path, text: str) -> TrainingConfig:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    preset, changes = load_schedule(str(path))
    return load_training_preset(preset, **changes)


def test_a_preset_changes_nothing() -> None:
    assert load_schedule("modern") == ("modern", {})
    paper = load_training_preset(*load_schedule("paper-proxy")[:1])
    assert (paper.iterations, paper.schedule, paper.halve_every, paper.beta1) == (5000, "halving", 4000, 0.5)
    assert paper.learning_rate_at(4000) == 0.5 * paper.learning_rate_at(3999)


def test_a_file_changes_fields_of_its_preset(tmp_path: Path) -> None:
    text = """
        preset = "adashare"
        iterations = 500
        learning_rate = 1
        augment = false
        [loss_weights]
        ce = 2
        ics = 5.5
    """
    config = written(tmp_path, text)
    assert config.beta1 == TRAINING_PRESETS["adashare"].beta1
    assert (config.iterations, config.learning_rate, config.augment) == (500, 1.0, False)
    assert isinstance(
        config.learning_rate, float
    )  # The resolved configuration is compared as JSON on resume.
    assert config.loss_weights == LossWeights(ce=2.0, l1=0.0, ics=5.5)
    assert TrainingConfig.from_dict(config.to_dict()) == config


def test_without_a_preset_a_file_begins_with_the_proxy(tmp_path: Path) -> None:
    config = written(tmp_path, 'loss_weights = "cityscapes/ednas"')
    assert config.iterations == TRAINING_PRESETS["proxy"].iterations
    assert config.loss_weights == load_loss_weights("cityscapes/ednas")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("iteration = 5", "Unknown field of the schedule .*Did you mean 'iterations'"),
        ('preset = "adashar"', "Did you mean 'adashare'"),
        ("iterations = 5.5", "`iterations` .*Expected a whole number. Received 5.5"),
        ("iterations = true", "Expected a whole number. Received True"),
        ("augment = 1", "Expected true or false"),
        ("batch_size = 0", "`batch_size`. Expected at least 1"),
        ("seed = 3", "give it with --seed"),
        ("schedule = 'halvin'", "Did you mean 'halving'"),
        ("loss_weights = 3", "Expected a preset of Table 8 or a table of ce, l1, re, ics"),
        ("loss_weights = {cee = 1}", "Did you mean 'ce'"),
        ("loss_weights = {ce = 'x'}", "`loss_weights.ce`"),
        ("loss_weights = {ce = -1}", "Expected a finite loss weight"),
        ("iterations = ", "is not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        written(tmp_path, text)


def test_what_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Unknown training preset"):
        load_schedule("prox")
    (tmp_path / "short.toml").write_text("")
    with pytest.raises(UsageError, match=r"Did you mean 'short.toml'"):
        load_schedule(str(tmp_path / "shrt.toml"))


def test_what_the_user_asks_for_counts_more(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('iterations = 70\nbatch_size = 3\nloss_weights = "nyuv2/ednas"')
    fitting = "cityscapes/ednas"
    plain = resolve_schedule("proxy", ["depth"], fitting=fitting)
    assert plain.loss_weights == load_loss_weights(fitting)
    from_file = resolve_schedule(str(path), ["depth"], fitting=fitting)
    assert from_file.loss_weights == load_loss_weights("nyuv2/ednas")
    asked = resolve_schedule(
        str(path), ["depth"], fitting=fitting, loss_weights="nyuv2/baseline", changes={"iterations": 90}
    )
    assert (asked.iterations, asked.batch_size) == (90, 3)
    assert asked.loss_weights == load_loss_weights("nyuv2/baseline")


def test_loss_weights_that_train_no_normals_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("loss_weights = {ce = 1, l1 = 1}")
    with pytest.raises(UsageError, match="do not train the task 'normals'"):
        resolve_schedule(str(path), ["segmentation", "normals"], fitting="nyuv2/ednas")
