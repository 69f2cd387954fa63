"""Plans and outcomes without a training: what the studies make of known numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgenas.studies.plan import Planned, StudySetup
from edgenas.studies.trainings import Metrics, Outcome
from edgenas.training.config import TrainingConfig
from edgenas.workflow.data import DataRequest

MINI = str(Path(__file__).parents[1] / "workflow" / "mini.toml")


def setup(seeds: int, *, iterations: int = 100, data: DataRequest | None = None) -> StudySetup:
    return StudySetup(
        data=data or DataRequest("rooms", ("depth", "segmentation"), 32, 32, 8, 4),
        architecture=None,
        space=MINI,
        config=TrainingConfig(iterations=iterations, batch_size=4),
        schedule="test",
        seeds=seeds,
    )


def outcome(metrics: Metrics, late: Sequence[Metrics] | None = None, failure: str = "") -> Outcome:
    return Outcome(Path("nowhere"), metrics, tuple(late or (metrics,) * 5), 1.0, failure)


def by_label(plans: Sequence[Planned], values: Mapping[str, Metrics]) -> dict[str, Outcome]:
    """Every seed of a row gives the same."""
    return {plan.key: outcome(values[plan.label]) for plan in plans}
