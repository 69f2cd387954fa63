"""What every task gives: its truth, losses for training, metrics over a data set, decoding and pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import EdgenasError, UsageError
from edgenas.tasks.target import Target

__all__ = [
    "Accumulator",
    "Array",
    "NonFiniteOutputError",
    "Task",
    "TaskInfo",
    "Tensor",
    "invalid_argument",
    "require_rank",
    "to_rgb",
]

Array = NDArray[Any]
Tensor = Any  # a TensorFlow tensor; TensorFlow is imported only where a loss is computed


class NonFiniteOutputError(EdgenasError):
    """A network gave NaN or infinity, so none of its metrics is defined: its training diverged."""


class TaskInfo(Protocol):
    """What a task needs to know of a data set (`edgenas.datasets.DatasetInfo` has it)."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the segmentation classes, in the order of their labels."""

    @property
    def depth_unit(self) -> str:
        """Unit of depth values, "m" (metres) or "1/m" (inverse depth)."""


class Accumulator(ABC):
    """Metrics of one task over a data set: `update` with each batch, then `result`.

    Frames are taken one by one and their sums added without rounding (`math.fsum`) or as integers, so the
    result is the same, bit for bit, however the frames are ordered and split into batches.

    Attributes:
        task: name of the task, for error texts.
        channels: channels of the network's output.
        target_channels: channels of the target's last axis, or None where the target is [B, H, W].
    """

    def __init__(self, task: str, *, channels: int, target_channels: int | None = None) -> None:
        self.task = task
        self.channels = channels
        self.target_channels = target_channels

    def update(self, target: Array, output: Array) -> None:
        """Adds a batch.

        Args:
            target: truth [B, H, W] (normals: [B, H, W, 3]; depth may have a last axis of 1).
            output: the network's raw output, floating point [B, H, W, channels].

        Raises:
            UsageError: shapes or dtypes do not fit, or labels are out of range.
            NonFiniteOutputError: `output` holds NaN or infinity.
        """
        target, output = np.asarray(target), np.asarray(output)
        if output.ndim != 4 or output.shape[-1] != self.channels:
            raise invalid_argument(
                "output", f"shape [B, H, W, {self.channels}] for {self.task}", f"shape {output.shape}"
            )
        if not np.issubdtype(output.dtype, np.floating):
            raise invalid_argument(
                "output", f"a floating-point array for {self.task}", f"dtype {output.dtype}"
            )
        if self.target_channels is None and target.ndim == 4 and target.shape[-1] == 1:
            target = target[..., 0]
        expected = output.shape[:3] + (() if self.target_channels is None else (self.target_channels,))
        if target.shape != expected:
            raise invalid_argument("target", f"shape {expected} for {self.task}", f"shape {target.shape}")
        self._check_target(target)
        if not np.isfinite(output).all():
            raise NonFiniteOutputError(
                f"The network's {self.task} output holds NaN or infinity, so its metrics are undefined: "
                "the training diverged. Train again with a lower learning rate."
            )
        for frame_target, frame_output in zip(target, output, strict=True):
            self._add_frame(frame_target, frame_output)

    @abstractmethod
    def result(self) -> dict[str, float | None]:
        """Metrics over everything added so far; None where no valid pixel defines a metric, never NaN."""

    def _check_target(self, target: Array) -> None:
        """Refuses targets of a wrong dtype or range; the shape has been checked."""
        if not np.issubdtype(target.dtype, np.floating):
            raise invalid_argument(
                "target", f"a floating-point array for {self.task}", f"dtype {target.dtype}"
            )

    @abstractmethod
    def _add_frame(self, target: Array, output: Array) -> None:
        """Adds one frame of checked shape: target [H, W(, 3)], output [H, W, channels]."""


class Task(ABC):
    """One dense-prediction task: everything that the rest of the package needs to know of it.

    Attributes:
        name: name of the task and of the network's head: lower-case letters, digits and "_".
        losses: names of the loss terms, those of Table 8. Where weights and curves name them, terms of a task that a
            user added are "NAME.LOSS", such as "edges.BCE".
        default_loss_weights: weights of the terms where nobody gives them; 1 for those that are not named. The tasks
            of Table 8 do not need them.
        metrics: names of the metrics, with whether higher is better (l_j of Eq. 10): the only place where this is
            written down.
        quality_metrics: those that enter the quality and the delta metrics, each with w_ij = 1 (Eq. 6, 11).
        metric_titles: how metrics are written in tables, where it is not their name; a unit may follow as the second.
        target: how the truth is stored and transformed.
        derived_from: tasks from whose truth `derive` computes this one's, for data sets that hold those only.
    """

    name: str
    losses: tuple[str, ...]
    default_loss_weights: Mapping[str, float] = MappingProxyType({})
    metrics: Mapping[str, bool]
    quality_metrics: tuple[str, ...]
    metric_titles: Mapping[str, tuple[str, str]] = MappingProxyType({})
    target: Target
    derived_from: tuple[str, ...] = ()

    def derive(self, stored: Mapping[str, Array]) -> Array:
        """The stored truth of frames whose data set has no truth of this task, from that of `derived_from`.

        Args:
            stored: {task: stored form [N, H, W, ...]}.

        Returns:
            [N, H, W, ...] in the stored form of `target`. A pure function of its argument, frame by frame.
        """
        raise NotImplementedError(f"{type(self).__name__} names `derived_from` but has no `derive`.")

    @abstractmethod
    def constant_answer(self, truth: Array, info: TaskInfo) -> Array:
        """The raw output, one number per channel, that fits best if it may not depend on the image.

        Every head starts there, so that short trainings do not spend their steps on finding it.

        Args:
            truth: of some frames, [N, H, W, ...] as `Target.decode` gives it.
            info: the data set.

        Returns:
            Numbers [channels]; zeros where no pixel is valid.
        """

    @abstractmethod
    def output_channels(self, info: TaskInfo) -> int:
        """Channels of the head."""

    @abstractmethod
    def loss_terms(self, target: Tensor, output: Tensor, info: TaskInfo | None = None) -> dict[str, Tensor]:
        """Loss terms before weighting, each a mean over the batch's valid pixels, 0 where there is none.

        Usable inside `tf.function`; invalid pixels give neither value nor gradient, whatever they hold.

        Args:
            target: truth as the pipeline gives it ([B, H, W] int32, [B, H, W, 1] or [B, H, W, 3] float32).
            output: the network's raw output [B, H, W, channels].
            info: the data set, where a term depends on its unit (RE).

        Returns:
            {loss name: scalar float32}.
        """

    @abstractmethod
    def new_metrics(self, info: TaskInfo) -> Accumulator:
        """An empty accumulator of this task's metrics."""

    @abstractmethod
    def decode(self, output: Array) -> Array:
        """The prediction in the form of the truth, from a raw output [..., channels]."""

    @abstractmethod
    def picture(
        self, values: Array, info: TaskInfo, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.uint8]:
        """An RGB picture [H, W, 3] of a decoded prediction or of the truth; invalid pixels are black.

        Args:
            values: [H, W] or [H, W, 3].
            info: the data set.
            value_range: the values that the colours span (depth only); see `value_range`.
        """

    def value_range(self, values: Array) -> tuple[float, float] | None:
        """The range of `values`, to share between the pictures of truth and prediction; None where unused."""
        del values
        return None


def require_rank(tensor: Tensor, argument: str, expected: int, task: str) -> None:
    """Refuses a tensor of another rank, since broadcasting would give a wrong loss without an error.

    Raises:
        UsageError: the static rank is not `expected`.
    """
    rank = tensor.shape.rank
    if rank is not None and rank != expected:
        raise invalid_argument(argument, f"rank {expected} for {task}", f"shape {tuple(tensor.shape)}")


def to_rgb(values: Array) -> NDArray[np.uint8]:
    """Rounds colours in 0 to 255 to bytes."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def invalid_argument(argument: str, expected: str, received: str) -> UsageError:
    """The error for an argument that does not fit."""
    return UsageError(f"Invalid value for argument `{argument}`. Expected {expected}. Received {received}.")
