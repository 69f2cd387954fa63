"""Table 9: what the weights of the losses do to segmentation and depth."""

from __future__ import annotations

from edgenas.studies.plan import Planned, StudySetup
from edgenas.training.loss_weights import LossWeights

__all__ = ["MULTI_TASK_WEIGHTS", "SINGLE_TASK_WEIGHTS", "TASKS", "plan_table9"]

TASKS = ("segmentation", "depth")

SINGLE_TASK_WEIGHTS = {
    "segmentation": LossWeights(ce=1.0, l1=0.0),
    "depth": LossWeights(ce=0.0, l1=1.0),
}
"""The first two rows: one task alone."""

MULTI_TASK_WEIGHTS = (
    LossWeights(ce=0.5, l1=1.0),
    LossWeights(ce=0.5, l1=0.999, re=0.001),
    LossWeights(ce=0.5, l1=0.99, re=0.01),
    LossWeights(ce=0.5, l1=0.95, re=0.05),
    # The source prints 0.010 for RE here; the rows before it make 0.1 of it, as L1 and RE sum to 1.
    LossWeights(ce=0.5, l1=0.9, re=0.1),
)
"""The further rows: cross-entropy 0.5 and JAReD of rising lambda."""


def plan_table9(setup: StudySetup) -> list[Planned]:
    """All trainings, seed by seed, so that a study that is stopped has whole seeds.

    Raises:
        UsageError: the data lack segmentation or depth.
    """
    plans = []
    for seed in range(setup.seeds):
        for task, weights in SINGLE_TASK_WEIGHTS.items():
            plans.append(setup.plan(f"{task} alone", (task,), weights, seed))
        for weights in MULTI_TASK_WEIGHTS:
            plans.append(setup.plan(weights_label(weights), TASKS, weights, seed))
    return plans


def weights_label(weights: LossWeights) -> str:
    """How a row is called in remarks."""
    return f"CE {weights.ce:g}, L1 {weights.l1:g}, RE {weights.re:g}"
