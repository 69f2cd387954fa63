"""Small networks for the whole room: one untrained for what ships, one trained for what is converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_pythons import runtime_python

from edgenas.datasets import Dataset, load_dataset
from edgenas.space import Architecture, load_space


@pytest.fixture(scope="session")
def frames(tiny_archive: Path) -> Dataset:
    return load_dataset(str(tiny_archive), "validation")


@pytest.fixture(scope="session")
def int8_file(tmp_path_factory: pytest.TempPathFactory, frames: Dataset) -> Path:
    """An untrained network, calibrated on the frames themselves."""
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model
    from edgenas.space import load_space

    space = load_space("demo")
    architecture = space.architecture(
        space.default(), input_shape=(32, 64), head_channels=frames.info.head_channels
    )
    images = frames.arrays()["image"].astype(np.float32) / 127.5 - 1.0
    path = tmp_path_factory.mktemp("shipped") / "net_int8.tflite"
    model = build_model(architecture, seed=0)
    path.write_bytes(to_tflite(model, format="int8", representative=[image[None] for image in images]))
    return path


@pytest.fixture(scope="session")
def board_python() -> str:
    """A Python with tflite-runtime 2.14, NumPy 1 and Pillow, and nothing else."""
    return runtime_python("3.11", "pillow==13.0.0")


@pytest.fixture(scope="session")
def splits(tiny_archive: Path) -> tuple[Dataset, Dataset]:
    return load_dataset(str(tiny_archive), "train"), load_dataset(str(tiny_archive), "validation")


@pytest.fixture(scope="session")
def architecture(splits: tuple[Dataset, Dataset]) -> Architecture:
    space = load_space("demo")
    return space.architecture(
        space.default(), input_shape=(32, 64), head_channels=splits[0].info.head_channels
    )


@pytest.fixture(scope="session")
def model(splits: tuple[Dataset, Dataset], architecture: Architecture) -> Any:
    from edgenas.training.config import load_training_preset
    from edgenas.training.trainer import Trainer

    config = load_training_preset("proxy", iterations=40, batch_size=8)
    return Trainer(*splits).train(architecture, config).model


@pytest.fixture(scope="session")
def network_inputs(splits: tuple[Dataset, Dataset]) -> list[np.ndarray]:
    """Calibration frames as the network sees them."""
    images = splits[0].arrays(range(8))["image"]
    return [(image[None].astype(np.float32) / 127.5 - 1.0).astype(np.float32) for image in images]
