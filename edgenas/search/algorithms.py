"""The algorithms by name: regularized evolution of our own, and Optuna's samplers, made resumable.

Optuna's samplers keep a random state that dies with the process. `SeededSampler` makes a new sampler for every
trial, seeded from (seed, trial number); all else that it reads is in the study. So every random choice of trial n
comes from (seed, n, history), and a resumed search goes on exactly as an uninterrupted one.

| name | what it maximises | notes |
|---|---|---|
| evolution | reward (Eq. 5) | `edgenas.search.evolution` |
| oneshot | reward | evolution over scores of weights inherited from a supernet |
| random | nothing | uniform, as evolution's random start |
| tpe | reward | Optuna's TPE, univariate: a decision is modelled from the trials in which it is active |
| nsga2 | (quality, latency) | two objectives in its study; the latency target is its constraint |

NSGA-II ranks by Pareto dominance, which a reward of one number does not allow: its study has the directions
(maximise quality, minimise the latency that is held against the target). With several devices the second one is the
largest ratio of a latency to its target, as milliseconds of different devices cannot be compared. Networks over a
target are dominated by those within (constrained domination of Deb et al., 2002). What the search recommends is the
same in all four: the highest reward among the networks within the target. Its genome has a fixed length, so its trials
store every decision of the space; the inactive ones change nothing until a mutation makes their stage deeper.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgenas.search._optuna import optuna
from edgenas.search.config import SearchConfig
from edgenas.search.evolution import RegularizedEvolutionSampler
from edgenas.space.space import SearchSpace

__all__ = ["SeededSampler", "has_two_objectives", "make_sampler"]

# Optuna's own default, written down so that another version of Optuna does not change it: random trials before
# the first model of TPE.
_TPE_RANDOM_TRIALS = 10


def has_two_objectives(algorithm: str) -> bool:
    """Whether the trials of the algorithm are told (quality, latency) and not the reward."""
    return algorithm == "nsga2"


def make_sampler(config: SearchConfig, space: SearchSpace) -> Any:
    """The Optuna sampler of `config.algorithm`."""
    if config.algorithm in ("evolution", "oneshot"):
        return RegularizedEvolutionSampler(
            space, seed=config.seed, population=config.population, tournament=config.tournament
        )
    if config.algorithm == "nsga2":
        return SeededSampler(
            lambda seed: _nsga2(seed, config.population, config.target_ms, several=bool(config.devices)),
            config.seed,
            genome=space,
        )
    make = optuna.samplers.RandomSampler if config.algorithm == "random" else _tpe
    return SeededSampler(lambda seed: make(seed=seed), config.seed)


class SeededSampler(optuna.samplers.BaseSampler):  # type: ignore[misc]
    """Hands every trial to a sampler of its own.

    Args:
        make: makes the sampler of one trial from a seed; what it draws may depend on the study, on nothing else.
        seed: seed of the search.
        genome: space of whose decisions all are bred, active or not; None leaves the choice to the sampler.
    """

    def __init__(self, make: Callable[[int], Any], seed: int, *, genome: SearchSpace | None = None) -> None:
        self._make = make
        self._seed = seed
        self._genome = genome
        self._samplers: dict[int, Any] = {}

    @property
    def asks_for_all_decisions(self) -> bool:
        """Whether a trial must be asked for inactive decisions too."""
        return self._genome is not None

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Every decision with a choice, or what Optuna's sampler finds."""
        if self._genome is None:
            return dict(self._of(trial).infer_relative_search_space(study, trial))
        distribution = optuna.distributions.CategoricalDistribution
        return {d.name: distribution(d.choices) for d in self._genome.decisions() if len(d.choices) > 1}

    def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
        """What Optuna's sampler decides at once."""
        return dict(self._of(trial).sample_relative(study, trial, search_space))

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """What Optuna's sampler decides one by one."""
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Lets Optuna's sampler prepare."""
        self._of(trial).before_trial(study, trial)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Sequence[float] | None) -> None:
        """Lets Optuna's sampler store what it keeps of a trial, and forgets it."""
        self._of(trial).after_trial(study, trial, state, values)
        del self._samplers[trial.number]

    def _of(self, trial: Any) -> Any:
        if trial.number not in self._samplers:
            entropy = np.random.SeedSequence([self._seed, trial.number])
            self._samplers[trial.number] = self._make(int(entropy.generate_state(1)[0]))
        return self._samplers[trial.number]


def _tpe(seed: int) -> Any:
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=_TPE_RANDOM_TRIALS, multivariate=False, constant_liar=False
    )


def _nsga2(seed: int, population: int, target_ms: float | None, *, several: bool) -> Any:
    """NSGA-II with uniform crossover; a mutated decision is drawn anew.

    The constraint is read from the attributes of a trial: Optuna asks for it before it knows the values.
    """

    def over_target(trial: Any) -> tuple[float]:
        if several:
            return (trial.user_attrs["worst_ratio"] - 1.0,)
        return (trial.user_attrs["predicted_bound_ms"] - target_ms,)

    with warnings.catch_warnings():
        # Optuna 5 prefers `Trial.set_constraint`, which Optuna 4 does not have; both know this until Optuna 7.
        warnings.simplefilter("ignore", FutureWarning)
        return optuna.samplers.NSGAIISampler(
            population_size=population,
            seed=seed,
            constraints_func=None if target_ms is None else over_target,
        )
