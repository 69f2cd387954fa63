"""The page names the algorithm, the limits and how the hypervolume grew."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgenas.report import write_report
from edgenas.report.run_data import read_run

RunMaker = Callable[..., Path]


def words(folder: Path) -> str:
    page = re.sub(r"<(style|script)>.*?</\1>", "", write_report(folder).read_text(), flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "|", page))


def test_runs_of_earlier_versions_were_evolution(make_run: RunMaker) -> None:
    page = words(make_run(trials=5))
    assert "regularized evolution" in page and "at most" not in page


@pytest.mark.parametrize(
    ("algorithm", "title", "sizes"),
    [
        ("evolution", "regularized evolution", "population 7, tournament 3"),
        ("nsga2", "NSGA-II on quality and latency", "population 7"),
        ("random", "random", ""),
        ("later", "later", ""),
    ],
)
def test_algorithm_and_its_sizes(make_run: RunMaker, algorithm: str, title: str, sizes: str) -> None:
    config = {"algorithm": algorithm, "population": 7, "tournament": 3, "trials": 5}
    page = words(make_run(trials=5, config=config))
    assert f"|{title}|" in page and f"|5 trials{', ' if sizes else ''}{sizes}|" in page


def test_limits(make_run: RunMaker) -> None:
    limits: dict[str, Any] = {"max_parameters": 90000, "max_activation_kib": 512.5}
    page = words(make_run(trials=5, config=limits))
    assert "|at most 90,000 parameters; at most 512.5 KiB of activations|" in page


def test_the_growth_of_the_hypervolume(make_run: RunMaker) -> None:
    folder = make_run(trials=24)
    run = read_run(folder)
    found = re.search(
        r"([\d.]+) after a quarter of the trials, ([\d.]+) after half, ([\d.]+) at", words(folder)
    )
    assert found and run.baseline and run.baseline.predicted_ms
    first, second, last = map(float, found.groups())
    assert 0 <= first <= second <= last
    # The exact area below the staircase, from strips between all latencies.
    limit = 2 * run.baseline.predicted_ms
    points = sorted((t.predicted_ms or 0.0, t.quality or 0.0) for t in run.trials if t.scored)
    edges = [ms for ms, _ in points if ms < limit] + [limit]
    area = sum(
        (right - left) * max(q for ms, q in points if ms <= left) for left, right in itertools.pairwise(edges)
    )
    assert last == pytest.approx(area / limit, rel=2e-3)


def test_without_a_baseline_there_is_no_hypervolume(make_run: RunMaker) -> None:
    assert "after a quarter" not in words(make_run(trials=5, parts=("best",)))
