"""Bootstrap intervals over seeds, and the range that a ratio of spreads has by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from edgenas.evaluation.bootstrap import percentile_interval
from edgenas.scoring import defined

__all__ = ["Estimate", "bootstrap", "chance_range"]

_RESAMPLES = 2000
# Two members give the interval from one to the other, which holds the truth half of the time.
_LEAST_MEMBERS = 3
# A statistic that fewer resamples define has no interval.
_LEAST_DEFINED = 0.9


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: of the sample; None where it is undefined.
        low: lower end of the 95% interval; None where there is none.
        high: upper end.
        count: members of the smallest group.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    count: int = 0

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON-ready."""
        return {"value": self.value, "low": self.low, "high": self.high, "count": self.count}


def bootstrap(
    statistic: Callable[..., float | None],
    *counts: int,
    resamples: int = _RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """The statistic with its percentile interval; each group is resampled on its own.

    With few members the interval is too narrow rather than too wide, for spreads most of all.

    Args:
        statistic: called with one list of indices per group; None or NaN where it is undefined.
        counts: members of each group.
        resamples: number of resamples.
        seed: seed of the resamples.

    Returns:
        Without an interval where a group has fewer than three members, or a tenth of the resamples is undefined.
    """
    value = defined(statistic(*(list(range(count)) for count in counts)))
    least = min(counts)
    if value is None or least < _LEAST_MEMBERS:
        return Estimate(value, count=least)
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(count, size=(resamples, count)).tolist() for count in counts]
    found = [defined(statistic(*(group[i] for group in drawn))) for i in range(resamples)]
    known = [v for v in found if v is not None]
    if len(known) < _LEAST_DEFINED * resamples:
        return Estimate(value, count=least)
    return Estimate(value, *percentile_interval(np.array(known)), least)


@cache
def chance_range(degrees_of_freedom: tuple[int, int], *, draws: int = 100_000) -> tuple[float, float] | None:
    """Where the ratio of two standard deviations lies by chance when both are equal (normal noise).

    Args:
        degrees_of_freedom: of the numerator and of the denominator.
        draws: simulated ratios.

    Returns:
        Lower and upper end of 95% of the cases; None where one has no degree of freedom.
    """
    upper, lower = degrees_of_freedom
    if upper < 1 or lower < 1:
        return None
    rng = np.random.default_rng(0)
    variances = [rng.chisquare(df, draws) / df for df in (upper, lower)]
    low, high = percentile_interval(np.sqrt(variances[0] / variances[1]))
    return None if low is None or high is None else (low, high)
