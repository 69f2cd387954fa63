"""What a study costs, told before it starts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgenas.runtime import start_tensorflow
from edgenas.studies.plan import Planned, unique
from edgenas.studies.trainings import TrainingStore

__all__ = ["Cost", "estimate_cost", "probe_seconds"]

_PROBE_STEPS = 6


@dataclass(frozen=True)
class Cost:
    """How much there is to do.

    Attributes:
        trainings: of the study.
        done: finished ones.
        training_seconds: what one takes.
        basis: where that comes from.
    """

    trainings: int
    done: int
    training_seconds: float
    basis: str

    @property
    def left(self) -> int:
        """Trainings to make."""
        return self.trainings - self.done

    @property
    def seconds_left(self) -> float:
        """Wall time of what is to do, on this machine as loaded as it is now."""
        return self.left * self.training_seconds

    def to_dict(self) -> dict[str, Any]:
        """What `--estimate-only --json` prints."""
        return {
            "trainings": self.trainings,
            "done": self.done,
            "left": self.left,
            "training_seconds": round(self.training_seconds, 1),
            "seconds_left": round(self.seconds_left),
            "basis": self.basis,
        }


def estimate_cost(store: TrainingStore, plans: Sequence[Planned]) -> Cost:
    """Counts what is finished and times the rest: by the finished ones, or by a few steps of the largest network.

    Args:
        store: where finished trainings are.
        plans: of the study.
    """
    wanted = unique(plans)
    outcomes = [store.find(plan) for plan in wanted]
    seconds = [outcome.seconds for outcome in outcomes if outcome is not None]
    if len(seconds) == len(wanted):
        return Cost(len(wanted), len(seconds), 0.0, "nothing is left to do")
    if seconds:
        return Cost(len(wanted), len(seconds), statistics.median(seconds), "median of the finished trainings")
    largest = max(wanted, key=lambda plan: len(plan.architecture.tasks))
    basis = f"{_PROBE_STEPS} steps of '{largest.label}', timed now"
    return Cost(len(wanted), 0, probe_seconds(largest), basis)


def probe_seconds(plan: Planned) -> float:
    """Seconds that a training takes, from a few of its steps and one evaluation."""
    start_tensorflow()
    from edgenas.training.trainer import Trainer

    data = plan.data.open()
    steps = min(_PROBE_STEPS, plan.config.iterations)
    trainer = Trainer(data.train, data.validation)
    seconds = trainer.train(plan.architecture, plan.config, until_step=steps).seconds
    # The first step is counted with the tracing, whose part of it is not repeated.
    step = seconds["steps"] / (steps - 1) if steps > 1 else 0.0
    evaluations = len(plan.evaluate_at) * seconds.get("evaluate", 0.0)
    return seconds["build"] + seconds["trace"] + step * (plan.config.iterations - 1) + evaluations
