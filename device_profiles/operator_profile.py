"""Operator times of a .tflite file on the CPU; runs inside the worker process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenas.device_profiles.litert_c_api import ProfiledModel, ProfileUnavailableError

__all__ = ["OperatorProfile", "ProfileUnavailableError", "profile_operators", "reduce_events"]

_COUNTER_STEP_US = 1.0


@dataclass(frozen=True, slots=True)
class OperatorProfile:
    """Operator times of one process.

    Attributes:
        events: (tag, ms) in order of execution; the tags are those of `ProfiledModel.stop`.
        runs: inferences behind the times.
    """

    events: tuple[tuple[str, float], ...]
    runs: int


def profile_operators(
    model: Path | str,
    *,
    threads: int,
    rng: np.random.RandomState,
    warmup_runs: int = 5,
    min_runs: int = 20,
    max_runs: int = 100,
    seconds: float = 1.0,
) -> OperatorProfile:
    """Times every operator of a model on the CPU.

    Args:
        model: the .tflite file.
        threads: threads of XNNPACK.
        rng: source of the input values.
        warmup_runs: inferences before the profiler starts, at least one.
        min_runs: fewest profiled inferences.
        max_runs: most profiled inferences.
        seconds: profiled time after which `min_runs` inferences are enough.

    Raises:
        ProfileUnavailableError: the version is not a tested one, a symbol is missing, or the library refuses.
    """
    with ProfiledModel(Path(model), threads, rng) as profiled:
        started = time.perf_counter()
        for _ in range(max(1, warmup_runs)):
            profiled.run()
        run_seconds = max((time.perf_counter() - started) / max(1, warmup_runs), 1e-6)
        runs = int(min(max(min_runs, seconds / run_seconds), max_runs))
        profiled.start()
        for _ in range(runs):
            profiled.run()
        return OperatorProfile(reduce_events(profiled.stop(), runs), runs)


def reduce_events(events: Sequence[tuple[str, int]], runs: int) -> tuple[tuple[str, float], ...]:
    """Merges the events of `runs` equal inferences into one (tag, ms) per operator.

    The time is the mean over the middle half of the runs (a median would stick to the counter's whole
    microseconds) plus half a microsecond, because the counter rounds down.

    Args:
        events: (tag, whole microseconds) of all runs, one run after the other.
        runs: number of inferences.

    Raises:
        ProfileUnavailableError: the runs do not show the same sequence of tags.
    """
    per_run = len(events) // runs
    tags = [tag for tag, _ in events]
    if not per_run or len(events) % runs or tags != tags[:per_run] * runs:
        raise ProfileUnavailableError("the inferences do not show the same sequence of operators")
    times_us = np.sort(np.array([us for _, us in events], dtype=np.float64).reshape(runs, per_run), axis=0)
    middle_us = times_us[runs // 4 : runs - runs // 4].mean(axis=0) + _COUNTER_STEP_US / 2
    return tuple((tag, float(us) / 1000.0) for tag, us in zip(tags[:per_run], middle_us, strict=True))
