"""`open_model`: a .keras or .tflite file as a function from images to raw outputs by task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import UsageError, no_such_file
from edgenas.evaluation.output_tasks import tasks_of_outputs

__all__ = ["OpenModel", "open_model"]


@dataclass(frozen=True)
class OpenModel:
    """A network that can be asked.

    Attributes:
        path: the file.
        kind: "keras" or "tflite".
        dtype: of its input, e.g. "float32" or "int8".
        height: rows of the image that it takes; None where it takes any.
        width: columns, likewise.
        channels: {task: channels of its output}; 0 channels where it gives labels.
        parameters: trainable weights; of a .tflite file its weights and biases, batch norms folded.
        run: from images uint8 [B, height, width, 3] to {output name: values}.
        outputs: {task: output name}.
    """

    path: Path
    kind: str
    dtype: str
    height: int | None
    width: int | None
    channels: Mapping[str, int]
    parameters: int
    run: Callable[[NDArray[np.uint8]], Mapping[str, NDArray[Any]]]
    outputs: Mapping[str, str]


def open_model(path: Path, *, threads: int = 1) -> OpenModel:
    """Opens a file by its ending; a .tflite file needs no TensorFlow.

    Raises:
        UsageError: there is no such file, it is damaged, or its inputs or outputs are not those of dense tasks.
        EdgenasError: the runtime cannot run it.
    """
    if not path.is_file():
        raise no_such_file(path)
    if path.suffix == ".tflite":
        return _open_tflite(path, threads)
    if path.suffix == ".keras":
        from edgenas.evaluation.keras_file import open_keras

        return open_keras(path)
    raise UsageError(f"{path} is no model that can be evaluated. Expected a .keras or a .tflite file.")


def _open_tflite(path: Path, threads: int) -> OpenModel:
    from edgenas.export.litert_model import LitertModel
    from edgenas.graph import read_tflite

    read_tflite(path)  # a damaged file may crash the runtime, which is no error that anybody could catch
    model = LitertModel(path, threads=threads)
    shape = model.input_detail.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        raise UsageError(f"{path} takes {list(shape)}. Expected one RGB image, [1, H, W, 3].")
    shapes = {name: detail.shape for name, detail in model.output_details.items()}
    outputs, channels = tasks_of_outputs(shapes, str(path))
    dtype, weights = model.input_detail.dtype, _weight_count(path)
    return OpenModel(path, "tflite", dtype, shape[1], shape[2], channels, weights, model, outputs)


def _weight_count(path: Path) -> int:
    """Elements of the constants that hold weights or biases: floats, and integers that have a scale."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    sizes: dict[int, int] = {}
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        quantised = tensor.Quantization() is not None and tensor.Quantization().ScaleLength() > 0
        floats = tensor.Type() in (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
        if model.Buffers(tensor.Buffer()).DataLength() and (floats or quantised):
            shape = tensor.ShapeAsNumpy()
            sizes[tensor.Buffer()] = math.prod(shape.tolist()) if tensor.ShapeLength() else 1
    return sum(sizes.values())
