"""Training on several accelerators of one machine: every step splits its batch between them."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from edgenas.errors import UsageError

__all__ = ["all_mean", "split_batch", "strategy_for"]


def strategy_for(count: int) -> Any:
    """The distribution of `tf.distribute` for so many devices: the first GPUs; logical CPUs where there is no GPU.

    Raises:
        UsageError: there are fewer devices.
    """
    if count == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) < count:
        raise UsageError(
            f"--devices {count} needs {count} GPUs. Received {len(names)} {kind} device{'s' * (len(names) != 1)} "
            "(`nvidia-smi` and CUDA_VISIBLE_DEVICES tell why one is missing). Leave --devices out to train on one."
        )
    return tf.distribute.MirroredStrategy(names[:count])


def all_mean(tensors: list[Any]) -> list[Any]:
    """The means over all devices, inside a step; the tensors themselves where there is one. None stays None."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return tensors
    present = [t for t in tensors if t is not None]
    means = iter(context.all_reduce(tf.distribute.ReduceOp.MEAN, present))
    return [None if t is None else next(means) for t in tensors]


def split_batch(strategy: Any, batch: Any) -> Any:
    """The batch, an image tensor and {task: target}, cut into equal parts, one per device."""
    count = strategy.num_replicas_in_sync
    if count == 1:
        return batch

    def part(context: Any) -> Any:
        number = context.replica_id_in_sync_group
        return tf.nest.map_structure(lambda t: tf.split(t, count)[number], batch)

    return strategy.experimental_distribute_values_from_function(part)
