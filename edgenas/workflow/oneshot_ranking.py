"""How far inherited weights rank networks as training alone does, and which network is recommended for it.

Two things are asked of a one-shot search. Does its order of networks mean anything? Networks spread over its whole
range of quality are trained alone under the proxy schedule, and both orders are compared (Kendall's tau-b, Spearman's
rho, each with a bootstrap interval). Is its first network really the best of its first few? Where finalists are asked
for, they are trained alone too, and the one with the highest reward so is recommended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import EdgenasError
from edgenas.latency_models.evaluation import kendall, spearman
from edgenas.search import Evaluation, Evaluator, SearchInterrupted, TrialRecord
from edgenas.search.config import resume_command
from edgenas.search.events import EventHandler, StageProgress
from edgenas.search.executors import BASELINE_NUMBER, ExecutorFactory, Job
from edgenas.search.objective import Objective
from edgenas.space import Architecture
from edgenas.storage import append_jsonl, read_jsonl, write_json

__all__ = [
    "RANKING_FILE",
    "Ranking",
    "correlation",
    "described",
    "finalists_of",
    "spread_over",
    "train_alone",
]

RANKING_FILE = "ranking.json"
"""In the run folder, beside `best.json`."""

FORMAT = "edgenas.ranking"
_RESAMPLES = 2000
_TIMES_LOST = 3


@dataclass(frozen=True)
class RankedNetwork:
    """A network scored both ways.

    Attributes:
        record: its trial, whose quality is that of inherited weights.
        quality: quality when trained alone, against the baseline trained alone.
        reward: the reward of that quality.
        spread: whether it is one of the networks that the correlation is of.
        finalist: whether it is one of the best by inherited weights.
    """

    record: TrialRecord
    quality: float
    reward: float
    spread: bool
    finalist: bool


@dataclass(frozen=True)
class Ranking:
    """What stand-alone training says of a one-shot search.

    Attributes:
        networks: by trial number.
        seed: seed of the bootstrap.
    """

    networks: tuple[RankedNetwork, ...]
    seed: int = 0

    @property
    def best(self) -> RankedNetwork | None:
        """The finalist with the highest reward when trained alone; None where there are no finalists.

        The spread networks are not asked: the best of many noisy scores is mostly a lucky one.
        """
        feasible = [n for n in self.networks if n.record.feasible and n.finalist]
        return max(feasible, key=lambda n: (n.reward, -n.record.number), default=None)

    def to_dict(self) -> dict[str, Any]:
        """The content of `ranking.json`."""
        spread = [n for n in self.networks if n.spread]
        pairs = np.array([(n.record.quality or 0.0, n.quality) for n in spread]).reshape(-1, 2)
        best = self.best
        return {
            "format": FORMAT,
            "version": 1,
            "kendall": correlation(kendall, pairs, self.seed),
            "spearman": correlation(spearman, pairs, self.seed),
            "count": len(spread),
            "recommended_trial": None if best is None else best.record.number,
            "networks": [
                {
                    "trial": n.record.number,
                    "hash": n.record.architecture.hash,
                    "predicted_ms": n.record.latency.predicted_ms,
                    "inherited_quality": n.record.quality,
                    "quality": n.quality,
                    "reward": n.reward,
                    "spread": n.spread,
                    "finalist": n.finalist,
                }
                for n in self.networks
            ],
        }


Statistic = Callable[[Any, Any], float | None]


def correlation(statistic: Statistic, pairs: Any, seed: int) -> dict[str, Any] | None:
    """A rank correlation of pairs [N, 2] with the 90% interval of its bootstrap (percentiles).

    Resamples in which it is not defined (all values equal) are left out. None where it is not defined at all.
    """
    value = statistic(pairs[:, 0], pairs[:, 1])
    if value is None:
        return None
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_RESAMPLES):
        drawn = pairs[rng.integers(len(pairs), size=len(pairs))]
        again = statistic(drawn[:, 0], drawn[:, 1])
        if again is not None:
            found.append(again)
    low, high = np.percentile(found, [5, 95])
    return {"value": value, "interval": [float(low), float(high)]}


def spread_over(records: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
    """Networks at even steps through the order of quality, the best and the worst among them."""
    networks = _networks(records)
    ordered = sorted(networks, key=lambda r: (r.quality or 0.0, r.number))
    if len(ordered) <= count:
        return ordered
    return [ordered[int(i)] for i in np.linspace(0, len(ordered) - 1, count).round()]


def finalists_of(records: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
    """The feasible networks with the highest reward."""
    networks = [r for r in _networks(records) if r.feasible]
    return sorted(networks, key=lambda r: (-(r.reward or 0.0), r.number))[:count]


def _networks(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The first completed trial of each network."""
    found: dict[str, TrialRecord] = {}
    for record in records:
        if record.completed:
            found.setdefault(record.architecture.hash, record)
    return list(found.values())


@dataclass
class _Alone:
    """Stand-alone evaluations, stored one by one."""

    path: Path
    evaluations: dict[str, Evaluation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for row in read_jsonl(self.path):
            self.evaluations[row["hash"]] = Evaluation(
                row["metrics"], row["seconds"], row["status"], row["reason"]
            )

    def add(self, job: Job, evaluation: Evaluation) -> None:
        self.evaluations[job.architecture.hash] = evaluation
        append_jsonl(
            self.path,
            {
                "hash": job.architecture.hash,
                "trial": job.number,
                "status": evaluation.status,
                "reason": evaluation.reason,
                "metrics": {task: dict(values) for task, values in evaluation.metrics.items()},
                "seconds": dict(evaluation.seconds),
            },
        )


def train_alone(
    spread: Sequence[TrialRecord],
    finalists: Sequence[TrialRecord],
    baseline: Architecture,
    objective: Objective,
    evaluator: Evaluator,
    executor: ExecutorFactory,
    run_dir: Path,
    *,
    store: Path,
    seed: int,
    on_event: EventHandler,
) -> Ranking:
    """Trains the baseline and the networks that are not stored yet, and writes `ranking.json`.

    Args:
        spread: networks that the correlation is of.
        finalists: networks one of which is recommended.
        baseline: the MT edge baseline, which quality is measured against.
        objective: judges the metrics.
        evaluator: trains a network under the proxy schedule.
        executor: where that happens.
        run_dir: the run folder.
        store: JSON lines with what was trained, one network a line; a kill loses at most what is under way.
        seed: seed of the training, and of the bootstrap.
        on_event: is told about progress.

    Raises:
        EdgenasError: the baseline could not be trained.
        SearchInterrupted: Ctrl-C.
    """
    alone = _Alone(store)
    wanted = {baseline.hash: Job(BASELINE_NUMBER, baseline, seed)}
    records = {r.architecture.hash: r for r in (*spread, *finalists)}
    wanted |= {h: Job(r.number, r.architecture, seed) for h, r in records.items() if h != baseline.hash}
    _train(
        [job for h, job in wanted.items() if h not in alone.evaluations],
        alone,
        evaluator,
        executor,
        on_event,
        run_dir,
    )
    reference = alone.evaluations[baseline.hash]
    if not reference.completed:
        raise EdgenasError(
            f"The baseline could not be trained alone ({reference.status}): {reference.reason}. The search itself is "
            f"finished; its ranking is not known. Delete {store} and resume to try again."
        )
    networks = []
    for digest, record in sorted(records.items(), key=lambda item: item[1].number):
        evaluation = alone.evaluations[digest]
        if evaluation.completed:
            quality, reward = objective.score(evaluation.metrics, reference.metrics, record.latency)
            networks.append(RankedNetwork(record, quality, reward, record in spread, record in finalists))
    ranking = Ranking(tuple(networks), seed)
    write_json(run_dir / RANKING_FILE, ranking.to_dict())
    return ranking


def _train(
    jobs: Sequence[Job],
    alone: _Alone,
    evaluator: Evaluator,
    executor: ExecutorFactory,
    on_event: EventHandler,
    run_dir: Path,
) -> None:
    """Has every job evaluated and stored; one whose worker was lost is given out again a few times."""
    if not jobs:
        return
    workers = executor(evaluator)
    waiting, running, lost = list(jobs), 0, dict.fromkeys((job.number for job in jobs), 0)
    done = 0
    try:
        on_event(StageProgress("ranking", 0, len(jobs), "training networks alone", None))
        while waiting or running:
            while waiting and running < workers.capacity:
                workers.submit(waiting.pop(0))
                running += 1
            for ended in workers.wait():
                running -= 1
                evaluation = ended.evaluation
                if evaluation is None:
                    lost[ended.job.number] += 1
                    if lost[ended.job.number] < _TIMES_LOST:
                        waiting.append(ended.job)
                        continue
                    evaluation = Evaluation(status="failed", reason=ended.lost)
                alone.add(ended.job, evaluation)
                done += 1
                on_event(StageProgress("ranking", done, len(jobs), evaluation.status, None))
    except KeyboardInterrupt as error:
        raise SearchInterrupted(
            "The search is finished; interrupted while networks were trained alone to rank them. "
            f"Go on with: {resume_command(run_dir)}"
        ) from error
    finally:
        workers.close()


def described(ranking: Mapping[str, Any]) -> list[str]:
    """`ranking.json` as lines for a terminal."""
    lines = []
    for name, title in (("kendall", "Kendall's tau"), ("spearman", "Spearman's rho")):
        found = ranking.get(name)
        if found is None:
            lines.append(f"{title} of inherited weights and stand-alone training: not defined")
            continue
        low, high = found["interval"]
        lines.append(
            f"{title} of inherited weights and stand-alone training: {found['value']:.2f} "
            f"(90% bootstrap {low:.2f} to {high:.2f}, {ranking['count']} networks)"
        )
    return lines
