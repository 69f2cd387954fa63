"""Reads the trials of a run from its Optuna study."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edgenas.errors import EdgenasError, MissingDependencyError, UsageError
from edgenas.report.coerce import Metrics, as_mapping, as_metrics, as_number, as_text

__all__ = ["STUDY_NAME", "Trial", "front_of", "read_run_trials", "read_trials"]

STUDY_NAME = "edgenas"


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

    @property
    def scored(self) -> bool:
        """Whether the trial has a place in the Pareto figure."""
        return self.completed and self.quality is not None and self.predicted_ms is not None

    @property
    def completed(self) -> bool:
        """Whether the trial has a reward."""
        return self.status == "completed" and self.reward is not None


def read_run_trials(folder: Path, storage: object) -> tuple[Trial, ...]:
    """Reads every trial of a run, in order of their numbers.

    Args:
        folder: the run folder.
        storage: `storage` of its `config.json`, None for a study in the folder.

    Raises:
        UsageError: there is no study, or it is damaged.
        EdgenasError: it cannot be reached or read now.
        MissingDependencyError: Optuna, or what reads the storage, is not installed.
    """
    if storage is None:
        return read_trials(folder / "study.db")
    from edgenas.search.study import StudyUnavailable, read_frozen_trials

    try:
        return tuple(_trial(trial) for trial in read_frozen_trials(folder))
    except (UsageError, MissingDependencyError):
        raise
    except StudyUnavailable as error:
        # Nothing is wrong with the run; and a report needs no --resume.
        said = str(error).replace("then go on with --resume", "then type the same command again")
        raise EdgenasError(said) from error
    except EdgenasError as error:
        raise UsageError(str(error)) from error


def read_trials(study_file: Path) -> tuple[Trial, ...]:
    """Reads every trial of the study, in order of their numbers.

    Raises:
        UsageError: the file is no Optuna study named "edgenas".
        MissingDependencyError: Optuna is not installed.
    """
    if not study_file.is_file():
        raise UsageError(f"No study at {study_file}: the file does not exist.")
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError("optuna", "search", "Reading the trials of a run") from error
    # mode=rw never creates a file, yet can roll back what a killed search left half written. The connection is
    # ours, as SQLAlchemy would decode the quoted path of a URL once more and open another file.
    uri = f"file:{quote(str(study_file.resolve()))}?mode=rw"
    connect = {"creator": partial(sqlite3.connect, uri, uri=True, check_same_thread=False)}
    try:
        storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs=connect)
        frozen = optuna.load_study(study_name=STUDY_NAME, storage=storage).get_trials(deepcopy=False)
        storage.engine.dispose()
    except KeyError as error:
        raise UsageError(f"{study_file} holds no Optuna study named '{STUDY_NAME}'.") from error
    except Exception as error:  # SQLAlchemy, sqlite3 and Optuna each raise their own kinds for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{study_file} cannot be read as an Optuna study: {reason}") from error
    return tuple(_trial(trial) for trial in frozen)


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
