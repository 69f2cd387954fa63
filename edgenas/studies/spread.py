"""How much a metric varies: over seeds, over late steps of a training, and one loss against another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgenas.studies.bootstrap import Estimate

__all__ = ["Spread", "line_residual", "pooled_spread", "seed_spread"]


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
    if min(defined) == max(defined):
        return 0.0  # which rounding would miss, and a ratio to it be taken for a number
    mean = math.fsum(defined) / len(defined)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in defined) / (len(defined) - 1))


def line_residual(late: Sequence[float | None]) -> tuple[float, int] | None:
    """Squared distances of one training's late values from their own straight line, and their degrees of freedom.

    The line takes out what a training still gains over these steps, which is no noise.

    Args:
        late: values at evenly spaced steps.

    Returns:
        (sum of squares, number of values less 2); None for fewer than three, or where one is undefined.
    """
    numbers = np.array([value for value in late if value is not None], np.float64)
    if len(numbers) < 3 or len(numbers) < len(late):
        return None
    if numbers.min() == numbers.max():
        return 0.0, len(numbers) - 2
    steps = np.arange(len(numbers), dtype=np.float64)
    distances = numbers - np.polyval(np.polyfit(steps, numbers, 1), steps)
    return float(np.sum(distances**2)), len(numbers) - 2


def pooled_spread(residuals: Sequence[tuple[float, int] | None]) -> float | None:
    """Standard deviation around the lines of `line_residual`, pooled over trainings; None where one is undefined."""
    defined = [residual for residual in residuals if residual is not None]
    if not defined or len(defined) < len(residuals):
        return None
    return math.sqrt(math.fsum(s for s, _ in defined) / sum(freedom for _, freedom in defined))
