from __future__ import annotations

import time
from typing import Any

from edgenas.device_profiles import Protocol, measurement
from edgenas.device_profiles.agent.measure import MAX_STORED_REPEATS, thin, timed_repeats_ms

_QUICK = {"warmup_seconds": 0.0, "min_seconds": 0.0}


def _protocol(**values: Any) -> dict[str, Any]:
    return Protocol(**values).to_dict()


def test_warm_up_is_not_timed_and_the_minimum_is_kept() -> None:
    calls: list[int] = []
    repeats, _ = timed_repeats_ms(
        lambda: calls.append(1), _protocol(warmup_runs=4, min_runs=9, **_QUICK), drop_first=True
    )
    assert len(repeats) == 9 and len(calls) == 1 + 4 + 9
    assert all(ms >= 0 for ms in repeats)


def test_the_longest_time_wins_over_the_number_of_runs() -> None:
    protocol = _protocol(warmup_runs=100, min_runs=100, max_seconds=0.05, **_QUICK)
    began = time.perf_counter()
    repeats, interrupted = timed_repeats_ms(lambda: time.sleep(0.02), protocol)
    assert 1 <= len(repeats) <= 3 and time.perf_counter() - began < 1.0
    assert min(repeats) >= 20.0 and interrupted == 1.0, "who sleeps has no CPU"


def test_who_computes_is_not_counted_as_interrupted() -> None:
    protocol = _protocol(warmup_runs=1, min_runs=20, **_QUICK)
    shares = [timed_repeats_ms(lambda: sum(range(20000)), protocol)[1] for _ in range(5)]
    assert min(shares) < 0.5


def test_the_shortest_time_is_filled() -> None:
    repeats, _ = timed_repeats_ms(
        lambda: time.sleep(0.001), _protocol(warmup_runs=1, min_runs=1, warmup_seconds=0, min_seconds=0.05)
    )
    assert sum(repeats) >= 45.0


def test_thinning_keeps_ends_and_order() -> None:
    series = [float(i) for i in range(1001)]
    kept = thin(series, 5)
    assert kept == [0.0, 250.0, 500.0, 750.0, 1000.0]
    assert thin(series[:5], 5) == series[:5]
    assert MAX_STORED_REPEATS == measurement.MAX_STORED_REPEATS, "the agent cannot import it"
