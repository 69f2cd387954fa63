"""`Training`: a network in training, with all that it takes to go on exactly, here or in another process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.datasets import Dataset
from edgenas.datasets.pipeline import frames_of_step
from edgenas.errors import UsageError
from edgenas.networks import build_model
from edgenas.space.architecture import Architecture
from edgenas.training.average import WeightAverage
from edgenas.training.checkpoint import load_checkpoint, pack_checkpoint, save_checkpoint, unpack_checkpoint
from edgenas.training.class_balance import balanced_info
from edgenas.training.config import TrainingConfig
from edgenas.training.devices import strategy_for
from edgenas.training.diagnosis import why_not_finite
from edgenas.training.optimizer import AdamW
from edgenas.training.precision import LossScale, precision
from edgenas.training.step import StepParts, make_step
from edgenas.training.weighting import make_weighting

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
        self.identity = identity_of(architecture, config, dataset)
        self.steps = 0
        self.history: list[dict[str, float]] = []
        self.batches: Iterator[Any] = iter(())
        self._architecture, self._config, self._dataset = architecture, config, dataset
        self._first_loss = 0.0
        weight_of = config.loss_weights.of_tasks(architecture.tasks)
        names = [term for term, weight in weight_of.items() if weight > 0.0]
        self._scale = LossScale(config.precision)
        strategy = strategy_for(config.devices)
        with strategy.scope(), precision(config.precision):
            self.model = build_model(architecture, seed=config.seed)
            self._weighting = make_weighting(config.weighting, names, -(-len(dataset) // config.batch_size))
            variables = [*self.model.trainable_variables, *self._weighting.variables]
            self._optimizer = AdamW(variables, config)
            self._average = (
                WeightAverage(self.model.variables, config.ema_decay) if config.ema_decay > 0.0 else None
            )
        self._state = [v.value for v in self.model.variables] + self._optimizer.slots
        if self._average is not None:
            self._state += self._average.slots
        self._state += [v.value for v in self._weighting.variables]
        self._step = make_step(
            StepParts(
                self.model,
                architecture.tasks,
                balanced_info(dataset, config.class_balance),
                config,
                self._weighting,
                variables,
                self._optimizer,
                self._average,
                strategy,
            )
        )

    def step(self) -> tuple[float, str]:
        """One update from the next batch.

        Returns:
            The loss, and why the training cannot go on; "" where it can.
        """
        rate = self._config.learning_rate_at(self.steps)
        batch = next(self.batches)
        told = self._step(
            *batch,
            tf.constant(rate, tf.float32),
            tf.constant(self.steps, tf.float32),
            tf.constant(self._scale.value, tf.float32),
            self._weighting.inputs(),
        )
        finite = bool(told.pop("finite"))
        losses = {name: float(value) for name, value in told.items()}
        factors = {f"factor {name}": value for name, value in self._weighting.present().items()}
        row = {"step": self.steps + 1, "learning_rate": rate, **losses, **factors}
        last = self.steps == self._config.iterations - 1
        if self.steps % _HISTORY_EVERY == 0 or last:
            self.history.append(row)
        loss = losses["loss"]
        self._first_loss = self._first_loss or loss  # That of a batch without a valid pixel is 0.
        where = f"loss {loss} at step {self.steps + 1} of {self._config.iterations}"
        where += f" (first loss {self._first_loss:.4g})"
        if not self._scale.told(finite):
            return loss, f"{where}. {self._look(batch)}"
        self.steps += 1
        if finite:
            self._weighting.observe(self.steps - 1, losses)
        if loss > _DIVERGED_FACTOR * max(self._first_loss, 1e-3):
            return loss, where
        return loss, ""

    def _look(self, batch: tuple[Any, Any]) -> str:
        """Why the step on `batch` gave a number that is not finite."""
        config = self._config
        frames = frames_of_step(
            self._dataset, batch_size=config.batch_size, seed=config.seed, step=self.steps
        )
        told = why_not_finite(self.model, self._architecture.tasks, self._dataset.info, batch, frames)
        if config.precision != "float32":
            told += f" It may be the precision: train without --mixed-precision {config.precision}."
        return told

    def averaged(self) -> AbstractContextManager[Any]:
        """Within this context the model has its averaged weights, where the schedule averages; not for steps."""
        if self._average is None or not self.steps:
            return nullcontext()
        return self._average.in_place(self.steps)

    def finish(self) -> None:
        """Gives the model its averaged weights for good, where the schedule averages: after the last step.

        The model is one in float32 on one device then, however it was trained.
        """
        if self._average is not None and self.steps:
            self._average.write(self.steps)
        self.model = self.plain_model()

    def plain_model(self) -> Any:
        """The model in float32 on one device: itself, or a copy where it is trained in another way."""
        if self._config.precision == "float32" and self._config.devices == 1:
            return self.model
        copy = build_model(self._architecture, seed=self._config.seed)
        copy.set_weights(self.model.get_weights())
        return copy

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
        extra = {"weighting": self._weighting.state(), "scale": self._scale.state()}
        return {
            **self.identity,
            "step": self.steps,
            "history": self.history,
            "first_loss": self._first_loss,
            **{name: state for name, state in extra.items() if state},
        }

    def _take(self, arrays: list[np.ndarray], meta: dict[str, Any], what: str, advice: str) -> None:
        different = [key for key, value in self.identity.items() if meta.get(key) != value]
        if different or [a.shape for a in arrays] != [tuple(v.shape) for v in self._state]:
            raise UsageError(
                f"{what} belongs to another training run: its {', '.join(different) or 'network'} differs. {advice}"
            )
        for variable, array in zip(self._state, arrays, strict=True):
            variable.assign(array)
        self.steps, self.history = int(meta["step"]), list(meta["history"])
        self._first_loss = float(meta.get("first_loss", self.history[0]["loss"] if self.history else 0.0))
        if "weighting" in meta:
            self._weighting.take(meta["weighting"])
        self._scale.take(meta.get("scale", {}))
