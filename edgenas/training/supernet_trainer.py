"""Trains a weight-sharing supernet: several networks of the space a step, exactly resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from edgenas.datasets import Dataset, batches_of, make_pipeline
from edgenas.datasets.augmentation import Augmentation
from edgenas.errors import UsageError
from edgenas.networks.supernet import Supernet
from edgenas.training.checkpoint import load_checkpoint, save_checkpoint
from edgenas.training.head_bias import constant_answers
from edgenas.training.loss_weights import total_loss
from edgenas.training.optimizer import AdamW
from edgenas.training.supernet_config import Accept, SupernetConfig, networks_of_step
from edgenas.training.trainer import Progress

__all__ = ["SupernetResult", "train_supernet"]

# As in `trainer`: a loss this many times above the first one never came back.
_DIVERGED_FACTOR = 50.0


@dataclass(frozen=True)
class SupernetResult:
    """What became of a supernet training.

    Attributes:
        status: "completed" or "diverged".
        reason: why it diverged, else empty.
        history: one row every few steps: step, learning_rate, mean loss of the step's networks.
        seconds: wall time of this session.
    """

    status: str
    reason: str
    history: tuple[dict[str, float], ...]
    seconds: float


def train_supernet(
    supernet: Supernet,
    dataset: Dataset,
    config: SupernetConfig,
    *,
    accept: Accept | None = None,
    accepted: str = "",
    checkpoint: Path | None = None,
    checkpoint_every: int = 50,
    on_step: Callable[[Progress], None] | None = None,
) -> SupernetResult:
    """Trains fresh shared weights, or goes on from `checkpoint` where that file exists.

    Deterministic: the same space, data and configuration give the same weights, interrupted or not. Every step
    averages the gradients of its networks over one batch and updates once.

    Args:
        supernet: its weights are trained in place.
        dataset: frames to learn from, with all tasks of the space.
        config: schedule, seed, networks a step.
        accept: see `networks_of_step`.
        accepted: what `accept` stands for; a checkpoint made with another one is refused.
        checkpoint: .npz file to write every `checkpoint_every` steps and to go on from.
        checkpoint_every: steps between checkpoints.
        on_step: called after every step.

    Raises:
        UsageError: the data lack a task, or the checkpoint belongs to another run.
    """
    began = time.monotonic()
    run = _Run(supernet, dataset, config)
    identity = {
        "space": supernet.code.space.hash,
        "accepted": accepted,
        "config": config.to_dict(),
        "data": dataset.info.fingerprint,
    }
    start = 0
    history: list[dict[str, float]] = []
    if checkpoint is not None and checkpoint.exists():
        start, history = run.restore(checkpoint, identity)
    total, reason = config.training.iterations, ""
    if start < total:
        for step, (images, targets) in enumerate(run.batches(start), start=start):
            codes = [
                supernet.code.encode(supernet.architecture(decisions))
                for decisions in networks_of_step(supernet.code.space, config, step, accept)
            ]
            row = run.step(images, targets, codes, step)
            if step % 10 == 0 or step == total - 1:
                history.append(row)
            loss = row["loss"]
            if not math.isfinite(loss) or loss > _DIVERGED_FACTOR * max(history[0]["loss"], 1e-3):
                reason = f"loss {loss} at step {step + 1} of {total} (first loss {history[0]['loss']:.4g})"
                break
            done = step + 1
            if checkpoint is not None and (done % checkpoint_every == 0 or done == total):
                run.save(checkpoint, identity, done, history)
            if on_step is not None:
                on_step(Progress(done, total, loss))
            if done == total:
                break
    status = "diverged" if reason else "completed"
    finite = tuple(row for row in history if all(math.isfinite(v) for v in row.values()))
    return SupernetResult(status, reason, finite, time.monotonic() - began)


class _Run:
    """The compiled gradient and update, with their state."""

    def __init__(self, supernet: Supernet, dataset: Dataset, config: SupernetConfig) -> None:
        tasks = supernet.code.space.tasks
        self._config, self._dataset, self._tasks = config, dataset, tasks
        for task, answer in constant_answers(dataset, tasks).items():
            supernet.weights[f"{task}_out/bias"].assign(answer)
        variables = supernet.weights.trainable
        values = [v.value for v in variables]
        self._optimizer = AdamW(variables, config.training)
        sums = [tf.Variable(tf.zeros_like(v), trainable=False) for v in values]
        self._state = [*values, *self._optimizer.slots]

        @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
        def add_gradient(images: Any, targets: Any, code: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                outputs = supernet.forward(images, code, "train")
                loss, _ = total_loss(tasks, targets, outputs, config.training.loss_weights, info=dataset.info)
            for total, gradient in zip(sums, tape.gradient(loss, values), strict=True):
                if gradient is not None:
                    total.assign_add(gradient)
            return loss

        @tf.function(autograph=False)  # type: ignore[untyped-decorator]
        def update(share: Any, learning_rate: Any, number: Any) -> None:
            self._optimizer.apply([total * share for total in sums], learning_rate, number)
            for total in sums:
                total.assign(tf.zeros_like(total))

        self.add_gradient, self._update = add_gradient, update

    def batches(self, start: int) -> Any:
        training = self._config.training
        pipeline = make_pipeline(
            self._dataset,
            batch_size=training.batch_size,
            tasks=self._tasks,
            training=True,
            seed=training.seed,
            augment=training.augment,
            start_step=start,
            augmentation=Augmentation(largest_scale=training.zoom),
        )
        return batches_of(pipeline, self._dataset)

    def step(self, images: Any, targets: Any, codes: list[Any], step: int) -> dict[str, float]:
        """One update over the networks of `codes`."""
        rate = self._config.training.learning_rate_at(step)
        losses = [float(self.add_gradient(images, targets, tf.constant(code))) for code in codes]
        self._update(
            tf.constant(1.0 / len(codes)), tf.constant(rate, tf.float32), tf.constant(step, tf.float32)
        )
        return {"step": step + 1, "learning_rate": rate, "loss": math.fsum(losses) / len(losses)}

    def save(self, path: Path, identity: dict[str, Any], step: int, history: list[dict[str, float]]) -> None:
        save_checkpoint(
            path, [v.numpy() for v in self._state], {**identity, "step": step, "history": history}
        )

    def restore(self, path: Path, identity: dict[str, Any]) -> tuple[int, list[dict[str, float]]]:
        arrays, meta = load_checkpoint(path)
        different = [key for key, value in identity.items() if meta.get(key) != value]
        if different or [a.shape for a in arrays] != [tuple(v.shape) for v in self._state]:
            raise UsageError(
                f"The checkpoint {path} belongs to another supernet: its {', '.join(different) or 'weights'} "
                "differs. Delete it to train from the beginning, or start a new run in another folder."
            )
        for variable, array in zip(self._state, arrays, strict=True):
            variable.assign(array)
        return int(meta["step"]), list(meta["history"])
