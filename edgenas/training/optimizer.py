"""Adam with decoupled weight decay on TensorFlow's fused kernel.

Keras' optimisers compute the same update from some thirty operators per variable: with a hundred variables they
add 2 to 3 s of tracing to every candidate, about a tenth of a demo trial
(`benchmarks/trial_overhead.py`, with and without `--keras-optimizer`). The fused kernel is one operator per variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from edgenas.training.config import TrainingConfig

__all__ = ["AdamW"]


class AdamW:
    """Adam (arXiv 1412.6980) with decoupled decay of the kernels (arXiv 1711.05101).

    Attributes:
        slots: first and second moments of every variable: the state to store beside the step.
    """

    def __init__(self, variables: Sequence[keras.Variable], config: TrainingConfig) -> None:
        self._variables = [v.value for v in variables]
        # Only kernels decay: not biases, batch-norm scales and offsets, fusion weights.
        self._decays = [config.weight_decay > 0 and len(v.shape) == 4 for v in variables]
        self._config = config
        self._first = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self._variables]
        self._second = [tf.Variable(tf.zeros_like(v), trainable=False) for v in self._variables]
        self.slots = [*self._first, *self._second]

    def apply(self, gradients: Sequence[Any], learning_rate: Any, step: Any) -> None:
        """Updates the variables.

        Args:
            gradients: one per variable; None leaves it alone.
            learning_rate: scalar float32 tensor.
            step: scalar float32 tensor, 0 for the first update.
        """
        c = self._config
        beta1_power = tf.pow(c.beta1, step + 1.0)
        beta2_power = tf.pow(c.beta2, step + 1.0)
        rows = zip(self._variables, self._first, self._second, self._decays, gradients, strict=True)
        for variable, first, second, decays, gradient in rows:
            if gradient is None:
                continue
            if decays:
                # The raw operation, as below: on several devices each updates its own copy, all in the same way.
                decay = variable * (learning_rate * c.weight_decay)
                tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=decay)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=beta1_power,
                beta2_power=beta2_power,
                lr=learning_rate,
                beta1=c.beta1,
                beta2=c.beta2,
                epsilon=1e-7,
                grad=gradient,
            )
