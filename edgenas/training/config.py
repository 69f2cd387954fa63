"""`TrainingConfig`: how long and how a network is trained; the presets for trials and for the winner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.training.loss_weights import LossWeights, load_loss_weights

__all__ = [
    "PRECISIONS",
    "SCHEDULES",
    "TRAINING_PRESETS",
    "WEIGHTINGS",
    "TrainingConfig",
    "default_loss_weights",
    "load_training_preset",
]

SCHEDULES = ("cosine", "halving")
WEIGHTINGS = ("fixed", "uncertainty", "dwa")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One training run.

    Attributes:
        iterations: optimiser steps.
        batch_size: frames per step.
        learning_rate: peak rate.
        schedule: "cosine" (linear warm-up, then a half cosine to 1% of the peak) or "halving" (AdaShare: halved
            every `halve_every` steps).
        warmup_iterations: steps of the linear warm-up (cosine only).
        halve_every: steps between halvings (halving only).
        beta1: decay of Adam's first moment.
        beta2: decay of Adam's second moment.
        weight_decay: factor of the kernels' decay, decoupled from the gradient (AdamW).
        ema_decay: decay of the running average of the weights, which is what the training hands out; 0 hands out
            those of the last step.
        class_balance: how much rare classes count in the cross-entropy: a class that is the share f of the pixels has
            the weight f ** -class_balance; 0 weighs all pixels alike, 1 all classes.
        augment: flip, zoom and colour jitter.
        zoom: largest zoom of the augmentation, 1 or more.
        seed: seed of the weights, the order of the frames and the augmentation.
        loss_weights: weights of the loss terms.
        weighting: what changes these weights while it trains: "fixed" (nothing), "uncertainty" or "dwa", see
            `edgenas.training.weighting`.
        accumulate: parts into which a step's batch is cut, so that one part at a time is in memory. The gradients are
            those of the whole batch, but each part is normalised by its own batch statistics, and a loss is the mean
            of the parts' means over their own valid pixels.
        precision: "float32", or "bfloat16" or "float16" for convolutions on 16-bit hardware; weights, batch statistics
            and losses stay float32.
        devices: accelerators among which a step's batch is cut; batch statistics are those of the whole batch, a
            loss is the mean of the parts' means. Not together with `accumulate`.
    """

    iterations: int = 300
    batch_size: int = 16
    learning_rate: float = 3e-3
    schedule: str = "cosine"
    warmup_iterations: int = 20
    halve_every: int = 4000
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-4
    ema_decay: float = 0.0
    class_balance: float = 0.0
    augment: bool = True
    zoom: float = 1.5
    seed: int = 0
    loss_weights: LossWeights = field(default_factory=lambda: load_loss_weights("nyuv2/ednas+jared"))
    weighting: str = "fixed"
    accumulate: int = 1
    precision: str = "float32"
    devices: int = 1

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "halve_every", "accumulate", "devices"):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"Invalid value for `{name}`. Expected at least 1. Received {getattr(self, name)}."
                )
        if not (0.0 < self.learning_rate <= 10.0 and math.isfinite(self.learning_rate)):
            raise UsageError(
                f"Invalid value for `learning_rate`. Expected a number in (0, 10]. Received {self.learning_rate}."
            )
        for name in ("beta1", "beta2", "ema_decay"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise UsageError(
                    f"Invalid value for `{name}`. Expected [0, 1). Received {getattr(self, name)}."
                )
        if self.weight_decay < 0 or self.warmup_iterations < 0:
            raise UsageError("Invalid value for `weight_decay` or `warmup_iterations`. Expected 0 or more.")
        if not 1.0 <= self.zoom <= 4.0:
            raise UsageError(f"Invalid value for `zoom`. Expected 1 to 4. Received {self.zoom}.")
        if not 0.0 <= self.class_balance <= 1.0:
            raise UsageError(
                f"Invalid value for `class_balance`. Expected 0 to 1. Received {self.class_balance}."
            )
        if self.schedule not in SCHEDULES:
            raise unknown_name("learning-rate schedule", self.schedule, SCHEDULES)
        if self.weighting not in WEIGHTINGS:
            raise unknown_name("loss weighting", self.weighting, WEIGHTINGS)
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if self.accumulate > 1 and self.devices > 1:
            raise UsageError(
                f"`accumulate` and `devices` exclude each other. Received {self.accumulate} and {self.devices}. "
                "With several devices take more of them, or a smaller `batch_size`."
            )
        parts = self.accumulate * self.devices
        if self.batch_size % parts:
            raise UsageError(
                f"A batch of {self.batch_size} frames cannot be cut into {parts} equal parts (accumulate "
                f"{self.accumulate} times devices {self.devices}). Expected a `batch_size` that is a multiple of "
                f"{parts}."
            )

    def learning_rate_at(self, step: int) -> float:
        """Rate of step `step`, counted from 0."""
        if self.schedule == "halving":
            return self.learning_rate * 0.5 ** (step // self.halve_every)
        warmup = min(self.warmup_iterations, self.iterations // 4)
        if step < warmup:
            return self.learning_rate * (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(1, self.iterations - warmup)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))

    def for_epochs(self, epochs: float, frames: int) -> TrainingConfig:
        """The same schedule over so many passes of `frames` training frames, the last step rounded up.

        Raises:
            UsageError: `epochs` is not positive and finite.
        """
        if not (math.isfinite(epochs) and epochs > 0):
            raise UsageError(f"Invalid value for `epochs`. Expected a number above 0. Received {epochs}.")
        return replace(self, iterations=max(1, math.ceil(epochs * frames / self.batch_size)))

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; fields that old runs do not know are in it only where they change something."""
        data = {**asdict(self), "loss_weights": self.loss_weights.to_dict()}
        return {k: v for k, v in data.items() if k not in _LATER_FIELDS or v != _LATER_FIELDS[k]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingConfig:
        """Reads what `to_dict` wrote."""
        try:
            return cls(**{**data, "loss_weights": LossWeights.from_dict(data["loss_weights"])})
        except (KeyError, TypeError) as error:
            raise UsageError(f"Not a complete training configuration: {error}.") from error


_LATER_FIELDS: Mapping[str, Any] = {
    "ema_decay": 0.0,
    "class_balance": 0.0,
    "zoom": 1.5,
    "weighting": "fixed",
    "accumulate": 1,
    "precision": "float32",
    "devices": 1,
}
"""Fields that came later, with the value under which a run is the same as before them: its identity stays, too."""

TRAINING_PRESETS = {
    # Ours: batch 8 and losses in balance, so that a candidate's quality is about all of its tasks
    # (experiments/oneshot_nyuv2.md).
    "proxy": TrainingConfig(iterations=480, batch_size=8, loss_weights=load_loss_weights("nyuv2/modern")),
    # Ours: what each part gains on frames of other scenes is in experiments/modern_recipe.md.
    "modern": TrainingConfig(
        iterations=2100,
        batch_size=8,
        warmup_iterations=50,
        ema_decay=0.99,
        class_balance=0.35,
        zoom=1.25,
        loss_weights=load_loss_weights("nyuv2/modern"),
    ),
    # paper.md, field protocol: Adam(0.5, 0.999), decay 1e-4, halved every 4,000 of 20,000 iterations.
    "adashare": TrainingConfig(iterations=20_000, learning_rate=1e-3, schedule="halving", beta1=0.5),
    # paper.md, search: every candidate for 5,000 iterations; that all else is as in the final training is our choice.
    "paper-proxy": TrainingConfig(iterations=5000, learning_rate=1e-3, schedule="halving", beta1=0.5),
}
"""Schedules by name: of a candidate and of the winner here, and those of the paper."""


def load_training_preset(name: str, **changes: Any) -> TrainingConfig:
    """The preset `name` of `TRAINING_PRESETS` with the fields of `changes` replaced."""
    if name not in TRAINING_PRESETS:
        raise unknown_name("training preset", name, TRAINING_PRESETS, "edgenas train --help")
    return replace(TRAINING_PRESETS[name], **changes)


def default_loss_weights(tasks: tuple[str, ...], depth_unit: str, preset: str = "") -> str:
    """Name of the loss weights that fit: NYUv2's for metric depth or normals, Cityscapes' for inverse depth.

    Those of Table 8, but for metric depth or normals under our own training presets, "proxy" and "modern", ours:
    NYUv2's of the paper let the normals outweigh the other two tasks ten to one.
    """
    if depth_unit == "1/m" and "normals" not in tasks:
        return "cityscapes/ednas+jared"
    return "nyuv2/modern" if preset in ("proxy", "modern") else "nyuv2/ednas+jared"
