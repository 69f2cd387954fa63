"""`Sample`: the metrics of one network over its seeds, and their means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgenas.scoring import defined, delta_task, delta_total, mean_of_defined
from edgenas.studies.bootstrap import Estimate, bootstrap
from edgenas.studies.plan import Planned
from edgenas.studies.trainings import Metrics, Outcome

__all__ = ["Sample", "delta_difference", "deltas", "paired", "samples_of"]


@dataclass(frozen=True)
class Sample:
    """One row of a study.

    Attributes:
        label: what it is.
        plans: its trainings that have metrics, by rising seed.
        outcomes: what they gave, in the same order.
        failed: how many trainings diverged and are left out.
    """

    label: str
    plans: tuple[Planned, ...]
    outcomes: tuple[Outcome, ...]
    failed: int = 0

    def __len__(self) -> int:
        """Seeds with metrics."""
        return len(self.outcomes)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the network; none where every training diverged."""
        return tuple(self.outcomes[0].metrics) if self.outcomes else ()

    def values(self, task: str, metric: str) -> list[float | None]:
        """One metric after the last step, seed by seed."""
        return [outcome.metrics[task].get(metric) for outcome in self.outcomes]

    def late_values(self, task: str, metric: str) -> list[list[float | None]]:
        """One metric at the late steps: a list for each seed."""
        return [[metrics[task].get(metric) for metrics in outcome.late] for outcome in self.outcomes]

    def mean(self, task: str, metric: str) -> Estimate:
        """Mean over the seeds with its interval."""
        if task not in self.tasks:
            return Estimate(None)
        values = self.values(task, metric)
        return bootstrap(lambda picked: _mean(values[i] for i in picked), len(values))

    def mean_metrics(self, picked: Iterable[int] | None = None) -> dict[str, dict[str, float | None]]:
        """Every metric's mean over the picked seeds; over all without `picked`."""
        chosen: Sequence[Metrics] = [
            self.outcomes[int(i)].metrics for i in (range(len(self)) if picked is None else picked)
        ]
        return {
            task: {name: _mean(metrics[task].get(name) for metrics in chosen) for name in values}
            for task, values in (chosen[0].items() if chosen else ())
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: what each seed gave."""
        return {
            "label": self.label,
            "failed": self.failed,
            "trainings": [
                {
                    "key": plan.key,
                    "seed": plan.config.seed,
                    "tasks": list(plan.architecture.tasks),
                    "loss_weights": plan.loss_weights,
                    "metrics": outcome.metrics,
                    "late": dict(zip(map(str, plan.evaluate_at), outcome.late, strict=True)),
                    "seconds": round(outcome.seconds, 1),
                }
                for plan, outcome in zip(self.plans, self.outcomes, strict=True)
            ],
        }


def samples_of(plans: Iterable[Planned], outcomes: Mapping[str, Outcome]) -> dict[str, Sample]:
    """{label: sample}, labels in the order of their first mention."""
    groups: dict[str, list[Planned]] = {}
    for plan in plans:
        groups.setdefault(plan.label, []).append(plan)
    samples = {}
    for label, group in groups.items():
        group.sort(key=lambda plan: plan.config.seed)
        good = [plan for plan in group if not outcomes[plan.key].failure]
        samples[label] = Sample(
            label, tuple(good), tuple(outcomes[plan.key] for plan in good), len(group) - len(good)
        )
    return samples


def deltas(sample: Sample, singles: Mapping[str, Sample]) -> dict[str, Estimate]:
    """Eq. 11 and 12 of the mean metrics, against the mean metrics of the single-task networks, in percent.

    The seeds of the sample and those of each single-task network are resampled on their own.

    Args:
        sample: seeds of a multi-task network.
        singles: {task: seeds of the network with that task alone}.

    Returns:
        {task: its dT_i, "total": dT}; empty where nothing can be compared.
    """
    compared = _compared(sample, singles)
    if not compared:
        return {}
    counts = [len(sample), *map(len, compared.values())]

    def of(task: str | None) -> Estimate:
        def statistic(picked: Any, *others: Any) -> float | None:
            references = _means(compared, others)
            metrics = sample.mean_metrics(picked)
            return (
                delta_total(metrics, references)
                if task is None
                else delta_task(task, metrics[task], references[task])
            )

        return bootstrap(statistic, *counts)

    return {**{task: of(task) for task in compared}, "total": of(None)}


def delta_difference(first: Sample, second: Sample, singles: Mapping[str, Sample]) -> Estimate:
    """dT (Eq. 12) of `first` less that of `second`, in points; seeds of both are resampled together."""
    one, other = paired(first, second)
    compared = _compared(one, singles)
    if not compared:
        return Estimate(None)

    def statistic(picked: Any, *others: Any) -> float | None:
        references = _means(compared, others)
        totals = [delta_total(s.mean_metrics(picked), references) for s in (one, other)]
        return None if totals[0] is None or totals[1] is None else totals[0] - totals[1]

    return bootstrap(statistic, len(one), *map(len, compared.values()))


def paired(first: Sample, second: Sample) -> tuple[Sample, Sample]:
    """Both with the seeds that both have, in the same order."""
    common = {p.config.seed for p in first.plans} & {p.config.seed for p in second.plans}

    def keep(sample: Sample) -> Sample:
        pairs = zip(sample.plans, sample.outcomes, strict=True)
        kept = [(plan, outcome) for plan, outcome in pairs if plan.config.seed in common]
        return Sample(sample.label, tuple(p for p, _ in kept), tuple(o for _, o in kept), sample.failed)

    return keep(first), keep(second)


def _compared(sample: Sample, singles: Mapping[str, Sample]) -> dict[str, Sample]:
    return {task: singles[task] for task in sample.tasks if task in singles and len(singles[task])}


def _means(compared: Mapping[str, Sample], picked: Sequence[Any]) -> dict[str, dict[str, float | None]]:
    """{task: mean metrics of its single-task network}."""
    return {
        task: single.mean_metrics(indices)[task]
        for (task, single), indices in zip(compared.items(), picked, strict=True)
    }


def _mean(values: Iterable[float | None]) -> float | None:
    return mean_of_defined(map(defined, values))
