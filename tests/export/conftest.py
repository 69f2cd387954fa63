"""One small network for the tests of what ships: real kernels, real metadata, no training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from board_pythons import runtime_python

from edgenas.datasets import Dataset, load_dataset


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
