"""Random choices of a scene, built on one call of NumPy only so that they mean the same in every version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["Dice"]

T = TypeVar("T")


class Dice:
    """Draws from one stream of uniform doubles.

    NumPy keeps the raw stream of PCG64 stable but not the algorithms of `choice` or `normal`; scenes must
    not change with NumPy's version, so everything here derives from `Generator.random()`.

    Args:
        entropy: integers that name the stream, e.g. (world, split, seed, index).
    """

    def __init__(self, entropy: Sequence[int]) -> None:
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(entropy)))).random

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self._random()

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high], both included."""
        return low + int(self._random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, all equally likely."""
        return items[int(self._random() * len(items))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order."""
        order = sorted(range(len(items)), key=[self._random() for _ in items].__getitem__)
        return [items[index] for index in order]
