"""Quantisation-aware fine-tuning: the weights learn to give what the float network gives, rounded as int8 rounds.

The student computes with our fake-quantisation layers on the scales of the int8 file; the teacher is the float network
on the same training frames, so that no truth is needed and the metrics cannot rise by more training alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.datasets.layouts.resize import resize_image
from edgenas.export.calibration import network_input
from edgenas.export.flat_file import FlatFile
from edgenas.export.repair.bias_correction import correct_biases
from edgenas.export.repair.folded import IMAGE
from edgenas.export.repair.ground import ground_of
from edgenas.export.repair.keras_network import ActivationRange, keras_network, weights_of
from edgenas.export.repair.state import Mended, RepairContext
from edgenas.training.config import TrainingConfig
from edgenas.training.optimizer import AdamW

__all__ = ["activation_ranges", "fine_tune"]

_STEPS = 200
_BATCH = 8
_RATE = 1e-4
_MOST_FRAMES = 1024


def fine_tune(context: RepairContext, best: Mended) -> Mended | None:
    """Trains the folded weights for `_STEPS` steps and converts them as before."""
    network = best.ground.network
    if network is None:
        return None
    ranges = activation_ranges(best.compared.candidate.data)
    teacher, student = keras_network(network), keras_network(network, ranges)
    step = _step_of(teacher, student)
    count = min(len(context.train_set), _MOST_FRAMES)
    height, width = context.frames.shape[1:3]
    schedule = TrainingConfig(iterations=_STEPS, learning_rate=_RATE)
    rng = np.random.default_rng(context.seed)
    for number in range(_STEPS):
        places = (
            np.sort(rng.choice(count, min(_BATCH, count), replace=False)) * len(context.train_set) // count
        )
        pixels = context.train_set.stored_batch(places, ["image"])["image"]
        batch = network_input(np.stack([resize_image(image, height, width) for image in pixels]))
        rate = tf.constant(schedule.learning_rate_at(number), tf.float32)
        loss = float(step(tf.constant(batch), rate, tf.constant(number, tf.float32)))
        if not math.isfinite(loss):
            return None
    ground = ground_of(weights_of(student, network))
    compared = context.convert(ground, context.images)
    data = correct_biases(ground.float_file, compared.candidate.data, context.frames)
    corrected = context.compare(replace(compared.candidate, data=data))
    return context.mended(
        ground, corrected, f"{_STEPS} steps of quantisation-aware fine-tuning, biases corrected"
    )


def activation_ranges(int8_file: bytes) -> Mapping[int, ActivationRange]:
    """How the file stores its image (-1) and every computing operator's output."""
    file = FlatFile(int8_file)
    # An input of another type has the operator that casts it in front.
    casts = {op.inputs[0]: op.output for op in file.operators if op.type == "QUANTIZE"}
    places = {IMAGE: casts.get(file.input, file.input)}
    places |= {number: op.output for number, op in enumerate(file.computing)}
    ranges = {}
    for number, tensor in places.items():
        scales, zeros = file.scales(tensor)
        if scales.size == 1:
            ranges[number] = ActivationRange(float(scales[0]), int(zeros[0]))
    return ranges


def _step_of(teacher: Any, student: Any) -> Any:
    """A compiled step: mean over the heads of the squared difference relative to the teacher's variance."""
    variables = student.trainable_variables
    values = [v.value for v in variables]
    optimizer = AdamW(variables, TrainingConfig(weight_decay=0.0))

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def step(images: Any, rate: Any, number: Any) -> Any:
        wanted = teacher(images, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            for value in values:
                tape.watch(value)
            given = student(images, training=True)
            parts = [
                tf.reduce_mean(tf.square(given[head] - wanted[head]))
                / (tf.math.reduce_variance(wanted[head]) + 1e-12)
                for head in sorted(wanted)
            ]
            loss = tf.add_n(parts) / float(len(parts))
        optimizer.apply(tape.gradient(loss, values), rate, number)
        return loss

    return step
