"""`Ledger`: what a search knows of its finished trials, kept up to date at the same cost however many there are."""

from __future__ import annotations

from edgenas.search.evaluation import Evaluation
from edgenas.search.hypervolume import Hypervolume
from edgenas.search.record import BASELINE, TrialRecord

__all__ = ["Ledger"]


class Ledger:
    """Finished trials with their best, their counts, and what is known of each network.

    Args:
        hypervolume: empty; the trials are added to it as they end.

    Attributes:
        records: the trials in the order in which they ended.
        hypervolume: of quality and predicted latency so far.
        best: the feasible trial with the highest reward, the earliest of equal ones; None without any.
        completed: number of trials that have a reward.
        feasible: how many of those meet the target.
        failures_in_a_row: trials that failed or diverged since the last one that completed; rejected ones do not count.
        first_failure: the first of these; None without any.
    """

    def __init__(self, hypervolume: Hypervolume) -> None:
        self.records: list[TrialRecord] = []
        self.hypervolume = hypervolume
        self.best: TrialRecord | None = None
        self.completed = 0
        self.feasible = 0
        self.failures_in_a_row = 0
        self.first_failure: TrialRecord | None = None
        self._known: dict[str, tuple[int | str, Evaluation]] = {}

    def add_baseline(self, architecture_hash: str, evaluation: Evaluation) -> None:
        """Takes up the baseline: a trial that draws it is not trained."""
        self._known[architecture_hash] = (BASELINE, evaluation)

    def add(self, record: TrialRecord) -> None:
        """Takes up a finished trial."""
        self.records.append(record)
        self.hypervolume.add(record)
        if record.completed:
            self._add_completed(record)
        elif not record.rejected:
            self.failures_in_a_row += 1
            self.first_failure = self.first_failure or record
        name = record.architecture.hash
        known = self._known.get(name)
        # A failure may pass (memory, a full disk), so an equal network is tried again; a divergence does not.
        if record.evaluation.status not in ("failed", "rejected") and (known is None or known[0] == BASELINE):
            self._known[name] = (record.number, record.evaluation)

    def evaluation_of(self, architecture_hash: str) -> tuple[int | str, Evaluation] | None:
        """(trial number or "baseline", its evaluation) of an equal network that need not be trained again."""
        return self._known.get(architecture_hash)

    def forgive(self) -> None:
        """Counts failures from here on: a search that failures have stopped may be resumed."""
        self.failures_in_a_row, self.first_failure = 0, None

    def _add_completed(self, record: TrialRecord) -> None:
        self.completed += 1
        self.forgive()
        if not record.feasible:
            return
        self.feasible += 1
        best = self.best
        if best is None or _rank(record) > _rank(best):
            self.best = record


def _rank(record: TrialRecord) -> tuple[float, int]:
    return (record.reward or 0.0, -record.number)
