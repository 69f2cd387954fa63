"""One optimiser step as a compiled function: losses, gradients, the look at NaN, the update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from edgenas.tasks import TaskInfo
from edgenas.training.average import WeightAverage
from edgenas.training.config import TrainingConfig
from edgenas.training.devices import all_mean, split_batch
from edgenas.training.loss_weights import total_loss
from edgenas.training.optimizer import AdamW
from edgenas.training.weighting import Weighting

__all__ = ["StepParts", "make_step"]


@dataclass(frozen=True)
class StepParts:
    """What a step is made of.

    Attributes:
        model: the network.
        tasks: its tasks.
        info: the data set's description.
        config: schedule.
        weighting: factors of the loss terms.
        variables: what is trained, in the order in which the optimiser has them.
        optimizer: updates them.
        average: running average of the weights, or None.
        strategy: the devices.
    """

    model: Any
    tasks: Sequence[str]
    info: TaskInfo
    config: TrainingConfig
    weighting: Weighting
    variables: Sequence[Any]
    optimizer: AdamW
    average: WeightAverage | None
    strategy: Any


def make_step(parts: StepParts) -> Callable[..., dict[str, Any]]:
    """Compiles the step: f(images, targets, learning rate, number, loss scale, inputs of the weighting).

    It returns {"loss", each loss term before weighting, "finite"}, scalars. Where the loss or a gradient is not finite
    nothing is updated, so that the weights that led there can be looked at.
    """
    values = [v.value for v in parts.variables]

    def update(gradients: Sequence[Any], learning_rate: Any, number: Any) -> Any:
        parts.optimizer.apply(gradients, learning_rate, number)
        if parts.average is not None:
            parts.average.update()
        return tf.constant(True)

    def on_one_device(batch: Any, learning_rate: Any, number: Any, scale: Any, inputs: Any) -> dict[str, Any]:
        gradients, losses = _gradients(parts, values, batch, scale, inputs)
        gradients = all_mean(gradients)
        losses = dict(zip(losses, all_mean(list(losses.values())), strict=True))
        # A sum is finite only where all it is made of is.
        sums = [tf.reduce_sum(gradient) for gradient in gradients if gradient is not None]
        finite = tf.math.is_finite(losses["loss"] + tf.add_n(sums))
        tf.cond(finite, lambda: update(gradients, learning_rate, number), lambda: tf.constant(False))
        return {**losses, "finite": finite}

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(batch: Any, learning_rate: Any, number: Any, scale: Any, inputs: Any) -> Any:
        told = parts.strategy.run(on_one_device, (batch, learning_rate, number, scale, inputs))
        return {k: parts.strategy.experimental_local_results(v)[0] for k, v in told.items()}

    def run(images: Any, targets: Any, *rest: Any) -> dict[str, Any]:
        told: dict[str, Any] = step(split_batch(parts.strategy, (images, targets)), *rest)
        return told

    return run


def _gradients(
    parts: StepParts, values: Sequence[Any], batch: Any, scale: Any, inputs: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Gradients and losses of a batch, averaged over its micro-batches; one of them is in memory at a time."""
    count = parts.config.accumulate
    if count == 1:
        return _gradients_at_once(parts, values, batch, scale, inputs)
    size = parts.config.batch_size // parts.strategy.num_replicas_in_sync // count

    def of_part(number: Any) -> tuple[list[Any], dict[str, Any]]:
        micro = tf.nest.map_structure(lambda t: t[number * size : (number + 1) * size], batch)
        gradients, losses = _gradients_at_once(parts, values, micro, scale, inputs)
        rows = zip(gradients, values, strict=True)
        return [tf.zeros_like(v) if g is None else g for g, v in rows], losses

    def add(number: Any, sums: Any) -> Any:
        return number + 1, tf.nest.map_structure(tf.add, sums, of_part(number))

    # The first one outside of the loop, for the names of the losses.
    _, (gradients, losses) = tf.while_loop(
        lambda number, _: number < count, add, (tf.constant(1), of_part(0)), parallel_iterations=1
    )
    return [g / count for g in gradients], {name: loss / count for name, loss in losses.items()}


def _gradients_at_once(
    parts: StepParts, values: Sequence[Any], batch: Any, scale: Any, inputs: Any
) -> tuple[list[Any], dict[str, Any]]:
    images, targets = batch
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for value in values:
            tape.watch(value)
        outputs = parts.model(images, training=True)
        if parts.config.precision != "float32":
            outputs = {task: tf.cast(output, tf.float32) for task, output in outputs.items()}
        loss, terms = total_loss(
            parts.tasks,
            targets,
            outputs,
            parts.config.loss_weights,
            info=parts.info,
            factors=parts.weighting.factors(inputs),
        )
        penalty = parts.weighting.penalty()
        if penalty is not None:
            loss = loss + penalty
        scaled = loss * scale if parts.config.precision == "float16" else loss
    gradients = tape.gradient(scaled, values)
    if parts.config.precision == "float16":
        gradients = [None if g is None else g / scale for g in gradients]
    return gradients, {"loss": loss, **terms}
