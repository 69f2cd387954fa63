"""Trains one architecture: the proxy schedule of a search and the longer one of its winner are the same code."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from edgenas.datasets import Dataset, batches_of, make_pipeline
from edgenas.datasets.augmentation import Augmentation
from edgenas.errors import UsageError
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.space.architecture import Architecture
from edgenas.tasks.base import NonFiniteOutputError
from edgenas.training.config import TrainingConfig
from edgenas.training.head_bias import constant_answers, set_head_biases
from edgenas.training.session import Training, identity_of

__all__ = ["Progress", "Trainer", "TrainingResult", "predictor_of"]


@dataclass(frozen=True)
class Progress:
    """One optimiser step.

    Attributes:
        step: steps done.
        total: steps planned.
        loss: weighted loss of this step.
        history: the rows of `TrainingResult.history` so far, those of earlier sessions included.
    """

    step: int
    total: int
    loss: float
    history: Sequence[Mapping[str, float]] = ()


@dataclass(frozen=True)
class TrainingResult:
    """What became of a training run, or of a part of it.

    Attributes:
        status: "completed" or "diverged".
        reason: why it diverged, else empty.
        metrics: {task: {metric: value}} on the validation split; empty when diverged.
        history: one row every few steps: step, learning_rate, loss and each loss term before weighting.
        seconds: wall time of build, trace (with the first step), steps and evaluate.
        model: the trained network; None when diverged.
        state: what `Trainer.train` needs to go on, where the run stopped before its last step; else None.
    """

    status: str
    reason: str
    metrics: Metrics
    history: tuple[dict[str, float], ...]
    seconds: dict[str, float]
    model: Any = None
    state: bytes | None = None


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
    _paused: tuple[Training, str] | None = field(default=None, repr=False)

    def train(
        self,
        architecture: Architecture,
        config: TrainingConfig,
        *,
        checkpoint: Path | None = None,
        checkpoint_every: int = 100,
        checkpoint_seconds: float = math.inf,
        on_metrics: Callable[[int, Any, Metrics], None] | None = None,
        on_step: Callable[[Progress], None] | None = None,
        until_step: int | None = None,
        state: bytes | None = None,
    ) -> TrainingResult:
        """Trains a fresh network, or goes on from `state`, or from `checkpoint` where that file exists.

        Deterministic: the same architecture, data and configuration give the same weights, interrupted or not.
        A loss that is not finite, or that explodes, ends the run with a reason instead of an exception.

        Args:
            architecture: network to train; its tasks decide which targets are read.
            config: schedule, seed and loss weights.
            checkpoint: .npz file to write every `checkpoint_every` steps and to go on from.
            checkpoint_every: steps between checkpoints.
            checkpoint_seconds: write one after so many seconds without one, too.
            on_metrics: called with the steps done, the network as it was evaluated, and its metrics.
            on_step: called after every step.
            until_step: step of the schedule to stop after, with metrics and a state; None for the last one.
            state: `TrainingResult.state` of the part before. The trainer that gave it goes on at once, every other
                one builds the network first; the result is the same.

        Raises:
            UsageError: the data set lacks a task, the state or the checkpoint belongs to another run, or the run is
                past `until_step`.
        """
        clock = _Clock()
        training = self._begin(architecture, config, state, checkpoint)
        clock.lap("build")
        end = config.iterations if until_step is None else min(until_step, config.iterations)
        if training.steps > end:
            raise UsageError(f"The training has done {training.steps} steps. Expected at most {end}.")
        start, reason, saved = training.steps, "", time.monotonic()
        while training.steps < end and not reason:
            loss, reason = training.step()
            if training.steps == start + 1:
                clock.lap("trace")
            if reason:
                break
            if on_step is not None:
                on_step(Progress(training.steps, config.iterations, loss, training.history))
            late = time.monotonic() - saved >= checkpoint_seconds
            if checkpoint is not None and (training.steps % checkpoint_every == 0 or late):
                training.save(checkpoint)
                saved = time.monotonic()
        clock.lap("steps")
        if reason:
            return TrainingResult("diverged", reason, {}, tuple(_finite(training.history)), clock.seconds)
        history = tuple(training.history)
        finished = training.steps == config.iterations
        if finished:
            training.finish()
        try:
            with nullcontext() if finished else training.averaged():
                metrics = evaluate_outputs(
                    predictor_of(training.model), self.validation_set, architecture.tasks
                )
                if on_metrics is not None:
                    on_metrics(training.steps, training.plain_model(), metrics)
        except NonFiniteOutputError as error:
            return TrainingResult("diverged", str(error), {}, history, clock.seconds)
        clock.lap("evaluate")
        stored = None
        if not finished:
            stored = training.to_bytes()
            self._paused = (training, _digest(stored))
        return TrainingResult("completed", "", metrics, history, clock.seconds, training.model, stored)

    def _begin(
        self, architecture: Architecture, config: TrainingConfig, state: bytes | None, checkpoint: Path | None
    ) -> Training:
        paused, self._paused = self._paused, None
        if (
            state is not None
            and paused is not None
            and paused[0].identity == identity_of(architecture, config, self.train_set)
            and paused[1] == _digest(state)
        ):
            return paused[0]
        del paused  # its memory, before another network takes some
        training = Training(architecture, config, self.train_set)
        set_head_biases(training.model, self._answers(architecture.tasks))
        if state is not None:
            training.from_bytes(state)
        elif checkpoint is not None and checkpoint.exists():
            training.restore(checkpoint)
        pipeline = self._batches(architecture.tasks, config, training.steps)
        training.batches = batches_of(pipeline, self.train_set)
        return training

    def _answers(self, tasks: tuple[str, ...]) -> dict[str, Any]:
        missing = [task for task in tasks if task not in self._constants]
        self._constants.update(constant_answers(self.train_set, missing))
        return {task: self._constants[task] for task in tasks}

    def _batches(self, tasks: tuple[str, ...], config: TrainingConfig, start: int) -> Any:
        key = (tasks, config.batch_size, config.seed, config.augment, config.zoom)
        if start == 0 and key in self._pipelines:
            return self._pipelines[key]
        pipeline = make_pipeline(
            self.train_set,
            batch_size=config.batch_size,
            tasks=tasks,
            training=True,
            seed=config.seed,
            augment=config.augment,
            start_step=start,
            augmentation=Augmentation(largest_scale=config.zoom),
        )
        if start == 0:  # The others are for one run each.
            self._pipelines[key] = pipeline
        return pipeline


def predictor_of(model: Any) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A compiled function from images uint8 [B, H, W, 3] to the model's raw outputs."""

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def infer(images: Any) -> Any:
        return model(tf.cast(images, tf.float32) / 127.5 - 1.0, training=False)

    return lambda images: {task: out.numpy() for task, out in infer(tf.constant(images)).items()}


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


def _digest(state: bytes) -> str:
    return hashlib.sha256(state).hexdigest()


def _finite(history: list[dict[str, float]]) -> list[dict[str, float]]:
    """Rows without NaN or infinity, which JSON cannot hold."""
    return [row for row in history if all(math.isfinite(v) for v in row.values())]
