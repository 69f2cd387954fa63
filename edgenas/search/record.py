"""`TrialRecord`: one finished trial, and the user attributes under which the study keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgenas.search.evaluation import Evaluation
from edgenas.search.objective import Latency
from edgenas.space.architecture import Architecture

__all__ = ["BASELINE", "TrialRecord"]

BASELINE = "baseline"
"""Value of `duplicate_of` where a trial drew the MT edge baseline itself."""


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial.

    Attributes:
        number: trial number, from 0.
        architecture: the network.
        latency: its predicted latency.
        feasible: whether the latency meets the target.
        evaluation: metrics, seconds, status and reason.
        quality: Q, None unless completed.
        reward: value of the objective, None unless completed.
        duplicate_of: number of the trial (or "baseline") whose evaluation was taken over, None when trained.
        ended_at: when it was stored, in seconds since 1970; None for a trial of this session. No part of its identity.
    """

    number: int
    architecture: Architecture
    latency: Latency
    feasible: bool
    evaluation: Evaluation
    quality: float | None = None
    reward: float | None = None
    duplicate_of: int | str | None = None
    ended_at: float | None = field(default=None, compare=False)

    @property
    def completed(self) -> bool:
        """Whether the trial has a reward."""
        return self.reward is not None

    @property
    def rejected(self) -> bool:
        """Whether the network was not trained, for what the search requires."""
        return self.evaluation.status == "rejected"

    @property
    def pruned(self) -> bool:
        """Whether the training was ended before its time."""
        return self.evaluation.status == "pruned"

    def to_attrs(self) -> dict[str, Any]:
        """JSON-ready user attributes."""
        return {
            "architecture": self.architecture.to_dict(),
            "architecture_hash": self.architecture.hash,
            "predicted_ms": self.latency.predicted_ms,
            "predicted_low_ms": self.latency.low_ms,
            "predicted_high_ms": self.latency.high_ms,
            "predicted_bound_ms": self.latency.bound_ms,
            **_other_devices(self.latency),
            "feasible": self.feasible,
            "duplicate_of": self.duplicate_of,
            "metrics": {task: dict(values) for task, values in self.evaluation.metrics.items()},
            "seconds": dict(self.evaluation.seconds),
            "reason": self.evaluation.reason,
            "quality": self.quality,
            "reward": self.reward,
            "status": self.evaluation.status,
        }

    @classmethod
    def from_attrs(cls, number: int, attrs: Mapping[str, Any]) -> TrialRecord:
        """Reads what `to_attrs` wrote.

        Raises:
            KeyError, TypeError, ValueError, UsageError: the attributes are not those of a finished trial.
        """
        return cls(
            number=number,
            architecture=Architecture.from_dict(attrs["architecture"], source=f"trial {number}"),
            latency=Latency(
                attrs["predicted_ms"],
                attrs["predicted_low_ms"],
                attrs["predicted_high_ms"],
                attrs["predicted_bound_ms"],
                attrs.get("worst_ratio"),
                {label: Latency(*numbers) for label, numbers in attrs.get("other_devices", {}).items()},
            ),
            feasible=bool(attrs["feasible"]),
            evaluation=Evaluation(attrs["metrics"], attrs["seconds"], attrs["status"], attrs["reason"]),
            quality=attrs["quality"],
            reward=attrs["reward"],
            duplicate_of=attrs["duplicate_of"],
        )


def _other_devices(latency: Latency) -> dict[str, Any]:
    """Label to [predicted, low, high, bound] in ms of the further devices; nothing where there are none."""
    if not latency.others:
        return {}
    others = {
        label: [other.predicted_ms, other.low_ms, other.high_ms, other.bound_ms]
        for label, other in latency.others.items()
    }
    return {"worst_ratio": latency.worst_ratio, "other_devices": others}
