"""A small network with channels of very different ranges, its files and frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import Dataset, load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space


@dataclass
class Trained:
    """A network after a short training, its float file and its data."""

    model: Any
    float_file: bytes
    train: Dataset
    validation: Dataset

    def frames(self, count: int) -> np.ndarray:
        return self.train.arrays(range(count))["image"]

    @property
    def images(self) -> list[np.ndarray]:
        return [(i[None].astype(np.float32) / 127.5 - 1.0).astype(np.float32) for i in self.frames(24)]


def train_tiny(tiny_archive: Path, activation: str = "relu6") -> Trained:
    start_tensorflow()
    from dataclasses import replace

    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.training.config import load_training_preset
    from edgenas.training.trainer import Trainer

    train, validation = (load_dataset(str(tiny_archive), split) for split in ("train", "validation"))
    space = load_space("demo")
    architecture = space.architecture(
        space.default(), input_shape=(32, 64), head_channels=train.info.head_channels
    )
    architecture = replace(architecture, activation=activation)
    config = load_training_preset("proxy", iterations=30, batch_size=8)
    model = Trainer(train, validation).train(architecture, config).model
    return Trained(model, to_tflite(model, format="float32"), train, validation)


@pytest.fixture(scope="package")
def trained(tiny_archive: Path) -> Trained:
    return train_tiny(tiny_archive)


@pytest.fixture(scope="package")
def int8_file(trained: Trained) -> bytes:
    from edgenas.export.engines.tensorflow import to_tflite

    return to_tflite(trained.model, format="int8", representative=trained.images)


@pytest.fixture(scope="package")
def hostile(trained: Trained) -> Trained:
    """The same function with one channel scaled by 1000 in one block and undone behind it."""
    import keras

    from edgenas.export.engines.tensorflow import to_tflite

    model = keras.models.clone_model(trained.model)
    model.set_weights(trained.model.get_weights())
    *_, norm = model.get_layer("stage2_block1").chain
    readers = [model.get_layer("stage2_block2").chain[0], model.get_layer("lateral2_conv")]
    joined = model.get_layer("stage2_block2").chain[-1]
    stage3 = model.get_layer("stage3_block1").chain[0]
    for one in (norm, joined):
        for variable in (one.gamma, one.beta):
            values = variable.numpy()
            values[3] *= 1000.0
            variable.assign(values)
    for reader in (*readers, stage3):
        values = reader.kernel.numpy()
        values[:, :, 3] /= 1000.0
        reader.kernel.assign(values)
    return Trained(model, to_tflite(model, format="float32"), trained.train, trained.validation)
