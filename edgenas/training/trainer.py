"""Trains one architecture: the proxy schedule of a search and the longer one of its winner are the same code."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.datasets import Dataset, make_pipeline
from edgenas.errors import UsageError
from edgenas.networks import build_model
from edgenas.space.architecture import Architecture
from edgenas.tasks.base import NonFiniteOutputError
from edgenas.training.checkpoint import load_checkpoint, save_checkpoint
from edgenas.training.config import TrainingConfig
from edgenas.training.evaluate import Metrics, evaluate_outputs
from edgenas.training.head_bias import constant_answers, set_head_biases
from edgenas.training.loss_weights import total_loss
from edgenas.training.optimizer import AdamW

__all__ = ["Progress", "Trainer", "TrainingResult", "predictor_of"]

# A loss this many times above the first one never came back in our trials; it ends the run early.
_DIVERGED_FACTOR = 50.0


@dataclass(frozen=True)
class Progress:
    """One optimiser step.

    Attributes:
        step: steps done.
        total: steps planned.
        loss: weighted loss of this step.
    """

    step: int
    total: int
    loss: float


@dataclass(frozen=True)
class TrainingResult:
    """What became of a training run.

    Attributes:
        status: "completed" or "diverged".
        reason: why it diverged, else empty.
        metrics: {task: {metric: value}} on the validation split; empty when diverged.
        history: one row every few steps: step, learning_rate, loss and each loss term before weighting.
        seconds: wall time of build, trace (with the first step), steps and evaluate.
        model: the trained network; None when diverged.
    """

    status: str
    reason: str
    metrics: Metrics
    history: tuple[dict[str, float], ...]
    seconds: dict[str, float]
    model: Any = None


@dataclass
class Trainer:
    """Trains architectures on one data set; the input pipelines are made once and shared.

    Attributes:
        train_set: frames to learn from.
        validation_set: frames to score on.
    """

    train_set: Dataset
    validation_set: Dataset
    _pipelines: dict[tuple[Any, ...], Any] = field(default_factory=dict, repr=False)
    _constants: dict[str, Any] = field(default_factory=dict, repr=False)

    def train(
        self,
        architecture: Architecture,
        config: TrainingConfig,
        *,
        checkpoint: Path | None = None,
        checkpoint_every: int = 100,
        on_step: Callable[[Progress], None] | None = None,
    ) -> TrainingResult:
        """Trains a fresh network, or goes on from `checkpoint` where that file exists.

        Deterministic: the same architecture, data and configuration give the same weights, interrupted or not.
        A loss that is not finite, or that explodes, ends the run with a reason instead of an exception.

        Args:
            architecture: network to train; its tasks decide which targets are read.
            config: schedule, seed and loss weights.
            checkpoint: .npz file to write every `checkpoint_every` steps and to go on from.
            checkpoint_every: steps between checkpoints.
            on_step: called after every step.

        Raises:
            UsageError: the data set lacks a task, or the checkpoint belongs to another run.
        """
        clock = _Clock()
        run = _Run(architecture, config, self.train_set)
        set_head_biases(run.model, self._answers(architecture.tasks))
        identity = {
            "architecture": architecture.hash,
            "config": config.to_dict(),
            "data": self.train_set.info.fingerprint,
        }
        start = 0
        history: list[dict[str, float]] = []
        if checkpoint is not None and checkpoint.exists():
            start, history = run.restore(checkpoint, identity)
        clock.lap("build")
        reason = ""
        for step, batch in enumerate(self._batches(architecture.tasks, config, start), start=start):
            if step >= config.iterations:
                break
            row = run.step(batch, step)
            loss = row["loss"]
            if step % 10 == 0 or step == config.iterations - 1:
                history.append(row)
            if step == start:
                clock.lap("trace")
            first = history[0]["loss"]
            if not math.isfinite(loss) or loss > _DIVERGED_FACTOR * max(first, 1e-3):
                reason = f"loss {loss} at step {step + 1} of {config.iterations} (first loss {first:.4g})"
                break
            if on_step is not None:
                on_step(Progress(step + 1, config.iterations, loss))
            if checkpoint is not None and (step + 1) % checkpoint_every == 0:
                run.save(checkpoint, identity, step + 1, history)
        clock.lap("steps")
        if reason:
            return TrainingResult("diverged", reason, {}, tuple(_finite(history)), clock.seconds)
        try:
            metrics = evaluate_outputs(predictor_of(run.model), self.validation_set, architecture.tasks)
        except NonFiniteOutputError as error:
            return TrainingResult("diverged", str(error), {}, tuple(history), clock.seconds)
        clock.lap("evaluate")
        return TrainingResult("completed", "", metrics, tuple(history), clock.seconds, run.model)

    def _answers(self, tasks: tuple[str, ...]) -> dict[str, Any]:
        missing = [task for task in tasks if task not in self._constants]
        self._constants.update(constant_answers(self.train_set, missing))
        return {task: self._constants[task] for task in tasks}

    def _batches(self, tasks: tuple[str, ...], config: TrainingConfig, start: int) -> Any:
        key = (tasks, config.batch_size, config.seed, config.augment, start)
        if key not in self._pipelines:
            self._pipelines[key] = make_pipeline(
                self.train_set,
                batch_size=config.batch_size,
                tasks=tasks,
                training=True,
                seed=config.seed,
                augment=config.augment,
                start_step=start,
            )
        return self._pipelines[key]


def predictor_of(model: Any) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A compiled function from images uint8 [B, H, W, 3] to the model's raw outputs."""

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def infer(images: Any) -> Any:
        return model(tf.cast(images, tf.float32) / 127.5 - 1.0, training=False)

    return lambda images: {task: out.numpy() for task, out in infer(tf.constant(images)).items()}


class _Run:
    """A network, its optimiser and the compiled step."""

    def __init__(self, architecture: Architecture, config: TrainingConfig, dataset: Dataset) -> None:
        self.model = build_model(architecture, seed=config.seed)
        self._config = config
        variables = self.model.trainable_variables
        self._optimizer = AdamW(variables, config)
        self._state = [v.value for v in self.model.variables] + self._optimizer.slots
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
            return {"loss": loss, **terms}

        self._step = step

    def step(self, batch: Any, step: int) -> dict[str, float]:
        """One update; returns the loss and its terms."""
        rate = self._config.learning_rate_at(step)
        losses = self._step(*batch, tf.constant(rate, tf.float32), tf.constant(step, tf.float32))
        return {"step": step + 1, "learning_rate": rate, **{k: float(v) for k, v in losses.items()}}

    def save(self, path: Path, identity: dict[str, Any], step: int, history: list[dict[str, float]]) -> None:
        """Stores weights, moving statistics, optimiser slots, the step and the history."""
        save_checkpoint(
            path, [v.numpy() for v in self._state], {**identity, "step": step, "history": history}
        )

    def restore(self, path: Path, identity: dict[str, Any]) -> tuple[int, list[dict[str, float]]]:
        """Takes up the stored state; returns the steps done and the history."""
        arrays, meta = load_checkpoint(path)
        different = [key for key, value in identity.items() if meta.get(key) != value]
        if different or [a.shape for a in arrays] != [tuple(v.shape) for v in self._state]:
            raise UsageError(
                f"The checkpoint {path} belongs to another training run: its {', '.join(different) or 'network'} "
                "differs. Give the options of that run, choose another folder, or delete the checkpoint."
            )
        for variable, array in zip(self._state, arrays, strict=True):
            variable.assign(array)
        return int(meta["step"]), list(meta["history"])


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def _finite(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Rows without NaN or infinity, which JSON cannot hold."""
    return [row for row in history if all(math.isfinite(v) for v in row.values())]
