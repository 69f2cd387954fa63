"""The trained network of the room, its files, and a hostile twin: the same function with a huge range inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import Dataset


@dataclass(frozen=True)
class Files:
    """A network, its plain files and the data."""

    model: Any
    float_file: bytes
    int8_file: bytes
    train: Dataset
    validation: Dataset
    images: list[np.ndarray]

    @property
    def frames(self) -> np.ndarray:
        return self.train.arrays(range(24))["image"]


def _files(model: Any, splits: tuple[Dataset, Dataset], images: list[np.ndarray]) -> Files:
    from edgenas.export.engines.tensorflow import to_tflite

    int8 = to_tflite(model, format="int8", representative=images)
    return Files(model, to_tflite(model, format="float32"), int8, *splits, images)


@pytest.fixture(scope="session")
def images(splits: tuple[Dataset, Dataset]) -> list[np.ndarray]:
    frames = splits[0].arrays(range(24))["image"]
    return [(frame[None].astype(np.float32) / 127.5 - 1.0).astype(np.float32) for frame in frames]


@pytest.fixture(scope="session")
def plain(model: Any, splits: tuple[Dataset, Dataset], images: list[np.ndarray]) -> Files:
    return _files(model, splits, images)


@pytest.fixture(scope="session")
def hostile(model: Any, splits: tuple[Dataset, Dataset], images: list[np.ndarray]) -> Files:
    """Channel 3 of stage 2 is scaled by 1000, and every reader undoes it."""
    import keras

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    for block in ("stage2_block1", "stage2_block2"):
        norm = twin.get_layer(block).chain[-1]
        for variable in (norm.gamma, norm.beta):
            values = variable.numpy()
            values[3] *= 1000.0
            variable.assign(values)
    readers = [twin.get_layer(name).chain[0] for name in ("stage2_block2", "stage3_block1")]
    for layer in (*readers, twin.get_layer("lateral2_conv")):
        values = layer.kernel.numpy()
        values[:, :, 3] /= 1000.0
        layer.kernel.assign(values)
    return _files(twin, splits, images)
