"""Claim 2: JAReD makes the evaluation of depth less noisy. Spread over seeds and over late steps, against L1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgenas.scoring import mean_of_defined
from edgenas.studies.bootstrap import bootstrap, chance_range
from edgenas.studies.figure import Panel, Row, figure
from edgenas.studies.plan import Planned, StudySetup
from edgenas.studies.result import StudyResult
from edgenas.studies.samples import Sample, paired, samples_of
from edgenas.studies.spread import Spread, line_residual, pooled_spread, seed_spread
from edgenas.studies.table import Table, cell_text
from edgenas.studies.table9 import MULTI_TASK_WEIGHTS, TASKS, weights_label
from edgenas.studies.trainings import Outcome

__all__ = ["jared_noise", "plan_jared_noise"]

METRICS = (
    ("depth", "abs_error", "AbsE"),
    ("depth", "rel_error", "RelE"),
    ("depth", "rmse", "RMSE"),
    ("segmentation", "miou", "mIoU"),
    ("segmentation", "pixel_accuracy", "PAcc"),
)

# Table 8: lambda of JAReD by the unit of depth.
_LAMBDA = {"m": 0.001, "1/m": 0.05}

_KINDS = {"seeds": "over seeds", "late": "over late steps"}


def plan_jared_noise(setup: StudySetup) -> list[Planned]:
    """The rows of Table 9 with both tasks, seed by seed: L1, and JAReD of every lambda there.

    Raises:
        UsageError: the data lack segmentation or depth.
    """
    return [
        setup.plan(weights_label(weights), TASKS, weights, seed)
        for seed in range(setup.seeds)
        for weights in MULTI_TASK_WEIGHTS
    ]


def jared_noise(setup: StudySetup, plans: list[Planned], outcomes: Mapping[str, Outcome]) -> StudyResult:
    """The comparison from finished trainings.

    Args:
        setup: of the study.
        plans: of `plan_jared_noise`.
        outcomes: {key: outcome} of all of them.
    """
    samples = samples_of(plans, outcomes)
    plain = samples[weights_label(MULTI_TASK_WEIGHTS[0])]
    compared = [
        _Comparison(weights.re, name, task, metric, *paired(samples[weights_label(weights)], plain))
        for weights in MULTI_TASK_WEIGHTS[1:]
        for task, metric, name in METRICS
    ]
    columns = (
        "lambda", "metric", "L1", "JAReD", "change %", "SD seeds L1", "SD seeds JAReD", "ratio", "noise over seeds",
        "SD late L1", "SD late JAReD", "ratio late", "noise over late steps",
    )  # fmt: skip
    record = {
        "settings": setup.describe(),
        "comparisons": [one.to_dict() for one in compared],
        "rows": [sample.to_dict() for sample in samples.values()],
    }
    return StudyResult(
        "jared-noise",
        Table("Noise of evaluation under JAReD and under L1", columns, tuple(one.row() for one in compared)),
        _figure(compared),
        tuple(_findings(setup, compared, samples.values())),
        record,
    )


class _Comparison:
    """One metric under JAReD of one lambda and under L1, over the same seeds."""

    def __init__(self, lam: float, name: str, task: str, metric: str, jared: Sample, plain: Sample) -> None:
        self.lam, self.name, self.task = lam, name, task
        seeds = len(jared)
        values = [s.values(task, metric) if seeds else [] for s in (jared, plain)]
        late = [[line_residual(v) for v in s.late_values(task, metric)] for s in (jared, plain)]
        self.means = [mean_of_defined(v) for v in values]
        self.change = bootstrap(lambda i: _change(_picked(values[0], i), _picked(values[1], i)), seeds)
        freedom = sum(residual[1] for residual in late[0] if residual is not None)
        self.spreads = {
            "seeds": Spread(
                seed_spread(values[0]),
                seed_spread(values[1]),
                bootstrap(lambda i: _ratio(*(seed_spread(_picked(v, i)) for v in values)), seeds),
                chance_range((seeds - 1, seeds - 1)),
            ),
            "late": Spread(
                pooled_spread(late[0]),
                pooled_spread(late[1]),
                bootstrap(lambda i: _ratio(*(pooled_spread(_picked(v, i)) for v in late)), seeds),
                chance_range((freedom, freedom)),
            ),
        }

    def row(self) -> tuple[Any, ...]:
        """Its line of the table."""
        seeds, late = self.spreads["seeds"], self.spreads["late"]
        return (
            f"{self.lam:g}", self.name, self.means[1], self.means[0], self.change,
            seeds.plain, seeds.jared, seeds.ratio, seeds.verdict, late.plain, late.jared, late.ratio, late.verdict,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "lambda": self.lam,
            "metric": self.name,
            "mean": {"jared": self.means[0], "l1": self.means[1]},
            "change_percent": self.change.to_dict(),
            "spread": {kind: spread.to_dict() for kind, spread in self.spreads.items()},
        }


def _picked(values: Sequence[Any], indices: Any) -> list[Any]:
    return [values[int(i)] for i in indices]


def _change(values: Sequence[float | None], references: Sequence[float | None]) -> float | None:
    value, reference = mean_of_defined(values), mean_of_defined(references)
    return None if value is None or not reference else 100.0 * (value - reference) / reference


def _ratio(value: float | None, reference: float | None) -> float | None:
    return None if value is None or not reference else value / reference


def _figure(compared: Sequence[_Comparison]) -> str:
    panels = [
        Panel(
            f"SD ratio {words}",
            [Row(one.spreads[kind].ratio) for one in compared],
            1.0,
            log=True,
        )
        for kind, words in _KINDS.items()
    ]
    panels.append(Panel("change of the mean, %", [Row(one.change) for one in compared], 0.0))
    return figure(
        "JAReD against L1: ratio of the spreads (below 1: JAReD is less noisy) and change of the mean",
        "One line per lambda and metric: standard deviation under JAReD divided by that under L1, with the 95% "
        "bootstrap interval over seeds; and the change of the mean in percent.",
        [f"lambda {one.lam:g}: {one.name}" for one in compared],
        panels,
    )


def _findings(setup: StudySetup, compared: Sequence[_Comparison], samples: Any) -> list[str]:
    unit = setup.open(None).train.info.depth_unit
    lam = _LAMBDA.get(unit, 0.05)
    late = setup.describe()["late_steps"]
    found = [
        setup.sentence(),
        f"Spread over seeds: after the last step. Over late steps: after steps {', '.join(map(str, late))}, around "
        "each training's own straight line, pooled over the seeds. Both compare L1 and JAReD at the same point of the "
        "schedule, with the same seeds.",
    ]
    depth = [one for one in compared if one.task == "depth"]
    ranges = {words: depth[0].spreads[kind].chance for kind, words in _KINDS.items()} if depth else {}
    told_ranges = [
        f"{words} between {r[0]:.2f} and {r[1]:.2f}" for words, r in ranges.items() if r is not None
    ]
    if told_ranges:
        found.append(
            f"With {setup.seeds} seeds, two equal spreads have a ratio {', '.join(told_ranges)} in 95% of the cases; "
            "'less' and 'more' ask for a ratio outside of it and a bootstrap interval that excludes 1."
        )
    for kind, words in _KINDS.items():
        main = [one for one in depth if one.lam == lam]
        told = [f"{one.name} {_reduction(one.spreads[kind])}" for one in main]
        verdict_of = {one.name: one.spreads[kind].verdict for one in main}
        shows = [name for name, verdict in verdict_of.items() if verdict == "less"]
        found.append(
            f"Lambda {lam:g}, that of Table 8 for depth in {unit}, {words}: {', '.join(told)}. "
            + _verdict(shows, list(verdict_of.values()))
        )
        changes = [f"{one.name} {cell_text(one.change, percent=True)}%" for one in compared if one.lam == lam]
        if kind == "seeds":
            found.append(f"Change of the mean by lambda {lam:g}: {', '.join(changes)}.")
        verdicts = [one.spreads[kind].verdict for one in depth]
        found.append(
            f"Of all {len(verdicts)} comparisons of depth metrics {words}, {verdicts.count('less')} show less noise "
            f"under JAReD and {verdicts.count('more')} show more."
        )
    found.append(
        "The paper reports that the noise falls by up to 88%; its data, network and schedule are others."
    )
    for sample in samples:
        if sample.failed:
            found.append(f"{sample.failed} of the trainings of {sample.label} diverged and are left out.")
    return found


def _verdict(shows: Sequence[str], verdicts: Sequence[str]) -> str:
    if shows:
        return f"The claim shows for {', '.join(shows)}."
    if set(verdicts) <= {"undefined"}:
        return "Nothing can be said: an interval needs at least four seeds, and late steps at least three."
    return "The claim does not show."


def _reduction(spread: Spread) -> str:
    if spread.ratio.value is None:
        return "undefined"
    words = f"{100.0 * (spread.ratio.value - 1.0):+.0f}% noise"
    if spread.ratio.low is None or spread.ratio.high is None:
        return words
    return f"{words} ({100.0 * (spread.ratio.low - 1):+.0f} to {100.0 * (spread.ratio.high - 1):+.0f}%)"
