"""The planned models as .tflite files; imports TensorFlow, but only when a file is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.graph import Operator
from edgenas.profiling.plan import PlannedModel
from edgenas.runtime import start_tensorflow
from edgenas.storage import write_bytes_atomic

__all__ = ["export_models", "model_path"]

_SEED = 0
_REPRESENTATIVE_IMAGES = 2


def model_path(folder: Path, model: PlannedModel) -> Path:
    """Where the file of a planned model is."""
    return folder / f"{model.name}.tflite"


def export_models(models: tuple[PlannedModel, ...], folder: Path) -> Iterator[tuple[PlannedModel, Path]]:
    """Yields each planned model with its file, made where it is missing.

    Weights are random and the int8 scales come from noise: neither changes how long the kernels take.

    Raises:
        EdgenasError: the conversion failed or the folder cannot be written.
        MissingDependencyError: a file is missing and TensorFlow is not installed.
    """
    for model in models:
        path = model_path(folder, model)
        if not path.is_file():
            write_bytes_atomic(path, _convert(model))
        yield model, path


def _convert(model: PlannedModel) -> bytes:
    start_tensorflow()
    import keras

    from edgenas.export.engines.tensorflow import to_tflite

    network = _keras_model(model)
    images = None
    if model.dtype == "int8":
        rng = np.random.default_rng(_SEED)
        shape = (1, *network.input_shape[1:])
        images = [rng.uniform(-1, 1, shape).astype(np.float32) for _ in range(_REPRESENTATIVE_IMAGES)]
    data = to_tflite(network, format=model.dtype, representative=images)
    keras.backend.clear_session()
    return data


def _keras_model(model: PlannedModel) -> Any:
    if model.operator is not None:
        return _operator_model(model.operator)
    from edgenas.networks import build_model

    return build_model(model.architecture, seed=_SEED, batch_size=1)


def _operator_model(operator: Operator) -> Any:
    """A Keras model whose .tflite file is that one operator."""
    import keras

    from edgenas.networks.layers import Upsample2x

    keras.utils.set_random_seed(_SEED)
    activation = None if operator.activation == "none" else operator.activation
    window: dict[str, Any] = {
        "kernel_size": operator.kernel,
        "strides": operator.stride,
        "padding": operator.padding,
        "activation": activation,
    }
    if operator.type == "CONV_2D":
        layer = keras.layers.Conv2D(operator.outputs[0].shape[-1], **window)
    elif operator.type == "DEPTHWISE_CONV_2D":
        layer = keras.layers.DepthwiseConv2D(**window)
    elif operator.type == "RESIZE_BILINEAR":
        layer = Upsample2x("bilinear")
    else:
        raise ValueError(f"No single-operator model is made of {operator.type}.")
    image = keras.Input(operator.inputs[0].shape[1:], batch_size=1, name="image")
    return keras.Model(image, {"output": layer(image)})
