"""Regularized evolution (Real et al., 2019), as the paper's controller and as a sampler of Optuna.

Where the sources leave a choice, this is what is done here:

- The population is the P most recent completed trials, "recent" by trial number: the oldest dies, however
  good it is; the winner of the search is the best ever.
- The tournament draws S members without replacement (the pseudo-code of Real et al. puts each one back), S
  limited to the size of the population. Equal rewards: the younger one wins.
- A trial that failed, diverged or was pruned has no reward: it never enters the population. It still used up its
  number, so the random start is the first P trial numbers whatever became of them.
- While nothing has completed, children are random.

Every random choice of trial n comes from `numpy.random.default_rng([seed, n])` and the completed trials, so a
resumed search goes on exactly as an uninterrupted one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.search._optuna import optuna
from edgenas.space.space import Decisions, SearchSpace

__all__ = ["PAPER_POPULATION", "PAPER_TOURNAMENT", "Member", "RegularizedEvolutionSampler", "next_decisions"]

PAPER_POPULATION = 50
PAPER_TOURNAMENT = 10


@dataclass(frozen=True)
class Member:
    """A completed trial as evolution sees it.

    Attributes:
        number: trial number, its age.
        reward: value of the objective.
        decisions: active decisions.
    """

    number: int
    reward: float
    decisions: Decisions


def next_decisions(
    space: SearchSpace,
    history: Sequence[Member],
    number: int,
    *,
    seed: int,
    population: int = PAPER_POPULATION,
    tournament: int = PAPER_TOURNAMENT,
) -> Decisions:
    """Decides the network of trial `number`.

    Args:
        space: samples and mutates.
        history: completed trials by rising number; only the last `population` of them are read.
        number: trial number, from 0.
        seed: seed of the search.
        population: P, also the number of random trials at the start.
        tournament: S.
    """
    rng = np.random.default_rng([seed, number])
    alive = history[-population:]
    if number < population or not alive:
        return space.sample(rng)
    entrants = rng.choice(len(alive), size=min(tournament, len(alive)), replace=False)
    parent = max((alive[int(i)] for i in entrants), key=lambda member: (member.reward, member.number))
    return space.mutate(parent.decisions, rng)


class RegularizedEvolutionSampler(optuna.samplers.BaseSampler):  # type: ignore[misc]
    """Optuna sampler that plans the whole child once and answers each `suggest_categorical` from the plan.

    The objective must ask for the decisions of `space` by `space.suggest`. A parameter that is not a decision
    of the space is drawn at random, reproducibly.

    Args:
        space: the search space.
        seed: seed of the search.
        population: P.
        tournament: S.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        seed: int,
        population: int = PAPER_POPULATION,
        tournament: int = PAPER_TOURNAMENT,
    ) -> None:
        if population < 1:
            raise UsageError(f"Invalid argument `population`. Expected at least 1. Received {population}.")
        if not 1 <= tournament <= population:
            raise UsageError(
                f"Invalid argument `tournament`. Expected 1 to {population}, the population. "
                f"Received {tournament}."
            )
        self._space = space
        self._seed = seed
        self._population = population
        self._tournament = tournament
        self._plans: dict[int, Decisions] = {}
        self._members: dict[int, tuple[Any, Member]] = {}

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """The active decisions of the planned child, each with its choices."""
        plan = self._plan(study, trial.number)
        found: dict[str, Any] = {}

        def record(name: str, choices: tuple[str | int | float, ...]) -> str | int | float:
            found[name] = optuna.distributions.CategoricalDistribution(choices)
            return plan[name]

        self._space.suggest(record)
        return found

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        """The planned child."""
        return dict(self._plan(study, trial.number))

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """A value for a parameter that the space does not know, from (seed, trial number, name)."""
        entropy = np.random.SeedSequence([self._seed, trial.number, zlib.crc32(param_name.encode())])
        random = optuna.samplers.RandomSampler(seed=int(entropy.generate_state(1)[0]))
        return random.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Sequence[float] | None) -> None:
        """Forgets the plan of a finished trial."""
        self._plans.pop(trial.number, None)

    def _plan(self, study: Any, number: int) -> Decisions:
        if number not in self._plans:
            completed = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
            # Storages list trials by number, so only the last ones are looked at: the cost of a trial does not grow.
            recent = sorted(completed[-self._population :], key=lambda trial: trial.number)
            self._members = {trial.number: (trial, self._member(trial)) for trial in recent}
            self._plans[number] = next_decisions(
                self._space,
                [member for _, member in self._members.values()],
                number,
                seed=self._seed,
                population=self._population,
                tournament=self._tournament,
            )
        return self._plans[number]

    def _member(self, trial: Any) -> Member:
        known, member = self._members.get(trial.number, (None, None))
        if known is trial and member is not None:
            return member
        return Member(trial.number, float(trial.value), self._decisions(trial))

    def _decisions(self, trial: Any) -> Decisions:
        # A storage returns parameters in an order of its own, and mutation picks a decision by its position.
        return self._space.suggest(lambda name, _: trial.params[name])
