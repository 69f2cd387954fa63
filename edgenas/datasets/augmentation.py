"""Augmentation of whole batches in TensorFlow: scale and crop, flip, colour.

Zooming in by s makes everything look s times nearer to a network that assumes one focal length, so metric
depth is divided by s and inverse depth multiplied (AdaShare's protocol). Normals keep their direction: a zoom
changes the focal length of the camera, not its orientation, so each surface still faces where it faced.
A flip mirrors the scene: it negates the normals' x component.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenas.tasks import get_task

__all__ = ["Augmentation", "Draw", "augmented", "draw", "plain"]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the augmentation.

    Attributes:
        largest_scale: zoom is uniform in 1 to this.
        brightness: relative change of the image's mean, at most.
        contrast: relative change of the spread about the mean, at most.
        saturation: relative change of the distance to grey, at most.
        balance: relative gain of each channel, at most.
    """

    largest_scale: float = 1.5
    brightness: float = 0.2
    contrast: float = 0.25
    saturation: float = 0.3
    balance: float = 0.06


@dataclass(frozen=True)
class Draw:
    """Random numbers of one batch, tensors f32 [B] in 0..1 unless said otherwise.

    Attributes:
        scale: [B], the zoom itself, 1 or more.
        top: where the crop lies between the upper and the lower edge.
        left: where it lies between the left and the right edge.
        flip: bool [B].
        colour: [B, 6], in -1..1: brightness, contrast, saturation, and the gains of the three channels.
    """

    scale: Any
    top: Any
    left: Any
    flip: Any
    colour: Any


def draw(limits: Augmentation, batch_size: int, seed: int, step: Any) -> Draw:
    """The random numbers of batch `step`: a pure function of the arguments."""
    import tensorflow as tf

    raw = tf.random.stateless_uniform([batch_size, 10], seed=tf.stack([tf.constant(seed, tf.int64), step]))
    return Draw(
        scale=1.0 + raw[:, 0] * (limits.largest_scale - 1.0),
        top=raw[:, 1],
        left=raw[:, 2],
        flip=raw[:, 3] < 0.5,
        colour=raw[:, 4:] * 2.0 - 1.0,
    )


def plain(stored: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A batch of stored frames as they are: (image f32 [-1, 1], targets)."""
    import tensorflow as tf

    image = tf.cast(stored["image"], tf.float32) / 127.5 - 1.0
    return image, {
        task: get_task(task).target.tensor(value) for task, value in stored.items() if task != "image"
    }


def augmented(
    stored: dict[str, Any], drawn: Draw, limits: Augmentation, depth_unit: str
) -> tuple[Any, dict[str, Any]]:
    """A batch of stored frames, cropped, flipped and coloured.

    Output pixel (i, j) shows the source at (top + i / s, left + j / s) in pixel centres, which stays inside the
    frame: images are interpolated bilinearly, targets take the nearest pixel, so no label, depth or normal
    is ever mixed from two surfaces.

    Args:
        stored: tensors [B, ...] in the compact form of `Dataset.stored_batch`.
        drawn: the batch's random numbers.
        limits: ranges of the colour changes.
        depth_unit: "m" or "1/m".
    """
    import tensorflow as tf

    height, width = stored["image"].shape[1:3]
    rows = _source_positions(drawn.top, drawn.scale, height)
    columns = _source_positions(drawn.left, drawn.scale, width)
    columns = tf.where(drawn.flip[:, None], tf.reverse(columns, [1]), columns)
    boxes = tf.stack(
        [
            rows[:, 0] / (height - 1), columns[:, 0] / (width - 1), rows[:, -1] / (height - 1),
            columns[:, -1] / (width - 1),
        ],
        axis=1,
    )  # fmt: skip
    frames = tf.range(stored["image"].shape[0])
    image = tf.image.crop_and_resize(stored["image"], boxes, frames, (height, width))
    nearest_row, nearest_column = (tf.cast(tf.round(places), tf.int64) for places in (rows, columns))
    row = tf.cast(frames, tf.int64)[:, None] * height + nearest_row
    flat = (row * width)[:, :, None] + nearest_column[:, None, :]
    targets = {}
    for task in stored:
        if task == "image":
            continue
        channels = stored[task].shape[3:]
        truth = get_task(task).target
        target = truth.tensor(tf.gather(tf.reshape(stored[task], [-1, *channels]), flat))
        targets[task] = truth.flipped(truth.zoomed(target, drawn.scale, depth_unit), drawn.flip)
    return _coloured(image, drawn.colour, limits) / 127.5 - 1.0, targets


def _source_positions(place: Any, scale: Any, size: int) -> Any:
    """Where each output row (or column) comes from, f32 [B, size], all within 0 .. size - 1."""
    import tensorflow as tf

    step = 1.0 / scale
    start = place * (size - 1) * (1.0 - step)
    positions = start[:, None] + step[:, None] * tf.range(size, dtype=tf.float32)
    return tf.clip_by_value(positions, 0.0, size - 1.0)


def _coloured(image: Any, colour: Any, limits: Augmentation) -> Any:
    """Changes brightness, contrast, saturation and white balance of images f32 [B, H, W, 3] in 0..255."""
    import tensorflow as tf

    brightness, contrast, saturation = (
        1.0 + limit * colour[:, k, None, None]
        for k, limit in enumerate((limits.brightness, limits.contrast, limits.saturation))
    )
    gain = 1.0 + limits.balance * colour[:, None, 3:]
    # Contrast about the image's mean, saturation about grey, gain per channel: one matrix and one offset.
    matrix = (saturation * tf.eye(3) + (1.0 - saturation) / 3.0) * contrast * gain
    offset = tf.reduce_mean(image, axis=(1, 2, 3))[:, None, None] * (brightness - contrast) * gain
    pixels = tf.reshape(image, [-1, image.shape[1] * image.shape[2], 3])
    return tf.clip_by_value(tf.reshape(tf.matmul(pixels, matrix) + offset, tf.shape(image)), 0.0, 255.0)
