"""What a running search tells its caller, for progress and logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgenas.search.record import TrialRecord
from edgenas.search.tally import Tally

__all__ = [
    "BaselineDone",
    "BaselineStarted",
    "Event",
    "EventHandler",
    "Remark",
    "SearchPaused",
    "SearchStarted",
    "StageProgress",
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
class SearchStarted:
    """The trials begin, or go on.

    Attributes:
        total: trials of the whole search.
        capacity: trials that may run at once.
        target_ms: latency target, None for none.
        reference_ms: latency of the reference point of the hypervolume, None without a device.
        records: trials that earlier sessions finished, by rising number.
    """

    total: int
    capacity: int
    target_ms: float | None
    reference_ms: float | None
    records: tuple[TrialRecord, ...]


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
    """A trial ended and is stored. Counts and shares are of all trials so far, those of earlier sessions included.

    Attributes:
        record: the trial.
        total: trials of the whole search.
        done: trials finished.
        failed: how many of them failed or diverged.
        rejected: how many were not trained, for what the search requires.
        pruned: how many were not trained to the end, being behind others.
        duplicates: how many took over the evaluation of an equal network.
        feasible_share: feasible trials among the completed ones, 0 to 1.
        best: the best feasible trial, None when there is none.
        hypervolume: of quality and predicted latency, see `edgenas.search.hypervolume`; None without a device.
        seconds: wall time of this trial.
        eta_seconds: expected time for the rest, see `edgenas.search.eta`; None while nothing is known.
    """

    record: TrialRecord
    total: int
    done: int
    failed: int
    rejected: int
    pruned: int
    duplicates: int
    feasible_share: float
    best: TrialRecord | None
    hypervolume: float | None
    seconds: float
    eta_seconds: float | None

    @classmethod
    def of(
        cls, record: TrialRecord, tally: Tally, *, total: int, seconds: float, eta_seconds: float | None
    ) -> TrialDone:
        """The event of a trial that `tally` has counted."""
        return cls(
            record=record,
            total=total,
            done=tally.finished,
            failed=tally.failed,
            rejected=tally.rejected,
            pruned=tally.pruned,
            duplicates=tally.duplicates,
            feasible_share=tally.feasible_share,
            best=tally.best,
            hypervolume=tally.volume.value,
            seconds=seconds,
            eta_seconds=eta_seconds,
        )


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


@dataclass(frozen=True)
class SearchPaused:
    """The study cannot be written for a reason that may pass; the search tries again until it can.

    Attributes:
        reason: what happened and what helps.
        limit_seconds: how long the search waits before it ends; it can be resumed then.
    """

    reason: str
    limit_seconds: float


@dataclass(frozen=True)
class Remark:
    """Something worth telling that belongs to no trial.

    Attributes:
        text: one sentence for the user.
    """

    text: str


@dataclass(frozen=True)
class StageProgress:
    """A stage before or after the trials goes on, such as the training of a supernet.

    Attributes:
        stage: what it is called, e.g. "supernet".
        done: steps done.
        total: steps of the stage.
        remark: how it stands.
        eta_seconds: expected time for the rest, None while nothing is known.
    """

    stage: str
    done: int
    total: int
    remark: str
    eta_seconds: float | None


Event = (
    BaselineStarted
    | BaselineDone
    | SearchStarted
    | StageProgress
    | TrialStarted
    | TrialDone
    | WorkerLost
    | SearchPaused
    | Remark
)
EventHandler = Callable[[Event], None]
