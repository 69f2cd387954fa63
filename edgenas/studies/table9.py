"""Table 9: what the weights of the losses do to segmentation and depth."""

from __future__ import annotations

from collections.abc import Mapping

from edgenas.studies.bootstrap import Estimate
from edgenas.studies.figure import Panel, Row, figure
from edgenas.studies.plan import Planned, StudySetup
from edgenas.studies.result import StudyResult
from edgenas.studies.samples import Sample, delta_difference, deltas, samples_of
from edgenas.studies.table import Cell, Table, cell_text
from edgenas.studies.trainings import Outcome
from edgenas.training.loss_weights import LossWeights

__all__ = ["MULTI_TASK_WEIGHTS", "SINGLE_TASK_WEIGHTS", "TASKS", "plan_table9", "table9"]

TASKS = ("segmentation", "depth")
METRICS = (
    ("segmentation", "miou", "mIoU"),
    ("segmentation", "pixel_accuracy", "PAcc"),
    ("depth", "abs_error", "AbsE"),
    ("depth", "rel_error", "RelE"),
)

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

_LAST_ROW = (
    "The last row is trained with RE 0.1: the paper's Table 9 prints 0.010 there, though L1 and RE sum to 1 in every "
    "other row."
)


def weights_label(weights: LossWeights) -> str:
    """Name of a row with several tasks."""
    return f"CE {weights.ce:g}, L1 {weights.l1:g}, RE {weights.re:g}"


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


def table9(setup: StudySetup, plans: list[Planned], outcomes: Mapping[str, Outcome]) -> StudyResult:
    """The table from finished trainings.

    Args:
        setup: of the study.
        plans: of `plan_table9`.
        outcomes: {key: outcome} of all of them.
    """
    samples = samples_of(plans, outcomes)
    singles = {task: samples[f"{task} alone"] for task in SINGLE_TASK_WEIGHTS}
    delta = {label: deltas(sample, singles) for label, sample in samples.items() if len(sample.tasks) > 1}
    means = {
        label: [sample.mean(task, metric) for task, metric, _ in METRICS] for label, sample in samples.items()
    }
    plain, *jared = (samples[weights_label(weights)] for weights in MULTI_TASK_WEIGHTS)
    differences = {sample.label: delta_difference(sample, plain, singles) for sample in jared}
    rows = [_row(sample, means[label], delta.get(label, {})) for label, sample in samples.items()]
    columns = ("CE", "L1", "RE", *(name for _, _, name in METRICS), "dT_S %", "dT_D %", "dT %", "seeds")
    table = Table("Table 9: impact of the loss weights", columns, tuple(rows))
    return StudyResult(
        "table9",
        table,
        _figure(samples, means, delta),
        tuple(_findings(setup, samples, delta, differences)),
        {
            "settings": setup.describe(),
            "rows": [
                {
                    **samples[label].to_dict(),
                    "means": {
                        name: e.to_dict() for (_, _, name), e in zip(METRICS, means[label], strict=True)
                    },
                    "deltas_percent": {name: e.to_dict() for name, e in delta.get(label, {}).items()},
                }
                for label in samples
            ],
            "dT_less_that_without_re": {label: e.to_dict() for label, e in differences.items()},
        },
    )


def _row(sample: Sample, means: list[Estimate], delta: Mapping[str, Estimate]) -> tuple[Cell, ...]:
    weights = sample.plans[0].config.loss_weights if sample.plans else LossWeights(ce=0, l1=0)
    several = len(sample.tasks) > 1
    return (
        f"{weights.ce:g}" if weights.ce else "-",
        f"{weights.l1:g}" if weights.l1 else "-",
        f"{weights.re:g}" if several else "-",
        *(mean if mean.value is not None else None for mean in means),
        *(delta.get(name) for name in ("segmentation", "depth", "total")),
        len(sample),
    )


def _figure(
    samples: Mapping[str, Sample],
    means: Mapping[str, list[Estimate]],
    delta: Mapping[str, Mapping[str, Estimate]],
) -> str:
    panels = []
    for index, (task, metric, name) in enumerate(METRICS):
        rows = [
            Row(means[label][index], sample.values(task, metric)) if task in sample.tasks else Row(None)
            for label, sample in samples.items()
        ]
        panels.append(Panel(f"{name}, {'higher' if task == 'segmentation' else 'lower'} is better", rows))
    total = [Row(delta.get(label, {}).get("total")) for label in samples]
    panels.append(Panel("dT %, higher is better", total, reference=0.0))
    description = (
        "For each choice of weights the mean over seeds with its 95% bootstrap interval, seeds as dots."
    )
    return figure("Impact of the loss weights (Table 9)", description, list(samples), panels)


def _findings(
    setup: StudySetup,
    samples: Mapping[str, Sample],
    delta: Mapping[str, Mapping[str, Estimate]],
    differences: Mapping[str, Estimate],
) -> list[str]:
    found = [
        setup.sentence(),
        "dT against the single-task rows by Eq. 9 to 12, of means over the seeds.",
        _LAST_ROW,
    ]
    plain, *others = (weights_label(weights) for weights in MULTI_TASK_WEIGHTS)
    if (base := delta.get(plain, {}).get("total")) and base.value is not None:
        found.append(f"dT without the relative error: {cell_text(base, percent=True)}%.")
    better = []
    for label, difference in differences.items():
        if difference.low is not None and difference.low > 0:
            better.append(label)
        found.append(
            f"dT of {label} less that without the relative error: {cell_text(difference, percent=True)} points."
        )
    if any(difference.low is not None for difference in differences.values()):
        found.append(
            f"Above zero by its whole interval: {', '.join(better)}."
            if better
            else f"None of the {len(others)} intervals lies above zero: the paper's gain by JAReD does not show here."
        )
    for label, sample in samples.items():
        if sample.failed:
            found.append(f"{sample.failed} of the trainings of {label} diverged and are left out.")
    return found
