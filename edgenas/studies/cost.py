"""What a study costs, told before it starts."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.runtime import start_tensorflow
from edgenas.studies.plan import Planned, unique
from edgenas.studies.trainings import TrainingStore

if TYPE_CHECKING:
    from edgenas.studies.winners import SearchPlan

__all__ = ["Cost", "estimate_cost", "estimate_searches", "probe_seconds"]

_PROBE_STEPS = 6
_NOTHING = "nothing is left to do"
_TIMED = f"{_PROBE_STEPS} steps of '{{}}', timed now"


@dataclass(frozen=True)
class Cost:
    """How much there is to do.

    Attributes:
        total: trainings of the study.
        done: finished ones.
        seconds_each: what one takes.
        basis: where that comes from.
        what: what they are, in the plural.
    """

    total: int
    done: int
    seconds_each: float
    basis: str
    what: str = "trainings"

    @property
    def left(self) -> int:
        """How many are to do."""
        return self.total - self.done

    @property
    def seconds_left(self) -> float:
        """Wall time of what is to do, on this machine as loaded as it is now."""
        return self.left * self.seconds_each

    def to_dict(self) -> dict[str, Any]:
        """What `--estimate-only --json` prints."""
        return {
            "total": self.total,
            "done": self.done,
            "left": self.left,
            "seconds_each": round(self.seconds_each, 1),
            "seconds_left": round(self.seconds_left),
            "basis": self.basis,
            "what": self.what,
        }


def estimate_cost(store: TrainingStore, plans: Sequence[Planned], *, further: int = 0) -> Cost:
    """Counts what is finished and times the rest: by the finished ones, or by a few steps of the largest network.

    Args:
        store: where finished trainings are.
        plans: of the study.
        further: trainings of the same kind that cannot be planned yet.
    """
    wanted = unique(plans)
    total = len(wanted) + further
    outcomes = [store.find(plan) for plan in wanted]
    seconds = [outcome.seconds for outcome in outcomes if outcome is not None]
    if len(seconds) == total:
        return Cost(total, total, 0.0, _NOTHING)
    if seconds:
        return Cost(total, len(seconds), statistics.median(seconds), "median of the finished ones")
    largest = max(wanted, key=lambda plan: len(plan.architecture.tasks))
    return Cost(total, 0, probe_seconds(largest), _TIMED.format(largest.label))


def estimate_searches(
    folders: Sequence[Path], plans: Sequence[SearchPlan], candidate: Callable[[], Planned]
) -> Cost:
    """The same for the candidates of searches, their baselines included; duplicates among them cost nothing.

    Args:
        folders: run folders of the searches.
        plans: the searches.
        candidate: plans the training of one candidate; called where none is finished.
    """
    from edgenas.search.config import CONFIG_FILE
    from edgenas.search.study import read_trials

    total = sum(plan.trials for plan in plans)
    done, seconds = 0, []
    for folder in folders:
        trials = read_trials(folder) if (folder / CONFIG_FILE).exists() else []
        done += len(trials)
        seconds += [
            sum(t.evaluation.seconds.values()) for t in trials if t.duplicate_of is None and t.completed
        ]
    if done >= total:
        return Cost(total, total, 0.0, _NOTHING, "candidates")
    if seconds:
        return Cost(total, done, statistics.median(seconds), "median of the finished ones", "candidates")
    plan = candidate()
    return Cost(total, done, probe_seconds(plan), _TIMED.format(plan.label), "candidates")


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
