"""Where a number that is not finite came from: the frames, the network or a loss, looked at after it has happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgenas.tasks import TaskInfo, get_task

__all__ = ["why_not_finite"]


def why_not_finite(
    model: Any,
    tasks: Sequence[str],
    info: TaskInfo,
    batch: tuple[Any, Mapping[str, Any]],
    frames: Sequence[int],
) -> str:
    """Names what gave the first number that is not finite: a weight, a layer, or a loss term and its frames.

    Runs the network once more, eagerly; the moving statistics of its batch normalisation change.

    Args:
        model: the network with the weights of before the step.
        tasks: its tasks.
        info: the data set's description.
        batch: images and targets of the step.
        frames: positions of its frames in the training split.

    Returns:
        A sentence that ends with a full stop; it says whether the data or the optimisation is to blame.
    """
    images, targets = batch
    for variable in model.variables:
        if not _finite(variable.value):
            return f"The weights {variable.path} are not finite (optimisation)."
    if not _finite(images):
        return f"The images of training frames {_where(images, frames)} are not finite (data)."
    layer, outputs = _first_layer(model, images)
    if layer:
        largest = max(model.trainable_variables, key=lambda v: float(np.abs(v.numpy()).max()))
        return (
            f"The layer {layer} is the first with outputs that are not finite, on finite images; the largest weight is "
            f"{float(np.abs(largest.numpy()).max()):.3g} in {largest.path} (optimisation)."
        )
    for task in tasks:
        found = _first_term(task, targets[task], outputs[task], info)
        if found is None:
            continue
        term, culprits = found
        target = np.asarray(targets[task])[culprits]
        named = ", ".join(str(frames[i]) for i in culprits[:8])
        if np.issubdtype(target.dtype, np.floating) and not np.isfinite(target).all():
            return (
                f"The loss term {term} of {task} is not finite in training frames {named}, whose {task} holds NaN or "
                "infinity (data)."
            )
        values = f"{target.min():.4g} to {target.max():.4g}" if target.size else "nothing"
        return (
            f"The loss term {term} of {task} is not finite in training frames {named}: the outputs are finite, the "
            f"truth holds {values} (data, where that is no possible value, else optimisation)."
        )
    return "Every layer and loss term is finite, so it came from the gradients or the loss weights (optimisation)."


def _first_layer(model: Any, images: Any) -> tuple[str, dict[str, Any]]:
    """The first layer whose output is not finite, "" where there is none, and the model's outputs in float32."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    inside = keras.Model(model.inputs, ({layer.name: layer.output for layer in layers}, model.output))
    seen, told = inside(images, training=True)
    outputs = {task: tf.cast(output, tf.float32) for task, output in told.items()}
    return next((layer.name for layer in layers if not _finite(seen[layer.name])), ""), outputs


def _first_term(task: str, target: Any, output: Any, info: TaskInfo) -> tuple[str, list[int]] | None:
    """The first term of a task that is not finite, and the places in the batch where it is not alone, else all."""
    whole = get_task(task).loss_terms(target, output, info)
    term = next((name for name, value in whole.items() if not _finite(value)), None)
    if term is None:
        return None
    places = range(len(output))
    alone = [get_task(task).loss_terms(target[i : i + 1], output[i : i + 1], info)[term] for i in places]
    culprits = [i for i in places if not _finite(alone[i])]
    return term, culprits or list(places)


def _finite(tensor: Any) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(tensor)))


def _where(tensor: Any, frames: Sequence[int]) -> str:
    return ", ".join(str(frames[i]) for i in range(len(frames)) if not _finite(tensor[i]))
