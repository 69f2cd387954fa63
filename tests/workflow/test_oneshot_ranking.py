"""Ranking of a one-shot search: which networks, correlations, resume, lost workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from edgenas.errors import EdgenasError
from edgenas.latency_models.evaluation import kendall, spearman
from edgenas.search import Evaluation, SearchInterrupted, TrialRecord
from edgenas.search.executors import Done, InProcess, Job
from edgenas.search.objective import Latency, Objective
from edgenas.space import Architecture, load_space
from edgenas.workflow.oneshot_ranking import (
    RANKING_FILE,
    correlation,
    described,
    finalists_of,
    spread_over,
    train_alone,
)

SPACE = load_space(str(Path(__file__).parent / "mini.toml"), ["depth"])
OBJECTIVE = Objective(None, None, None, "paper")


def network(decisions: dict[str, Any]) -> Architecture:
    return SPACE.architecture(decisions, input_shape=(32, 64), head_channels={"depth": 1})


BASELINE = network(SPACE.default())


def metrics(abs_error: float) -> dict[str, dict[str, float | None]]:
    return {"depth": {"abs_error": abs_error, "rel_error": abs_error}}


def trials(count: int) -> list[TrialRecord]:
    """Different networks, the quality falling and the latency rising with the number; every third is infeasible."""
    rng, found = np.random.default_rng(0), {BASELINE.hash: BASELINE}
    while len(found) <= count:
        drawn = network(SPACE.sample(rng))
        found[drawn.hash] = drawn
    return [
        TrialRecord(i, a, Latency(1.0 + i), i % 3 != 0, Evaluation(metrics(1.0)), 2.0 - i / 10, 2.0 - i / 10)
        for i, a in enumerate(list(found.values())[1:])
    ]


def test_networks_are_spread_over_the_whole_range() -> None:
    records = trials(11)
    copy = TrialRecord(20, *[getattr(records[0], f) for f in ("architecture", "latency", "feasible")],
                       records[0].evaluation, 2.0, 2.0, duplicate_of=0)  # fmt: skip
    failed = TrialRecord(21, BASELINE, Latency(), False, Evaluation(status="failed", reason="x"))
    chosen = spread_over([*records, copy, failed], 5)
    assert [r.number for r in chosen] == [10, 8, 5, 2, 0]
    assert spread_over(records[:3], 8) == records[2::-1]
    assert [r.number for r in finalists_of([*records, copy, failed], 3)] == [1, 2, 4]


def test_correlations_are_those_of_scipy_and_their_interval_holds_them() -> None:
    rng = np.random.default_rng(1)
    a = rng.normal(size=12)
    pairs = np.stack([a, a + rng.normal(size=12)], axis=1)
    for statistic, reference in ((kendall, stats.kendalltau), (spearman, stats.spearmanr)):
        found = correlation(statistic, pairs, 0)
        assert found is not None
        assert found["value"] == pytest.approx(reference(pairs[:, 0], pairs[:, 1]).statistic)
        low, high = found["interval"]
        assert -1 <= low < found["value"] < high <= 1
        assert found == correlation(statistic, pairs, 0)
    assert correlation(kendall, np.ones((4, 2)), 0) is None


class Alone:
    """Stands for stand-alone training: the error of a network is known; some trainings are interrupted or fail."""

    def __init__(self, errors: dict[str, float], interrupt_at: int = -1) -> None:
        self.errors, self.interrupt_at = errors, interrupt_at
        self.trained: list[str] = []

    def __call__(self, architecture: Architecture, seed: int) -> Evaluation:
        if len(self.trained) == self.interrupt_at:
            raise KeyboardInterrupt
        self.trained.append(architecture.hash)
        error = self.errors[architecture.hash]
        if error < 0:
            return Evaluation(status="diverged", reason="loss nan")
        return Evaluation(metrics(error), {"total": 1.0})


def ranked(tmp_path: Path, alone: Alone, records: list[TrialRecord], executor: Any = InProcess) -> Any:
    return train_alone(
        spread_over(records, 5), finalists_of(records, 2), BASELINE, OBJECTIVE, alone, executor, tmp_path,
        store=tmp_path / "alone.jsonl", seed=0, on_event=lambda _: None,
    )  # fmt: skip


def test_the_best_when_trained_alone_is_recommended_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    records = trials(9)
    # Inherited weights say trial 1 is the best feasible one; alone it is trial 2. Trial 8 diverges.
    errors = {r.architecture.hash: 0.5 + r.number / 10 for r in records}
    errors |= {BASELINE.hash: 1.0, records[2].architecture.hash: 0.4, records[8].architecture.hash: -1.0}
    with pytest.raises(SearchInterrupted, match="search is finished"):
        ranked(tmp_path, Alone(errors, interrupt_at=3), records)
    stored = (tmp_path / "alone.jsonl").read_text().splitlines()
    assert len(stored) == 3
    (tmp_path / "alone.jsonl").write_text("\n".join(stored) + '\n{"hash": "cut')
    alone = Alone(errors)
    ranking = ranked(tmp_path, alone, records)
    assert len(alone.trained) == 1 + 6 - 3  # the baseline, five spread ones and finalist 1
    assert ranking.best.record.number == 2
    assert ranking.best.quality == pytest.approx(1.0 / 0.4)
    assert {n.record.number for n in ranking.networks} == {0, 1, 2, 4, 6}
    written = json.loads((tmp_path / RANKING_FILE).read_text())
    assert written["recommended_trial"] == 2
    assert written["count"] == 4
    expected = stats.kendalltau([2.0, 1.8, 1.6, 1.4], [1 / 0.5, 1 / 0.4, 1 / 0.9, 1 / 1.1]).statistic
    assert written["kendall"]["value"] == pytest.approx(expected)
    assert "4 networks" in described(written)[0]
    again = Alone(errors)
    assert ranked(tmp_path, again, records) == ranking
    assert again.trained == []


def test_a_lost_worker_costs_one_repetition(tmp_path: Path) -> None:
    records = trials(5)
    errors = {r.architecture.hash: 0.5 + r.number / 10 for r in records} | {BASELINE.hash: 1.0}
    lost: list[Job] = []

    class Losing(InProcess):
        def wait(self) -> list[Done]:
            if len(lost) < 2:
                lost.append(self._queue.pop(0))
                return [Done(lost[-1], None, "killed")]
            return super().wait()

    ranking = ranked(tmp_path, Alone(errors), records, Losing)
    assert len(ranking.networks) == 5
    assert len({n.record.architecture.hash for n in ranking.networks}) == 5


def test_without_a_baseline_there_is_no_ranking(tmp_path: Path) -> None:
    records = trials(5)
    errors = {r.architecture.hash: 0.5 for r in records} | {BASELINE.hash: -1.0}
    with pytest.raises(EdgenasError, match="baseline could not be trained alone \\(diverged\\): loss nan"):
        ranked(tmp_path, Alone(errors), records)
