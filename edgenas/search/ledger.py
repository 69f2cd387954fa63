"""`Ledger`: what a search knows of its finished trials, kept up to date at the same cost however many there are."""

from __future__ import annotations

from edgenas.search.evaluation import Evaluation
from edgenas.search.record import BASELINE, TrialRecord
from edgenas.search.tally import Tally

__all__ = ["Ledger"]


class Ledger:
    """Finished trials with their counts, and what is known of each network.

    Args:
        reference_ms: latency of the reference point of the hypervolume; None without a device.

    Attributes:
        records: the trials in the order in which they ended.
        tally: their best, their counts and their hypervolume.
        failures_in_a_row: trials that failed or diverged since the last one that completed or was pruned; rejected
            ones do not count.
        first_failure: the first of these; None without any.
    """

    def __init__(self, reference_ms: float | None) -> None:
        self.records: list[TrialRecord] = []
        self.tally = Tally(reference_ms)
        self.failures_in_a_row = 0
        self.first_failure: TrialRecord | None = None
        self._known: dict[str, tuple[int | str, Evaluation]] = {}

    def add_baseline(self, architecture_hash: str, evaluation: Evaluation) -> None:
        """Takes up the baseline: a trial that draws it is not trained."""
        self._known[architecture_hash] = (BASELINE, evaluation)

    def add(self, record: TrialRecord) -> None:
        """Takes up a finished trial."""
        self.records.append(record)
        self.tally.add(record)
        if record.completed or record.pruned:
            self.forgive()
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
