"""Exponential moving average of a network's weights: what a training with noisy steps hands out at its end.

The average goes over every floating-point variable of the model, moving statistics of batch normalisation included:
averaged weights with the statistics of the last step's weights would not fit together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

__all__ = ["WeightAverage"]


class WeightAverage:
    """A running average over all steps so far: a_n = d a_(n-1) + (1 - d) w_n from a_0 = 0, divided by 1 - d^n.

    The division (Adam's correction, arXiv 1412.6980, section 3) makes it a true weighted mean from the first step on:
    the fresh weights from before training have no part in it.

    Attributes:
        slots: the undivided averages: the state to store beside the step.
    """

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        self._decay = decay
        self._variables = [v.value for v in variables if v.value.dtype.is_floating]
        self.slots = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self._variables]

    def update(self) -> None:
        """Takes the present weights in; inside a `tf.function`, after the optimiser's update."""
        for variable, slot in zip(self._variables, self.slots, strict=True):
            # The raw operation: on several devices each updates its own copy, all in the same way.
            change = (slot - variable) * (1.0 - self._decay)
            tf.raw_ops.AssignSubVariableOp(resource=slot.handle, value=change)

    def write(self, steps: int) -> None:
        """Replaces the weights by their average over `steps` steps, 1 or more."""
        correction = 1.0 - self._decay**steps
        for variable, slot in zip(self._variables, self.slots, strict=True):
            variable.assign(slot / correction)

    @contextmanager
    def in_place(self, steps: int) -> Iterator[Any]:
        """Within this context the network has the averaged weights; then it has its own again."""
        own = [v.numpy() for v in self._variables]
        self.write(steps)
        try:
            yield
        finally:
            for variable, value in zip(self._variables, own, strict=True):
                variable.assign(value)
