"""What a running search tells its caller, for progress and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "BaselineDone",
    "BaselineStarted",
    "Event",
    "EventHandler",
    "TrialDone",
    "TrialStarted",
    "WorkerLost",
]


@dataclass(frozen=True)
class BaselineStarted:
    """The MT edge baseline is being trained.

    Attributes:
        predicted_ms: its predicted latency, None without a device.
    """

    predicted_ms: float | None


@dataclass(frozen=True)
class BaselineDone:
    """The baseline is there.

    Attributes:
        predicted_ms: its predicted latency, None without a device.
        seconds: wall time, 0 when it was read from the run folder.
        reused: whether it was read from the run folder.
    """

    predicted_ms: float | None
    seconds: float
    reused: bool


@dataclass(frozen=True)
class TrialStarted:
    """A trial begins.

    Attributes:
        number: trial number, from 0.
        total: trials of the whole search.
        architecture_hash: the network.
        predicted_ms: its predicted latency, None without a device.
        repeated: whether the trial was begun before and cut short.
    """

    number: int
    total: int
    architecture_hash: str
    predicted_ms: float | None
    repeated: bool


@dataclass(frozen=True)
class TrialDone:
    """A trial ended and is stored.

    Attributes:
        number: trial number, from 0.
        total: trials of the whole search.
        done: trials finished so far, those of earlier sessions included.
        status: "completed", "diverged", "failed" or "rejected".
        reason: why it has no result, or empty.
        reward: None without a result.
        quality: None without a result.
        predicted_ms: predicted latency, None without a device.
        feasible: whether the latency meets the target.
        duplicate: whether the evaluation of an equal network was taken over.
        best_number: the best feasible trial so far, None when there is none.
        best_reward: its reward.
        best_quality: its quality.
        best_predicted_ms: its predicted latency.
        hypervolume: of quality and predicted latency so far, see `edgenas.search.hypervolume`; None without a device.
        feasible_share: feasible trials among the completed ones, 0 to 1.
        seconds: wall time of this trial.
        eta_seconds: expected time for the rest, from this session's mean.
    """

    number: int
    total: int
    done: int
    status: str
    reason: str
    reward: float | None
    quality: float | None
    predicted_ms: float | None
    feasible: bool
    duplicate: bool
    best_number: int | None
    best_reward: float | None
    best_quality: float | None
    best_predicted_ms: float | None
    hypervolume: float | None
    feasible_share: float
    seconds: float
    eta_seconds: float


@dataclass(frozen=True)
class WorkerLost:
    """The worker of a trial was killed, crashed, or went with its machine.

    Attributes:
        number: trial number, from 0; -1 for the baseline.
        reason: how it was lost.
        again: whether the trial is given out again; otherwise it has failed.
    """

    number: int
    reason: str
    again: bool


Event = BaselineStarted | BaselineDone | TrialStarted | TrialDone | WorkerLost
EventHandler = Callable[[Event], None]
