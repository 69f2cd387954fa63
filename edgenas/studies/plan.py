"""`Planned`: one training of a study; equal ones of several studies are one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from edgenas.space import Architecture, load_space
from edgenas.space.named import named_architecture
from edgenas.space.shipped import SHIPPED_ARCHITECTURES
from edgenas.training.config import TrainingConfig
from edgenas.training.loss_weights import LossWeights
from edgenas.workflow.data import DataRequest, OpenData

__all__ = ["Planned", "StudySetup", "late_steps", "unique"]

_LATE_SHARE = 0.2
_LATE_COUNT = 5
_ENOUGH_SEEDS = 5
_TOO_FEW = ", too narrow to be trusted with so few"

# Fields of `TrainingConfig` when the first study was made; further ones are part of a key where they are not at their
# default.
_FIRST_FIELDS = frozenset({
    "iterations", "batch_size", "learning_rate", "schedule", "warmup_iterations", "halve_every",
    "beta1", "beta2", "weight_decay", "augment", "seed",
})  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """One training of a study.

    Attributes:
        label: what it is in its study, e.g. "CE .5, L1 1".
        architecture: network to train; its heads are the tasks.
        config: schedule, seed and loss weights.
        data: which data.
        fingerprints: of both splits of these data.
    """

    label: str
    architecture: Architecture
    config: TrainingConfig
    data: DataRequest
    fingerprints: tuple[str, str]

    @property
    def evaluate_at(self) -> tuple[int, ...]:
        """Steps whose metrics are kept, the last one included: a function of the schedule, so that studies share."""
        return late_steps(self.config.iterations)

    @property
    def loss_weights(self) -> dict[str, float]:
        """{loss term: weight} of what counts; of a task that a user added its default weights, too."""
        given = self.config.loss_weights
        weights = {**given.by_loss(), **given.of_tasks(self.architecture.tasks)}
        return {term: weight for term, weight in weights.items() if weight}

    @cached_property
    def key(self) -> str:
        """Name of its folder: the same for the same architecture, configuration, data and evaluations."""
        made_from = {
            "architecture": self.architecture.to_dict(),
            "config": {**_config_key(self.config), "loss_weights": self.loss_weights},
            "data": self.fingerprints,
            "evaluate_at": self.evaluate_at,
        }
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]


def _config_key(config: TrainingConfig) -> dict[str, Any]:
    """The configuration without its loss weights.

    Fields which later versions add leave the keys of earlier trainings as they are.
    """
    values = {field.name: (getattr(config, field.name), field.default) for field in fields(config)}
    del values["loss_weights"]
    return {n: value for n, (value, default) in values.items() if n in _FIRST_FIELDS or value != default}


def late_steps(iterations: int) -> tuple[int, ...]:
    """Five evenly spaced steps over the last fifth of a schedule, the last step included; fewer of a tiny schedule."""
    spacing = _LATE_SHARE * iterations / _LATE_COUNT
    steps = {iterations - round(spacing * back) for back in range(_LATE_COUNT)}
    return tuple(sorted(step for step in steps if step >= 1))


def unique(plans: Iterable[Planned]) -> list[Planned]:
    """Each training once, in the order of the first mention."""
    return list({plan.key: plan for plan in reversed(list(plans))}.values())[::-1]


@dataclass(frozen=True, kw_only=True)
class StudySetup:
    """What all trainings of a study have in common.

    Attributes:
        data: which data; its tasks are replaced by those of each training.
        architecture: name of an architecture, see `named_architecture`, or a .json file.
        space: search space of a named architecture.
        config: schedule; seed and loss weights are replaced.
        schedule: name of the schedule, for the record.
        seeds: number of seeds, 0 to seeds - 1.
    """

    data: DataRequest
    architecture: str | None
    space: str
    config: TrainingConfig
    schedule: str
    seeds: int

    def plan(
        self,
        label: str,
        tasks: Sequence[str],
        weights: LossWeights,
        seed: int,
        architecture: Architecture | None = None,
    ) -> Planned:
        """One training.

        Args:
            label: what it is in its study.
            tasks: tasks to train.
            weights: loss weights.
            seed: seed of the weights, the order of the frames and the augmentation.
            architecture: network with at least these tasks; that of the study when None.

        Raises:
            UsageError: the data lack a task, or the architecture does not exist or does not fit.
        """
        data = self.open(tasks)
        network = architecture or self.network(data)
        fingerprints = (data.train.info.fingerprint, data.validation.info.fingerprint)
        config = replace(self.config, seed=seed, loss_weights=weights)
        return Planned(label, network.with_tasks(tasks), config, data.request, fingerprints)

    def open(self, tasks: Sequence[str] | None) -> OpenData:
        """The data with these tasks; with those of `data` when None."""
        request = self.data if tasks is None else replace(self.data, tasks=tuple(sorted(tasks)))
        return request.open()

    def network(self, data: OpenData) -> Architecture:
        """The architecture of the study with the heads that the data need.

        Raises:
            UsageError: there is no such architecture, or it does not fit.
        """
        info = data.train.info
        space = load_space(self.space, data.tasks)
        return named_architecture(
            self.architecture or space.baseline_name,
            space,
            input_shape=(info.height, info.width),
            head_channels=info.head_channels,
        )

    def sentence(self) -> str:
        """What was trained on what, in one sentence."""
        data = self.open(None)
        info = data.train.info
        name = self.architecture or load_space(self.space, data.tasks).baseline_name
        origin = "" if name in SHIPPED_ARCHITECTURES else f" of the space {Path(self.space).name}"
        return (
            f"{name}{origin}, trained on {len(data.train)} frames of {info.name} at {info.height}x"
            f"{info.width}; every number is on the {len(data.validation)} validation frames. {self.config.iterations} "
            f"steps of {self.config.batch_size} frames by the schedule {Path(self.schedule).name}; "
            f"{self.seeds} seed{'s' if self.seeds > 1 else ''}, "
            f"95% bootstrap intervals over them{'' if self.seeds >= _ENOUGH_SEEDS else _TOO_FEW}."
        )

    def describe(self) -> dict[str, Any]:
        """For the record, JSON-ready."""
        info = self.open(None).train.info
        return {
            "data": self.data.source,
            "data_name": info.name,
            "depth_unit": info.depth_unit,
            "height": info.height,
            "width": info.width,
            "train_frames": len(self.open(None).train),
            "validation_frames": len(self.open(None).validation),
            "architecture": self.architecture or "baseline of the space",
            "space": self.space,
            "schedule": self.schedule,
            "config": self.config.to_dict(),
            "seeds": self.seeds,
            "late_steps": list(late_steps(self.config.iterations)),
        }
