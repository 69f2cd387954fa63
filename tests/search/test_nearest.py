"""Where no network meets the target: which one is the nearest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from toy_search import toy_config, toy_estimator, toy_evaluator, toy_space

from edgenas.search import read_trials, run_search
from edgenas.search.result import nearest_to


def test_a_latency_on_the_device_counts_more_than_a_prediction(tmp_path: Path) -> None:
    run_search(toy_config(trials=6), toy_space(), toy_evaluator, toy_estimator, tmp_path)
    records = read_trials(tmp_path)
    first, second, *others = sorted(
        {r.architecture.hash: r for r in records}.values(), key=lambda r: r.latency.bound_ms or 0.0
    )
    assert nearest_to([*others, second, first]) == first
    slow = replace(first, latency=replace(first.latency, measured_ms=1000.0))
    assert nearest_to([*others, second, slow]) == second
    quick = replace(others[-1], latency=replace(others[-1].latency, measured_ms=1e-3))
    assert nearest_to([*others[:-1], quick, second, first]) == quick
    assert nearest_to([]) is None
