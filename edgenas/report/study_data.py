"""Reads the trials of a run from its Optuna study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.report.coerce import Metrics, as_list, as_mapping, as_metrics, as_number, as_text

__all__ = ["Trial", "front_of", "read_trials"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as the page shows it.

    Attributes:
        number: position in the study, from 0.
        status: "completed", "diverged", "failed", "rejected" (not trained, for what the search requires), "pruned",
            "running" or "waiting".
        reason: why the trial has no score, or empty.
        architecture_hash: hash of the network.
        quality: Q of paper.md, 1 for the baseline.
        reward: value of the objective.
        predicted_ms: predicted latency.
        low_ms: lower end of its interval.
        high_ms: upper end of its interval.
        feasible: whether the predicted latency meets the target.
        seconds: wall time of the trial.
        metrics: scores per task.
        duplicate_of: trial (or "baseline") whose evaluation was taken over, or empty.
        decisions: name of each active decision of the search space to what was chosen.
        others: predicted latency with the ends of its interval on each further device, by its label.
    """

    number: int
    status: str
    reason: str = ""
    architecture_hash: str = ""
    quality: float | None = None
    reward: float | None = None
    predicted_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None
    feasible: bool = False
    seconds: float | None = None
    metrics: Metrics = field(default_factory=dict)
    duplicate_of: str = ""
    decisions: dict[str, str | int | float] = field(default_factory=dict)
    others: dict[str, tuple[float | None, float | None, float | None]] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether the trial has a place in the Pareto figure."""
        return self.completed and self.quality is not None and self.predicted_ms is not None

    @property
    def completed(self) -> bool:
        """Whether the trial has a reward."""
        return self.status == "completed" and self.reward is not None

    def on(self, label: str) -> Trial:
        """The same trial with the latency predicted for another device of the search; itself where it has none."""
        if label not in self.others:
            return self
        predicted, low, high = self.others[label]
        return replace(self, predicted_ms=predicted, low_ms=low, high_ms=high)


def read_trials(folder: Path, config: Mapping[str, Any] | None = None) -> tuple[Trial, ...]:
    """Reads every trial of a run, in order of their numbers; also while it is searched.

    Args:
        folder: the run folder.
        config: content of its `config.json`, which says where the study is; without it in the folder.

    Raises:
        UsageError: there is no study, or it is damaged.
        EdgenasError: it cannot be reached or read now.
        MissingDependencyError: Optuna, or what reads the storage, is not installed.
    """
    try:
        from edgenas.search.storages.location import StudyLocation
        from edgenas.search.study import StudyUnavailable, frozen_trials_at
    except ImportError as error:
        raise MissingDependencyError("optuna", "search", "Reading the trials of a run") from error
    try:
        return tuple(_trial(trial) for trial in frozen_trials_at(StudyLocation.of(folder, config or {})))
    except (UsageError, MissingDependencyError):
        raise
    except StudyUnavailable as error:
        # Nothing is wrong with the run; and a report needs no --resume.
        said = str(error).replace("then go on with --resume", "then type the same command again")
        raise EdgenasError(said) from error
    except EdgenasError as error:
        raise UsageError(str(error)) from error


def _trial(trial: Any) -> Trial:
    attrs = trial.user_attrs
    status = as_text(attrs.get("status"))
    if trial.state.name == "COMPLETE":
        status = status or "completed"
    elif trial.state.is_finished():
        status = status if status and status != "completed" else "failed"
    else:
        status = trial.state.name.lower()
    total = as_number(as_mapping(attrs.get("seconds")).get("total"))
    if total is None and trial.duration is not None:
        total = trial.duration.total_seconds()
    reward = as_number(attrs.get("reward"))
    if (
        reward is None and trial.values and trial.state.name == "COMPLETE"
    ):  # Optuna gives pruned ones a value too.
        reward = as_number(trial.values[0])
    return Trial(
        number=trial.number,
        status=status,
        reason=as_text(attrs.get("reason")),
        architecture_hash=as_text(attrs.get("architecture_hash")),
        quality=as_number(attrs.get("quality")),
        reward=reward,
        predicted_ms=as_number(attrs.get("predicted_ms")),
        low_ms=as_number(attrs.get("predicted_low_ms")),
        high_ms=as_number(attrs.get("predicted_high_ms")),
        feasible=attrs.get("feasible") is True,
        seconds=total,
        metrics=as_metrics(attrs.get("metrics")),
        duplicate_of=as_text(attrs.get("duplicate_of")),
        decisions={
            as_text(name): choice
            for name, choice in trial.params.items()
            if isinstance(choice, str | int | float)
        },
        others={
            label: (predicted, low, high)
            for label, numbers in as_mapping(attrs.get("other_devices")).items()
            for predicted, low, high in [[as_number(n) for n in (*as_list(numbers), None, None, None)[:3]]]
        },
    )


def front_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Scored trials that no other beats in both quality and predicted latency, one per network, by latency."""
    from edgenas.search.pareto import pareto_front  # imports Optuna, as its whole room does

    networks: dict[str, Trial] = {}
    for trial in trials:
        if trial.scored:
            networks.setdefault(trial.architecture_hash or f"trial {trial.number}", trial)
    scored = list(networks.values())
    front = pareto_front([t.quality or 0.0 for t in scored], [t.predicted_ms or 0.0 for t in scored])
    return tuple(scored[index] for index in front)
