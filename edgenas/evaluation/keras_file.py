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

__all__ = ["load_keras", "open_keras", "read_keras"]


def open_keras(path: Path) -> OpenModel:
    """Opens a Keras model; `open_model` describes what comes out.

    Raises:
        UsageError: the file is damaged, holds code or layers that are not Keras' or edgenas', or is no dense network.
        MissingDependencyError: TensorFlow is not installed.
    """
    model = read_keras(path)
    shape = model.input_shape
    outputs, channels = _tasks(model, path)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    return OpenModel(
        path, "keras", "float32", shape[1], shape[2], channels, parameters, _runner(model), outputs
    )


def load_keras(path: Path, height: int | None = None, width: int | None = None) -> Any:
    """Reads a Keras model whose outputs are a dictionary by task, and whose input has a size.

    Args:
        path: the file.
        height: rows of the input of a network that takes any.
        width: columns, likewise.

    Raises:
        UsageError: as `open_keras`, or the size is not known, or is another one.
        MissingDependencyError: TensorFlow is not installed.
    """
    model = read_keras(path)
    outputs, _ = _tasks(model, path)
    named = _named_outputs(model)
    import keras

    shape = (model.input_shape[1], model.input_shape[2])
    wanted = (height or shape[0], width or shape[1])
    if None in wanted:
        raise UsageError(f"{path} takes images of any size. Say which one with --height and --width.")
    by_task = {task: named[output] for task, output in outputs.items()}
    if None in shape:
        image = keras.Input((*wanted, 3), name="image")
        return keras.Model(image, keras.Model(model.input, by_task)(image), name=model.name)
    if wanted != shape:
        raise UsageError(
            f"{path} takes {shape[0]}x{shape[1]} images, and nothing says how it is built at another size. Give "
            "--architecture FILE.json where it is a network of edgenas, or leave out --height and --width."
        )
    return model if model.output == by_task else keras.Model(model.input, by_task, name=model.name)


def read_keras(path: Path) -> Any:
    """The Keras model in a file, not compiled; it takes one RGB image.

    Raises:
        UsageError: the file is damaged, holds code or layers that are not Keras' or edgenas', or takes something else.
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
    return model


def _tasks(model: Any, path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """{task: output name} and {task: channels}."""
    shapes = {str(name): tuple(it.shape) for name, it in _named_outputs(model).items()}
    return tasks_of_outputs(shapes, str(path))


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
