"""What is known of a search so far, kept up trial by trial: the best, how many of each kind, the hypervolume."""

from __future__ import annotations

from edgenas.search.hypervolume import Hypervolume
from edgenas.search.record import TrialRecord

__all__ = ["Tally"]


class Tally:
    """Counts finished trials, in any order. A trial costs O(size of the Pareto front), not O(trials).

    Args:
        reference_ms: latency of the reference point of the hypervolume; None without a device.

    Attributes:
        finished: trials counted.
        completed: how many of them have a reward.
        feasible: how many of the completed ones meet the target.
        rejected: how many were not trained, for what the search requires.
        pruned: how many were not trained to the end, being behind others.
        duplicates: how many took over the evaluation of an equal network.
        best: as `best_of` finds it, None while nothing is feasible.
        volume: of quality and predicted latency.
    """

    def __init__(self, reference_ms: float | None) -> None:
        self.finished = self.completed = self.feasible = self.rejected = self.pruned = self.duplicates = 0
        self.best: TrialRecord | None = None
        self.volume = Hypervolume(reference_ms)

    @property
    def failed(self) -> int:
        """Trials that failed or diverged."""
        return self.finished - self.completed - self.rejected - self.pruned

    @property
    def feasible_share(self) -> float:
        """Feasible trials among the completed ones, 0 to 1; 0 while there are none."""
        return self.feasible / self.completed if self.completed else 0.0

    def add(self, record: TrialRecord) -> None:
        """Counts a finished trial."""
        self.finished += 1
        self.completed += record.completed
        self.feasible += record.completed and record.feasible
        self.rejected += record.rejected
        self.pruned += record.pruned
        self.duplicates += record.duplicate_of is not None
        self.volume.add(record)
        if record.completed and record.feasible and (self.best is None or _rank(record) > _rank(self.best)):
            self.best = record


def _rank(record: TrialRecord) -> tuple[float, int]:
    """The earlier of equal rewards is the better one."""
    return (record.reward or 0.0, -record.number)
