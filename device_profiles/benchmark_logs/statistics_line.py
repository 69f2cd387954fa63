"""The line "count=50 first=... avg=... std=..." of TensorFlow's `Stat`, and whether its figures can belong together.

Source: `Stat::OutputToStream` and `StatWithPercentiles` of xla/tsl/util/stats_calculator.h in tensorflow/tensorflow.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass

from edgenas.device_profiles.benchmark_logs.numbers import number

__all__ = ["Statistics", "contradictions", "read_statistics"]

_WORD = re.compile(r"(count|first|curr|min|max|avg|std|p5|median|p95)=(\S+)")
_WHOLE = re.compile(r"-?\d+")
_SPREAD = ("first", "min", "max", "avg", "std")
_LONGEST_US = 86400e6
_PERCENTILES = ("p5", "median", "p95")


@dataclass(frozen=True, slots=True)
class Statistics:
    """Microseconds of some runs.

    Attributes:
        count: number of runs.
        values: figures by the names of the line; "avg" too where all runs took the same time.
    """

    count: int
    values: dict[str, float]

    def get(self, name: str) -> float | None:
        """The figure in microseconds, None where the line lacks it."""
        return self.values.get(name)


def read_statistics(text: str) -> Statistics | None:
    """Reads the line from "count=" on; None where anything of it is torn, lacking or no number."""
    words = text.replace("(all same)", " ").split()
    values: dict[str, float] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if not match or match[1] in values:
            return None
        if match[1] != "avg" and not _WHOLE.fullmatch(match[2]):
            return None
        value = number(match[2])
        if value is None:
            return None
        values[match[1]] = value
    if "count" not in values:
        return None
    count = int(values.pop("count"))
    there = {name for name in _SPREAD if name in values}
    percentiles = {name for name in _PERCENTILES if name in values}
    if percentiles and len(percentiles) < len(_PERCENTILES):
        return None
    if count == 0:
        return None if there or "curr" in values else Statistics(0, {})
    if "curr" not in values or (there and len(there) < len(_SPREAD)):
        return None
    if not there:
        if count > 1 and "(all same)" not in text:
            return None
        same = values["curr"]
        values |= {"first": same, "min": same, "max": same, "avg": same, "std": 0.0}
    return Statistics(count, values)


def contradictions(statistics: Statistics) -> list[str]:
    """What cannot be true of the figures of any runs, one sentence each."""
    if statistics.count == 0:
        return []
    v = statistics.values
    found = []
    ordered = ["min", *(name for name in _PERCENTILES if name in v), "max"]
    for low, high in itertools.pairwise(ordered):
        if v[low] > v[high]:
            found.append(f"{low} ({v[low]:g}) is above {high} ({v[high]:g}).")
    for name in ("first", "curr", "avg"):
        slack = 1e-5 * v["max"] if name == "avg" else 0.0
        if not v["min"] - slack <= v[name] <= v["max"] + slack:
            found.append(f"{name} ({v[name]:g}) is outside min to max ({v['min']:g} to {v['max']:g}).")
    # Popoviciu's inequality, and its reverse: two runs alone make min and max differ. `std` is cut to an integer, as
    # is the variance, and the mean square loses digits, so a little is allowed.
    spread, slack = v["max"] - v["min"], 2.0 + 1e-3 * v["max"]
    if v["std"] > spread / 2 + slack:
        found.append(f"std ({v['std']:g}) is more than min and max allow ({spread / 2:g}).")
    if v["std"] + slack < spread / math.sqrt(2 * statistics.count):
        found.append(f"std ({v['std']:g}) is less than min and max demand.")
    if v["min"] <= 0 and v["max"] > 1000:
        found.append("A run took no time at all.")
    if v["max"] == 0:
        found.append("No run took any time.")
    if v["max"] > _LONGEST_US:
        found.append(f"A run of {v['max'] / 1e6:g} s is longer than a day.")
    if v["min"] < 0:
        found.append("A time is negative.")
    return found
