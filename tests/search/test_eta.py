"""The expected rest of a search, against searches that are played through on a clock of the test."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from edgenas.search.eta import RemainingTime


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def play(durations: list[float], workers: int) -> tuple[list[tuple[float, float | None]], float]:
    """[(time, estimate then)] of every end of a trial, and the time at which the last one ended."""
    clock = Clock()
    remaining = RemainingTime(clock)
    running: list[tuple[float, int]] = []
    seen: list[tuple[float, float | None]] = []
    ended = 0

    def end(number: int) -> None:
        nonlocal ended
        ended += 1
        remaining.ended(number)
        seen.append((clock.seconds, remaining.seconds(len(durations) - ended, workers)))

    for number, duration in enumerate(durations):
        if duration == 0.0:
            end(number)
            continue
        if len(running) == workers:
            clock.seconds, first = heapq.heappop(running)
            end(first)
        remaining.started(number)
        heapq.heappush(running, (clock.seconds + duration, number))
    while running:
        clock.seconds, first = heapq.heappop(running)
        end(first)
    return seen, clock.seconds


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize(("instant", "usual", "worst"), [(0.0, 0.1, 0.2), (0.4, 0.15, 0.35)])
def test_near_what_it_then_takes(workers: int, instant: float, usual: float, worst: float) -> None:
    rng = np.random.default_rng(workers)
    durations = [0.0 if rng.random() < instant else float(rng.uniform(20, 40)) for _ in range(400)]
    seen, end = play(durations, workers)
    errors = []
    for now, estimate in seen[100:300]:
        assert estimate is not None
        errors.append(abs(estimate - (end - now)) / (end - now))
    assert np.median(errors) < usual and max(errors) < worst


def test_many_workers_are_seen_from_the_first_trial_on() -> None:
    seen, end = play([30.0] * 80, 8)
    now, estimate = seen[0]
    assert estimate == pytest.approx(end - now)


def test_nothing_is_known_before_a_trial_took_time() -> None:
    remaining = RemainingTime(clock := Clock())
    remaining.ended(0)
    assert remaining.seconds(5, 1) is None and remaining.seconds(0, 1) == 0.0
    remaining.started(1)
    clock.seconds = 10.0
    remaining.ended(1)
    assert remaining.seconds(4, 1) == pytest.approx(20.0), "every second trial costs nothing"


def test_the_longest_of_the_last_trials_ends_the_search() -> None:
    clock = Clock()
    remaining = RemainingTime(clock)
    remaining.started(0)
    clock.seconds = 60.0
    remaining.ended(0)
    remaining.started(1)
    clock.seconds = 70.0
    assert remaining.seconds(1, 4) == pytest.approx(50.0)
    clock.seconds = 500.0
    assert remaining.seconds(1, 4) == 0.0


def test_a_trial_that_was_lost_begins_again() -> None:
    clock = Clock()
    remaining = RemainingTime(clock)
    remaining.started(0)
    clock.seconds = 100.0
    remaining.started(0)
    clock.seconds = 110.0
    remaining.ended(0)
    assert remaining.seconds(3, 1) == pytest.approx(30.0)
