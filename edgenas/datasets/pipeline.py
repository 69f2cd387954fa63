"""The one tf.data pipeline that every training run reads from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.augmentation import Augmentation, augmented, draw, plain
from edgenas.datasets.dataset import Dataset
from edgenas.errors import EdgenasError, MissingDependencyError, UsageError, unknown_name

__all__ = ["batches_of", "frames_of_step", "make_pipeline"]

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
    """Batches of a data set for Keras; take them with `batches_of`, which names a file that cannot be read.

    In training the pipeline never ends. Batch `step` holds the samples `step * batch_size + j`; each epoch has
    its own permutation, and order and augmentation are pure functions of (seed, step): a pipeline with
    `start_step=k` continues exactly where an uninterrupted one would stand.

    Args:
        dataset: where frames come from. It is held in memory in its compact form where that is no larger than
            `IN_MEMORY_BYTES`; else frames are read again whenever a batch needs them.
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

    dataset.hold()
    keys = ("image", *(task for task in dataset.info.tasks if tasks is None or task in tasks))
    count = len(dataset)
    limits = augmentation or Augmentation()

    def train_indices(step: Any) -> Any:
        return step, _shuffled(step, batch_size, count, seed)

    def next_indices(step: Any) -> Any:
        start = step * batch_size
        return step, tf.range(start, tf.minimum(start + batch_size, count))

    def finish(step: Any, stored: dict[str, Any]) -> Any:
        if not (training and augment):
            return plain(stored)
        drawn = draw(limits, batch_size, seed, step)
        return augmented(stored, drawn, limits, dataset.info.depth_unit)

    if training:
        steps = tf.data.Dataset.range(start_step, tf.int64.max)
    else:
        steps = tf.data.Dataset.range(-(-count // batch_size))
    batches = steps
    for stage in (train_indices if training else next_indices, _reader(dataset, keys), finish):
        function = tf.autograph.experimental.do_not_convert(stage)
        batches = batches.map(function, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True)
    options = tf.data.Options()
    options.deterministic = True
    return batches.prefetch(_PARALLEL_BATCHES).with_options(options)


def batches_of(pipeline: Any, dataset: Dataset) -> Iterator[Any]:
    """The batches of `make_pipeline(dataset, ...)`; a frame that cannot be read ends them with its own error.

    Raises:
        UsageError: a file of the data is missing or damaged.
    """
    import tensorflow as tf

    batches = iter(pipeline)
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except tf.errors.OpError:
            if dataset.read_error is None:
                raise
            raise dataset.read_error from None
        yield batch


def _reader(dataset: Dataset, keys: tuple[str, ...]) -> Any:
    """A stage of the pipeline: from (step, indices i64 [B]) to (step, {key: stored frames [B, ...]})."""
    import tensorflow as tf

    form = dataset.stored_form()

    def read(indices: NDArray[np.int64]) -> list[NDArray[Any]]:
        try:
            batch = dataset.stored_batch(indices, keys)
        except EdgenasError as error:
            dataset.read_error = error
            raise
        except OSError as error:
            dataset.read_error = UsageError(
                f"Cannot read {error.filename or dataset.info.name}: {error.strerror or error}. "
                "The data were there when the run began. Restore them, then run the same command again."
            )
            raise
        return [batch[key] for key in keys]

    def stage(step: Any, indices: Any) -> Any:
        # Stateless, as it is: under deterministic operators tf.data would else read one batch at a time.
        arrays = tf.numpy_function(read, [indices], [form[key][1] for key in keys], stateful=False)
        for key, array in zip(keys, arrays, strict=True):
            array.set_shape([*indices.shape, *form[key][0]])
        return step, dict(zip(keys, arrays, strict=True))

    return stage


def frames_of_step(dataset: Dataset, *, batch_size: int, seed: int, step: int) -> list[int]:
    """Positions in `dataset` of the frames of training batch `step`."""
    import tensorflow as tf

    return [int(i) for i in _shuffled(tf.constant(step, tf.int64), batch_size, len(dataset), seed)]


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
