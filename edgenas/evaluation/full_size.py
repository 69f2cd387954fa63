"""`FullSize`: a network asked at its own size that answers at the size of the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.layouts.resize import resize_image
from edgenas.errors import UsageError
from edgenas.evaluation.models import OpenModel
from edgenas.evaluation.resize import resize_maps

__all__ = ["FullSize"]


class FullSize:
    """From images of the data's size to raw outputs of the same size, by task.

    Where the sizes differ, images are resized to the network's size just as they are for training (`resize_image`), and
    logits, depth and normals back to the truth's (bilinear; normals are made unit vectors before, and the metrics do it
    again after). Where they agree nothing is touched. The truth is never resized.

    Args:
        model: the network.
        tasks: tasks wanted.
        classes: number of segmentation classes, for networks that give labels instead of logits.
    """

    def __init__(self, model: OpenModel, tasks: tuple[str, ...], classes: int) -> None:
        self._model = model
        self._tasks = tasks
        self._classes = classes

    def __call__(self, images: NDArray[np.uint8]) -> Mapping[str, NDArray[Any]]:
        """Images uint8 [B, H, W, 3] to {task: float32 [B, H, W, channels]}."""
        height, width = images.shape[1:3]
        model = self._model
        size = (model.height or height, model.width or width)
        shown = images if size == (height, width) else np.stack([resize_image(i, *size) for i in images])
        outputs = model.run(shown)
        return {task: self._at(task, outputs[model.outputs[task]], height, width) for task in self._tasks}

    def _at(self, task: str, values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
        if values.ndim == 3:
            values = self._one_hot(values)
        if values.shape[1:3] == (height, width):
            return np.asarray(values, np.float32)
        if task == "normals":
            length = np.sqrt(np.square(values).sum(axis=-1, keepdims=True))
            values = values / np.where(length > 0, length, 1.0)
        return resize_maps(values, height, width)

    def _one_hot(self, labels: NDArray[Any]) -> NDArray[np.float32]:
        whole = np.rint(labels).astype(np.int64)
        if whole.min() < 0 or whole.max() >= self._classes:
            raise UsageError(
                f"{self._model.path} gives the label {int(whole.max())}; the data have {self._classes} classes. "
                "Give data with the classes that it was trained on."
            )
        logits: NDArray[np.float32] = np.eye(self._classes, dtype=np.float32)[whole]
        return logits
