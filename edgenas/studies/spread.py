"""How much a metric varies: over seeds, over late steps of a training, and one loss against another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenas.studies.bootstrap import Estimate

__all__ = ["Spread", "late_spread", "seed_spread"]


@dataclass(frozen=True)
class Spread:
    """The spread of one metric under JAReD and under L1.

    Attributes:
        jared: standard deviation under JAReD.
        plain: standard deviation under L1.
        ratio: of the first to the second, with the interval of a bootstrap over seeds (the same ones of both).
        chance: where the ratio lies in 95% of the cases if both spreads are equal (normal noise).
    """

    jared: float | None
    plain: float | None
    ratio: Estimate
    chance: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """ "less" or "more" noise where both the bootstrap and chance say so, else "not told apart"."""
        ratio, chance = self.ratio, self.chance
        if ratio.value is None or ratio.low is None or ratio.high is None or chance is None:
            return "undefined"
        if ratio.high < 1.0 and ratio.value < chance[0]:
            return "less"
        return "more" if ratio.low > 1.0 and ratio.value > chance[1] else "not told apart"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "jared": self.jared,
            "l1": self.plain,
            "ratio": self.ratio.to_dict(),
            "chance": None if self.chance is None else list(self.chance),
            "verdict": self.verdict,
        }


def seed_spread(values: Sequence[float | None]) -> float | None:
    """Standard deviation over seeds (n - 1); None for fewer than two, or where one is undefined."""
    defined = [value for value in values if value is not None]
    if len(defined) < 2 or len(defined) < len(values):
        return None
    return float(np.std(defined, ddof=1))


def late_spread(late: Sequence[Sequence[float | None]]) -> float | None:
    """Standard deviation over late steps around each training's own straight line, pooled over the trainings.

    The line takes out what a training still gains over these steps, which is no noise.

    Args:
        late: for each training its values at evenly spaced steps, at least three.
    """
    if not late or any(len(values) < 3 or None in values for values in late):
        return None
    squares = 0.0
    for values in late:
        steps = np.arange(len(values), dtype=np.float64)
        numbers = np.asarray(values, np.float64)
        squares += float(np.sum((numbers - np.polyval(np.polyfit(steps, numbers, 1), steps)) ** 2))
    return math.sqrt(squares / sum(len(values) - 2 for values in late))
