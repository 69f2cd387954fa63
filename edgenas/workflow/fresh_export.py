"""An architecture as a .tflite file with fresh weights: latency and memory do not depend on them."""

from __future__ import annotations

from pathlib import Path

from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture

__all__ = ["export_fresh"]


def export_fresh(architecture: Architecture, dtype: str, path: Path) -> None:
    """Builds, converts and writes a network; some seconds.

    Args:
        architecture: the network.
        dtype: "int8" or "float32".
        path: the file.

    Raises:
        EdgenasError: it cannot be converted.
        MissingDependencyError: TensorFlow is not installed.
    """
    import numpy as np

    start_tensorflow()
    import keras

    from edgenas.export.engines.tensorflow import to_tflite
    from edgenas.networks import build_model

    shape = (1, architecture.input_height, architecture.input_width, 3)
    noise = np.random.default_rng(0).uniform(-1, 1, (2, *shape)).astype(np.float32)
    path.write_bytes(
        to_tflite(build_model(architecture), format=dtype, representative=noise if dtype == "int8" else None)
    )
    keras.backend.clear_session()
