"""Successive halving: a candidate that is behind after a part of its schedule is not trained to the end.

A trial is trained rung by rung. At each one its reward is told to Optuna's `SuccessiveHalvingPruner`, which compares
it with whatever has come so far (asynchronous successive halving, arXiv 1810.05934): only the best 1/factor of all that
reached the rung go on. Workers know nothing of each other, so the driver decides and hands the state of the training
from job to job.

What holds of a pruned trial:

- Its reward under the whole schedule is not known. So it has none, is never recommended, is not on the Pareto front
  and not in the population of evolution, which would compare rewards of different schedules. It used up its number.
- An equal network is pruned again without training, and does not take part in the comparison twice.
- TPE learns from it as Optuna does (worse than completed ones, sorted by how far it came). NSGA-II has two objectives,
  which Optuna's pruners do not support, so the two are refused together.

Where it keeps the ranking was measured (`experiments/cheap_rungs.md`): the defaults are from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from edgenas.errors import UsageError
from edgenas.search._optuna import optuna
from edgenas.search.evaluation import Evaluation, Part
from edgenas.search.executors import Job

__all__ = ["DEFAULT_FACTOR", "DEFAULT_FIRST_PART", "Halving", "Ladder"]

DEFAULT_FACTOR = 2
DEFAULT_FIRST_PART = 1 / 2
"""Where the first rung is, as a part of the schedule."""


@dataclass(frozen=True, kw_only=True)
class Halving:
    """Where candidates are compared, and how many go on.

    Attributes:
        first_step: optimiser steps of the first rung; every further one is `factor` times as far.
        factor: one of so many goes on at each rung.
        iterations: steps of the whole schedule.
    """

    first_step: int
    factor: int = DEFAULT_FACTOR
    iterations: int

    def __post_init__(self) -> None:
        if self.factor < 2:
            raise UsageError(f"Invalid argument `factor`. Expected at least 2. Received {self.factor}.")
        if not 1 <= self.first_step < self.iterations:
            raise UsageError(
                f"Candidates cannot be compared first after {self.first_step} of {self.iterations} training steps. "
                f"Expected a first rung of 1 to {self.iterations - 1} steps."
            )

    @classmethod
    def of_schedule(
        cls, iterations: int, *, first_step: int | None = None, factor: int | None = None
    ) -> Halving:
        """The rungs of a schedule, the defaults for what is None.

        Raises:
            UsageError: a rung is not within the schedule, or the factor is below 2.
        """
        first = max(1, round(DEFAULT_FIRST_PART * iterations)) if first_step is None else first_step
        return cls(
            first_step=first, factor=DEFAULT_FACTOR if factor is None else factor, iterations=iterations
        )

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps of the rungs, the last one before the end of the schedule."""
        found = [self.first_step]
        while found[-1] * self.factor < self.iterations:
            found.append(found[-1] * self.factor)
        return tuple(found)

    def pruner(self) -> Any:
        """Optuna's pruner with these rungs."""
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=self.first_step, reduction_factor=self.factor, min_early_stopping_rate=0
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Halving:
        """Reads what `to_dict` wrote."""
        try:
            return cls(**stored)
        except TypeError as error:
            raise UsageError(f"The run's description of its pruning is damaged: {error}.") from error


class Ladder:
    """The trials of a session that are between two rungs."""

    def __init__(self, halving: Halving) -> None:
        self._halving = halving
        self._seconds: dict[int, dict[str, float]] = {}

    def first_part(self) -> Part:
        """What a fresh trial is trained for."""
        return Part(self._halving.steps[0])

    def climb(
        self,
        job: Job,
        evaluation: Evaluation,
        reward: Callable[[Evaluation], float],
        prune: Callable[[int, float], bool],
    ) -> Job | Evaluation:
        """What becomes of a trial one of whose parts has ended.

        Args:
            job: the job that has ended, with its part.
            evaluation: its outcome.
            reward: scores an evaluation.
            prune: is told the step and the reward; whether the trial ends there.

        Returns:
            The next job of the trial, or the outcome of the whole trial with the seconds of all its parts.
        """
        step = None if job.part is None else job.part.until_step
        spent = self._seconds.pop(job.number, {})
        seconds = {
            name: spent.get(name, 0.0) + evaluation.seconds.get(name, 0.0)
            for name in (*spent, *(n for n in evaluation.seconds if n not in spent))
        }
        outcome = replace(evaluation, seconds=seconds, state=None)
        if step is None or not evaluation.completed:
            return outcome
        if evaluation.state is None:
            return replace(outcome, status="failed", reason=f"its training left no state at step {step}")
        value = reward(outcome)
        if prune(step, value):
            reason = (
                f"reward {value:.4f} after {step} of {self._halving.iterations} steps, which is not among the best "
                f"1 in {self._halving.factor}"
            )
            return replace(outcome, status="pruned", reason=reason)
        self._seconds[job.number] = seconds
        following = next((s for s in self._halving.steps if s > step), None)
        return replace(job, part=Part(following, evaluation.state))
