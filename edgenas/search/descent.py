"""Looks for a network that keeps all bounds, downhill from many starts: what tells "rare" from "impossible"."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenas.search.requirement import Bound
from edgenas.space.architecture import Architecture
from edgenas.space.space import Decisions, SearchSpace

__all__ = ["Descent", "Found", "OutOfTime"]

_RANDOM_NETWORKS = 300
_RANDOM_STARTS = 20
_KICKS = 20
_CHANGES_OF_A_KICK = 3
_STALE_SWEEPS = 2
"""Sweeps without any gain after which a descent ends; each may drift between equal networks, which leads on where
an amount is a maximum over parts of the network (activation memory)."""


class OutOfTime(Exception):  # noqa: N818
    """The time is up before all descents have ended: nothing is known."""


@dataclass(frozen=True)
class Found:
    """A network and its amounts, in the order of the bounds.

    Attributes:
        decisions: its decisions.
        architecture: the network.
        amounts: what the bounds are about; infinite where that cannot be told.
        excess: sum over the bounds of log(amount / limit) where that is positive; 0 meets all.
    """

    decisions: Decisions
    architecture: Architecture
    amounts: tuple[float, ...]
    excess: float


class Descent:
    """One hunt for a network that meets `bounds`; ends at the first.

    Starts are the default network, the smallest ones (every number at its least, once per block type), the nearest of
    some hundreds of random ones, and kicked copies of the nearest of all. From each start one decision at a time takes
    another value; a network that is no farther away than the present one takes its place, until whole sweeps over all
    decisions gain nothing.

    Args:
        space: where to look.
        architecture_of: makes a network from decisions.
        bounds: at least one.
        rng: source of all randomness.
        deadline: `time.monotonic()` after which `OutOfTime` is raised.
    """

    def __init__(
        self,
        space: SearchSpace,
        architecture_of: Callable[[Decisions], Architecture],
        bounds: Sequence[Bound],
        rng: np.random.Generator,
        deadline: float,
    ) -> None:
        self._space = space
        self._architecture_of = architecture_of
        self._bounds = bounds
        self._rng = rng
        self._deadline = deadline
        self._choices = {d.name: d.choices for d in space.decisions()}
        self._known: dict[tuple[tuple[str, Any], ...], Found] = {}
        self.random: list[Found] = []
        self.starts = 0

    @property
    def networks(self) -> int:
        """How many different networks were looked at."""
        return len(self._known)

    def nearest(self, hints: Sequence[Decisions] = ()) -> Found:
        """A network that meets all bounds, or the nearest of all where none is found.

        Args:
            hints: further starts.
        """
        starts = []
        for decisions in (self._space.default(), *hints, *self._smallest()):
            starts.append(self._look(decisions))
            if starts[-1].excess == 0.0:
                return starts[-1]
        for _ in range(_RANDOM_NETWORKS):
            self.random.append(self._look(self._space.sample(self._rng)))
            if self.random[-1].excess == 0.0:
                return self.random[-1]
        starts += sorted(self.random, key=lambda found: found.excess)[:_RANDOM_STARTS]
        best = min(starts, key=lambda found: found.excess)
        for start in starts:
            best = min(best, self._down(start), key=lambda found: found.excess)
            if best.excess == 0.0:
                return best
        movable = any(len(choices) > 1 for choices in self._choices.values())
        for _ in range(_KICKS if movable else 0):
            decisions = best.decisions
            for _ in range(_CHANGES_OF_A_KICK):
                decisions = self._space.mutate(decisions, self._rng)
            best = min(best, self._down(self._look(decisions)), key=lambda found: found.excess)
            if best.excess == 0.0:
                break
        return best

    def _smallest(self) -> list[Decisions]:
        """Every number at its least; every block of one type, once for each type."""
        words = max(len([v for v in choices if isinstance(v, str)]) for choices in self._choices.values())

        def of_word(word: int) -> Decisions:
            return self._space.suggest(
                lambda _, choices: (
                    choices[word % len(choices)] if isinstance(choices[0], str) else min(choices)
                )
            )

        return [of_word(word) for word in range(max(words, 1))]

    def _down(self, start: Found) -> Found:
        self.starts += 1
        here, stale = start, 0
        while stale < _STALE_SWEEPS and here.excess > 0.0:
            before = here.excess
            for name in self._rng.permutation(list(here.decisions)):
                for value in self._rng.permutation(len(self._choices[str(name)])):
                    if str(name) not in here.decisions or here.excess == 0.0:
                        break
                    there = self._look(self._changed(here.decisions, str(name), int(value)))
                    here = there if there.excess <= here.excess else here
            stale = 0 if here.excess < before else stale + 1
        return here

    def _changed(self, decisions: Mapping[str, Any], changed: str, value: int) -> Decisions:
        """The network with one decision changed; what a greater depth makes active is drawn at random."""

        def choose(name: str, choices: tuple[Any, ...]) -> Any:
            if name == changed:
                return choices[value]
            return decisions[name] if name in decisions else choices[int(self._rng.integers(len(choices)))]

        return self._space.suggest(choose)

    def _look(self, decisions: Decisions) -> Found:
        key = tuple(decisions.items())
        if key not in self._known:
            if time.monotonic() > self._deadline:
                raise OutOfTime
            architecture = self._architecture_of(decisions)
            amounts = tuple(_amount(bound, architecture) for bound in self._bounds)
            excess = sum(
                max(0.0, math.log(amount / bound.limit))
                for amount, bound in zip(amounts, self._bounds, strict=True)
            )
            # Equal amounts and limits must not differ by the rounding of a logarithm.
            if all(amount <= bound.limit for amount, bound in zip(amounts, self._bounds, strict=True)):
                excess = 0.0
            self._known[key] = Found(decisions, architecture, amounts, excess)
        return self._known[key]


def _amount(bound: Bound, architecture: Architecture) -> float:
    """The amount; infinite where it cannot be told, as such a trial fails in the search too."""
    try:
        return bound.amount(architecture)
    except Exception:
        return math.inf
