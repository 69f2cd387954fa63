"""`Training`: a network in training, with all that it takes to go on exactly, here or in another process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.datasets import Dataset
from edgenas.errors import UsageError
from edgenas.networks import build_model
from edgenas.space.architecture import Architecture
from edgenas.training.average import WeightAverage
from edgenas.training.checkpoint import load_checkpoint, pack_checkpoint, save_checkpoint, unpack_checkpoint
from edgenas.training.config import TrainingConfig
from edgenas.training.loss_weights import total_loss
from edgenas.training.optimizer import AdamW

__all__ = ["Training", "identity_of"]

# A loss this many times above the first one never came back in our trials; it ends the run early.
_DIVERGED_FACTOR = 50.0
_HISTORY_EVERY = 10


def identity_of(architecture: Architecture, config: TrainingConfig, dataset: Dataset) -> dict[str, Any]:
    """What must agree for a stored state to belong to a training run; JSON-ready."""
    return {
        "architecture": architecture.hash,
        "config": config.to_dict(),
        "data": dataset.info.fingerprint,
    }


class Training:
    """A network, its optimiser, its compiled step and the steps done.

    Attributes:
        model: the Keras model.
        identity: see `identity_of`.
        steps: optimiser steps done.
        history: one row every few steps: step, learning_rate, loss and each loss term before weighting.
        batches: where the next batch comes from; belongs to whoever takes the steps.
    """

    def __init__(self, architecture: Architecture, config: TrainingConfig, dataset: Dataset) -> None:
        self.model = build_model(architecture, seed=config.seed)
        self.identity = identity_of(architecture, config, dataset)
        self.steps = 0
        self.history: list[dict[str, float]] = []
        self.batches: Iterator[Any] = iter(())
        self._config = config
        variables = self.model.trainable_variables
        self._optimizer = AdamW(variables, config)
        self._average = (
            WeightAverage(self.model.variables, config.ema_decay) if config.ema_decay > 0.0 else None
        )
        self._state = [v.value for v in self.model.variables] + self._optimizer.slots
        if self._average is not None:
            self._state += self._average.slots
        values = [v.value for v in variables]

        @tf.function(autograph=False)  # type: ignore[untyped-decorator]
        def step(images: Any, targets: Any, learning_rate: Any, number: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                outputs = self.model(images, training=True)
                loss, terms = total_loss(
                    architecture.tasks, targets, outputs, config.loss_weights, info=dataset.info
                )
            self._optimizer.apply(tape.gradient(loss, values), learning_rate, number)
            if self._average is not None:
                self._average.update()
            return {"loss": loss, **terms}

        self._step = step

    def step(self) -> tuple[float, str]:
        """One update from the next batch.

        Returns:
            The loss, and why the training cannot go on; "" where it can.
        """
        rate = self._config.learning_rate_at(self.steps)
        losses = self._step(
            *next(self.batches), tf.constant(rate, tf.float32), tf.constant(self.steps, tf.float32)
        )
        row = {"step": self.steps + 1, "learning_rate": rate, **{k: float(v) for k, v in losses.items()}}
        last = self.steps == self._config.iterations - 1
        if self.steps % _HISTORY_EVERY == 0 or last:
            self.history.append(row)
        self.steps += 1
        loss, first = row["loss"], self.history[0]["loss"]
        if math.isfinite(loss) and loss <= _DIVERGED_FACTOR * max(first, 1e-3):
            return loss, ""
        where = f"at step {self.steps} of {self._config.iterations}"
        return loss, f"loss {loss} {where} (first loss {first:.4g})"

    def averaged(self) -> AbstractContextManager[Any]:
        """Within this context the model has its averaged weights, where the schedule averages; not for steps."""
        if self._average is None or not self.steps:
            return nullcontext()
        return self._average.in_place(self.steps)

    def finish(self) -> None:
        """Gives the model its averaged weights for good, where the schedule averages: after the last step."""
        if self._average is not None and self.steps:
            self._average.write(self.steps)

    def save(self, path: Path) -> None:
        """Stores weights, moving statistics, optimiser slots, averages, the steps and the history."""
        save_checkpoint(path, self._arrays(), self._meta())

    def restore(self, path: Path) -> None:
        """Takes up what `save` stored.

        Raises:
            UsageError: the file is damaged or of another training run.
        """
        advice = "Give the options of that run, choose another folder, or delete the checkpoint."
        self._take(*load_checkpoint(path), f"The checkpoint {path}", advice)

    def to_bytes(self) -> bytes:
        """The same as `save` stores, to be sent to another process."""
        return pack_checkpoint(self._arrays(), self._meta())

    def from_bytes(self, state: bytes) -> None:
        """Takes up what `to_bytes` gave.

        Raises:
            UsageError: it is damaged or of another training run.
        """
        self._take(*unpack_checkpoint(state), "The state", "Start the training from the beginning.")

    def _arrays(self) -> list[np.ndarray]:
        return [v.numpy() for v in self._state]

    def _meta(self) -> dict[str, Any]:
        return {**self.identity, "step": self.steps, "history": self.history}

    def _take(self, arrays: list[np.ndarray], meta: dict[str, Any], what: str, advice: str) -> None:
        different = [key for key, value in self.identity.items() if meta.get(key) != value]
        if different or [a.shape for a in arrays] != [tuple(v.shape) for v in self._state]:
            raise UsageError(
                f"{what} belongs to another training run: its {', '.join(different) or 'network'} differs. {advice}"
            )
        for variable, array in zip(self._state, arrays, strict=True):
            variable.assign(array)
        self.steps, self.history = int(meta["step"]), list(meta["history"])
