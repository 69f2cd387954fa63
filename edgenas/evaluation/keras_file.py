"""Opens .keras files: nothing is unpickled and no stored code runs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.evaluation.models import OpenModel
from edgenas.evaluation.output_tasks import tasks_of_outputs
from edgenas.runtime import start_tensorflow

__all__ = ["open_keras"]


def open_keras(path: Path) -> OpenModel:
    """Opens a Keras model; `open_model` describes what comes out.

    Raises:
        UsageError: the file is damaged, holds code or layers that are not Keras' or edgenas', or is no dense network.
        MissingDependencyError: TensorFlow is not installed.
    """
    if not zipfile.is_zipfile(path):
        raise UsageError(
            f"{path} is no .keras file: it is not a zip archive, or it was cut short. Save it again."
        )
    start_tensorflow()
    import keras

    import edgenas.networks  # noqa: F401 - registers the layers that a file may hold

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras raises whatever its parts make of a damaged or foreign file: ValueError, TypeError, KeyError, OSError, ...
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(
            f"{path} cannot be read as a Keras model ({type(error).__name__}: {reason}). Was it cut short while it was "
            "copied? A file of edgenas train is made again with: edgenas train --restart"
        ) from error
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        raise UsageError(f"{path} takes {shape}. Expected one RGB image, [B, H, W, 3].")
    shapes = {str(name): tuple(it.shape) for name, it in _named_outputs(model).items()}
    outputs, channels = tasks_of_outputs(shapes, str(path))
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return OpenModel(
        path, "keras", "float32", shape[1], shape[2], channels, parameters, _runner(model), outputs
    )


def _named_outputs(model: Any) -> dict[str, Any]:
    """The outputs by name, whether the model gives a dictionary, a list or one tensor."""
    structure = model.output
    if isinstance(structure, dict):
        return dict(structure)
    tensors = list(structure) if isinstance(structure, list | tuple) else [structure]
    return dict(zip(model.output_names, tensors, strict=True))


def _runner(model: Any) -> Any:
    from edgenas.training.trainer import predictor_of

    if isinstance(model.output, dict):
        return predictor_of(model)
    names = list(model.output_names)

    def as_dictionary(images: Any, training: bool = False) -> dict[str, Any]:
        got = model(images, training=training)
        return dict(zip(names, got if isinstance(got, list | tuple) else [got], strict=True))

    return predictor_of(as_dictionary)
