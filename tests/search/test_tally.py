"""Counts that are kept trial by trial equal those made from all trials at once."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from toy_search import fragile_evaluator, toy_config, toy_estimator, toy_space

from edgenas.search import TrialRecord, read_trials, run_search
from edgenas.search.result import best_of
from edgenas.search.tally import Tally


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[TrialRecord]:
    folder: Path = tmp_path_factory.mktemp("tally") / "run"
    run_search(toy_config(trials=60, target_ms=4.0), toy_space(), fragile_evaluator, toy_estimator, folder)
    return read_trials(folder)


@pytest.mark.parametrize("seed", range(3))
def test_equals_counting_at_once_in_any_order(records: list[TrialRecord], seed: int) -> None:
    order = list(records)
    random.Random(seed).shuffle(order)
    tally = Tally(10.0)
    for count, record in enumerate(order, start=1):
        tally.add(record)
        seen = order[:count]
        completed = [r for r in seen if r.completed]
        assert tally.finished == count and tally.completed == len(completed)
        assert tally.failed == sum(not r.completed for r in seen)
        assert tally.duplicates == sum(r.duplicate_of is not None for r in seen)
        share = sum(r.feasible for r in completed) / len(completed) if completed else 0.0
        assert tally.feasible_share == share
        assert tally.best == best_of(seen)
    assert 0 < tally.feasible_share < 1 and tally.failed > 0 and tally.duplicates > 0


def test_the_earlier_of_equal_rewards_is_the_best(records: list[TrialRecord]) -> None:
    first = next(r for r in records if r.completed and r.feasible)
    twin = replace(first, number=first.number + 1, duplicate_of=first.number)
    for order in ((twin, first), (first, twin)):
        tally = Tally(None)
        for record in order:
            tally.add(record)
        assert tally.best == first and tally.duplicates == 1 and tally.volume.value is None
