"""What an export is given, checked: the network, its weights and its data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.errors import EdgenasError, UsageError
from edgenas.evaluation.full_size import FullSize
from edgenas.evaluation.models import OpenModel
from edgenas.export.request import ExportRequest
from edgenas.export.verify import Predict
from edgenas.space.architecture import Architecture

__all__ = ["at_data_size", "check_model", "refuse_constant_heads"]


def check_model(
    model: Any, architecture: Architecture | None, dataset: Dataset, request: ExportRequest
) -> None:
    """Refuses what does not belong together.

    Raises:
        UsageError: the weights are of another architecture, or the data of another size than the network, and no other
            size was asked for.
        EdgenasError: a weight is not finite.
    """
    shape = (int(model.input_shape[1]), int(model.input_shape[2]))
    heads = {task: int(tensor.shape[-1]) for task, tensor in model.output.items()}
    if architecture is not None:
        expected = {head.task: head.channels for head in architecture.heads}
        size = (architecture.input_height, architecture.input_width)
        if (shape, heads) != (size, expected):
            raise UsageError(
                f"The weights belong to another architecture. Expected input {size} and heads {expected}. "
                f"Received input {shape} and heads {heads}."
            )
    for variable in model.variables:
        if not np.isfinite(variable.numpy()).all():
            raise EdgenasError(
                f"The weight {variable.path} holds NaN or infinity, so the network cannot be exported. "
                "Train it again with a lower learning rate."
            )
    info = dataset.info
    missing = sorted(set(heads) - set(info.tasks))
    if missing:
        raise UsageError(
            f"The data have no truth for {', '.join(missing)}, which the network has heads for. Give the data "
            "that it was trained on with --data."
        )
    for task, channels in heads.items():
        if info.head_channels[task] != channels:
            raise UsageError(
                f"The head '{task}' has {channels} channels; the data need {info.head_channels[task]}. Give the "
                "data that it was trained on with --data."
            )
    if (info.height, info.width) != shape and request.height is None and request.width is None:
        raise UsageError(
            f"The data's frames are {info.height}x{info.width}; the network expects {shape[0]}x{shape[1]}. Give the "
            "data that it was trained on."
        )


def refuse_constant_heads(outputs: Mapping[str, np.ndarray]) -> None:
    """Refuses heads that see nothing: they would get a scale of nothing, and nobody would notice on the device.

    Args:
        outputs: raw outputs over some real frames, [B, H, W, C] by head.

    Raises:
        EdgenasError: every channel of a head has one value everywhere, or a value is not finite.
    """
    for head, values in outputs.items():
        if not np.isfinite(values).all():
            raise EdgenasError(
                f"The head '{head}' gives NaN or infinity on real frames; the training diverged. Train it again with a "
                "lower learning rate."
            )
        spread = float(np.ptp(values, axis=(0, 1, 2)).max())
        if spread <= 1e-6 * max(1e-6, float(np.abs(values).max())):
            raise EdgenasError(
                f"The head '{head}' gives the same {float(values.flat[0]):.4g} for every pixel of {len(values)} "
                "frames: it has learned nothing, so it is not exported. Train it longer, or without this task."
            )


def at_data_size(
    run: Predict, size: tuple[int, int], tasks: tuple[str, ...], classes: int, path: Path
) -> FullSize:
    """A network that is asked and answers at the size of the data, whatever its own size and the form of its heads.

    Args:
        run: from images of its own size to {task: values or labels}.
        size: rows and columns that it takes.
        tasks: its heads.
        classes: number of segmentation classes.
        path: names it in errors.
    """
    named = {task: task for task in tasks}
    return FullSize(OpenModel(path, path.suffix, "", *size, {}, 0, run, named), tasks, classes)
