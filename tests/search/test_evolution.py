from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from toy_search import HEAD_CHANNELS, INPUT_SHAPE, toy_latency_ms, toy_score, toy_space

from edgenas.errors import UsageError
from edgenas.search._optuna import optuna
from edgenas.search.evolution import Member, RegularizedEvolutionSampler, next_decisions
from edgenas.space import SearchSpace
from edgenas.space.space import Decisions


def toy_reward(space: SearchSpace, decisions: Decisions) -> float:
    architecture = space.architecture(decisions, input_shape=INPUT_SHAPE, head_channels=HEAD_CHANNELS)
    return toy_score(architecture) * min(1.0, 6.0 / toy_latency_ms(architecture))


def brute_force(
    space: SearchSpace, trials: int, seed: int, population: int, tournament: int
) -> list[Decisions]:
    """Algorithm 1 of regularized evolution, written down plainly: a queue whose left end dies."""
    alive: deque[tuple[Decisions, float]] = deque()
    made: list[Decisions] = []
    while len(made) < trials:
        rng = np.random.default_rng([seed, len(made)])
        if len(made) < population:
            child = space.sample(rng)
        else:
            best: tuple[Decisions, float] | None = None
            for position in sorted(rng.choice(len(alive), size=tournament, replace=False)):
                if best is None or alive[position][1] >= best[1]:
                    best = alive[position]
            assert best is not None
            child = space.mutate(best[0], rng)
        made.append(child)
        alive.append((child, toy_reward(space, child)))
        if len(alive) > population:
            alive.popleft()
    return made


def evolve(space: SearchSpace, trials: int, seed: int, population: int, tournament: int) -> list[Member]:
    history: list[Member] = []
    for number in range(trials):
        child = next_decisions(
            space, history, number, seed=seed, population=population, tournament=tournament
        )
        history.append(Member(number, toy_reward(space, child), child))
    return history


@pytest.mark.parametrize(
    ("seed", "population", "tournament"), [(0, 10, 3), (1, 5, 5), (2, 20, 1), (3, 50, 10)]
)
def test_equals_a_brute_force_queue(seed: int, population: int, tournament: int) -> None:
    space = toy_space()
    ours = [member.decisions for member in evolve(space, 150, seed, population, tournament)]
    assert ours == brute_force(space, 150, seed, population, tournament)


def test_sampler_in_a_plain_optuna_study_equals_the_brute_force() -> None:
    space = toy_space()
    sampler = RegularizedEvolutionSampler(space, seed=7, population=6, tournament=3)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(
        lambda trial: toy_reward(space, space.suggest(lambda n, c: trial.suggest_categorical(n, c))),
        n_trials=30,
    )
    assert [trial.params for trial in study.trials] == brute_force(space, 30, 7, 6, 3)


def test_parameters_beyond_the_space_are_drawn_reproducibly() -> None:
    space = toy_space()

    def draws() -> list[float]:
        sampler = RegularizedEvolutionSampler(space, seed=1, population=2, tournament=1)
        study = optuna.create_study(sampler=sampler)

        def objective(trial: Any) -> float:
            space.suggest(lambda n, c: trial.suggest_categorical(n, c))
            return float(trial.suggest_float("rate", 0.0, 1.0))

        study.optimize(objective, n_trials=5)
        return [trial.params["rate"] for trial in study.trials]

    assert draws() == draws()
    assert len(set(draws())) == 5


def test_failed_trials_are_never_parents() -> None:
    space = toy_space()
    sampler = RegularizedEvolutionSampler(space, seed=0, population=3, tournament=3)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    parents = []
    for number in range(12):
        trial = study.ask()
        decisions = space.suggest(trial.suggest_categorical)
        if number % 2:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, float(number))
        if number >= 3:
            newest = max(n for n in range(number) if n % 2 == 0)
            parents.append((decisions, study.trials[newest].params))
    for (
        child,
        parent,
    ) in parents:  # the newest completed trial has the highest reward, so it wins each tournament
        shared = [name for name in parent if name in child]
        assert sum(child[name] != parent[name] for name in shared) == 1


def test_children_are_random_while_nothing_has_completed() -> None:
    space = toy_space()
    child = next_decisions(space, [], 99, seed=4, population=3, tournament=2)
    assert child == space.sample(np.random.default_rng([4, 99]))


def test_the_oldest_dies_however_good() -> None:
    space = toy_space()
    history = [Member(n, 1000.0 if n == 0 else 0.0, space.sample(np.random.default_rng(n))) for n in range(6)]
    child = next_decisions(space, history, 6, seed=0, population=5, tournament=5)
    youngest = history[-1].decisions
    assert sum(child.get(name) != value for name, value in youngest.items()) >= 1
    assert child == space.mutate(youngest, advanced_rng(0, 6, 5, 5))


def advanced_rng(seed: int, number: int, population: int, tournament: int) -> np.random.Generator:
    rng = np.random.default_rng([seed, number])
    rng.choice(population, size=tournament, replace=False)
    return rng


def test_beats_random_search_on_20_seeds() -> None:
    space = toy_space()
    trials, gains = 150, []
    for seed in range(20):
        evolved = max(member.reward for member in evolve(space, trials, seed, 20, 5))
        random = max(toy_reward(space, space.sample(np.random.default_rng([seed, n]))) for n in range(trials))
        gains.append(evolved - random)
    mean, error = float(np.mean(gains)), float(np.std(gains, ddof=1) / np.sqrt(len(gains)))
    assert mean - 2.09 * error > 0.0, f"mean gain {mean:.4f} +- {error:.4f} over 20 seeds"
    assert sum(gain > 0 for gain in gains) >= 18


@pytest.mark.parametrize(("population", "tournament"), [(0, 1), (5, 0), (5, 6)])
def test_impossible_sizes_are_refused(population: int, tournament: int) -> None:
    with pytest.raises(UsageError, match=r"Invalid argument `(population|tournament)`\. Expected"):
        RegularizedEvolutionSampler(toy_space(), seed=0, population=population, tournament=tournament)
