"""Networks as .tflite files with fresh weights or scales: latency and memory do not depend on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture

__all__ = ["convert_fresh", "export_fresh"]


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
    start_tensorflow()
    import keras

    from edgenas.networks import build_model

    path.write_bytes(convert_fresh(build_model(architecture), dtype))
    keras.backend.clear_session()


def convert_fresh(model: Any, dtype: str) -> bytes:
    """A Keras model as a .tflite file whose activation ranges come from noise: for latency, not to be used.

    Args:
        model: from images [B, H, W, 3] to a dictionary of outputs.
        dtype: "int8" or "float32".

    Raises:
        EdgenasError: it cannot be converted.
    """
    import numpy as np

    from edgenas.export.engines.tensorflow import to_tflite

    shape = (2, 1, *model.input_shape[1:])
    noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    return to_tflite(model, format=dtype, representative=noise if dtype == "int8" else None)
