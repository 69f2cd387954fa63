"""The one tf.data pipeline that every training run reads from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgenas.datasets.augmentation import Augmentation, augmented, draw, plain
from edgenas.datasets.dataset import Dataset
from edgenas.errors import MissingDependencyError, UsageError, unknown_name

__all__ = ["make_pipeline"]

_ORDER_STREAM = 0x0EDE
_PARALLEL_BATCHES = 2


def make_pipeline(
    dataset: Dataset,
    *,
    batch_size: int,
    tasks: Sequence[str] | None = None,
    training: bool,
    seed: int = 0,
    augment: bool = True,
    start_step: int = 0,
    augmentation: Augmentation | None = None,
) -> Any:
    """Batches of a data set for Keras.

    In training the pipeline never ends. Batch `step` holds the samples `step * batch_size + j`; each epoch has
    its own permutation, and order and augmentation are pure functions of (seed, step): a pipeline with
    `start_step=k` continues exactly where an uninterrupted one would stand.

    Args:
        dataset: where frames come from; it is loaded into memory in its compact form.
        batch_size: frames per batch.
        tasks: targets wanted; all that the data set has when None.
        training: True repeats for ever in random order; False goes through once, in order, the last batch
            smaller, never augmented.
        seed: seed of order and augmentation.
        augment: whether training batches are augmented.
        start_step: number of the first training batch.
        augmentation: ranges of the augmentation; the defaults when None.

    Returns:
        A tf.data.Dataset of (image f32 [B,H,W,3] in [-1, 1], targets), targets a dict with, as far as asked
        for, "segmentation" i32 [B,H,W] (255 void), "depth" f32 [B,H,W,1] in the data set's unit (0 invalid),
        "normals" f32 [B,H,W,3] unit vectors ((0,0,0) invalid).

    Raises:
        UsageError: a task that the data set lacks, or a number out of range.
        MissingDependencyError: TensorFlow is not installed.
    """
    for name, value, low in (("batch_size", batch_size, 1), ("start_step", start_step, 0), ("seed", seed, 0)):
        if value < low:
            raise UsageError(f"Invalid value for {name}. Expected at least {low}; got {value}.")
    for task in tasks or ():
        if task not in dataset.info.tasks:
            raise unknown_name(f"task of {dataset.info.name}", task, dataset.info.tasks)
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError("tensorflow-cpu", "train", "Feeding a network") from error

    wanted = dataset.info.tasks if tasks is None else [task for task in dataset.info.tasks if task in tasks]
    with tf.device("CPU:0"):
        arrays = dataset.stored_arrays()
        stored = {key: tf.constant(arrays[key]) for key in ("image", *wanted)}
    count = len(dataset)
    limits = augmentation or Augmentation()

    @tf.autograph.experimental.do_not_convert
    def training_batch(step: Any) -> Any:
        index = _shuffled(step, batch_size, count, seed)
        if not augment:
            return plain(stored, index)
        return augmented(stored, index, draw(limits, batch_size, seed, step), limits, dataset.info.depth_unit)

    @tf.autograph.experimental.do_not_convert
    def next_batch(step: Any) -> Any:
        start = step * batch_size
        return plain(stored, tf.range(start, tf.minimum(start + batch_size, count)))

    if training:
        steps = tf.data.Dataset.range(start_step, tf.int64.max)
        batches = steps.map(training_batch, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True)
    else:
        steps = tf.data.Dataset.range(-(-count // batch_size))
        batches = steps.map(next_batch, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True)
    options = tf.data.Options()
    options.deterministic = True
    return batches.prefetch(_PARALLEL_BATCHES).with_options(options)


def _shuffled(step: Any, batch_size: int, count: int, seed: int) -> Any:
    """Indices i64 [B] of batch `step`: positions in each epoch's own permutation."""
    import tensorflow as tf

    sample = step * batch_size + tf.range(batch_size, dtype=tf.int64)
    epoch, position = sample // count, sample % count
    stream = (tf.constant(seed, tf.int64), epoch, tf.constant(_ORDER_STREAM, tf.int64))
    keys = tf.stack([tf.broadcast_to(part, [batch_size]) for part in stream], axis=1)
    # The raw operation: its Python wrapper pads one seed per batch but not one per sample.
    return tf.raw_ops.RandomIndexShuffle(
        index=position, seed=keys, max_index=tf.constant(count - 1, tf.int64)
    )
