"""Claim 1: a joint search beats transferred single-task searches and the baseline, at equal latency and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgenas.errors import UsageError
from edgenas.graph import parameter_count
from edgenas.scoring import QUALITY_METRICS
from edgenas.studies.bootstrap import Estimate
from edgenas.studies.figure import Panel, Row, figure
from edgenas.studies.plan import Planned, StudySetup
from edgenas.studies.result import StudyResult
from edgenas.studies.samples import Sample, delta_difference, deltas, samples_of
from edgenas.studies.table import Table, cell_text
from edgenas.studies.trainings import Outcome
from edgenas.studies.winners import SearchPlan, Target, Winner
from edgenas.training.config import default_loss_weights
from edgenas.training.loss_weights import load_loss_weights

__all__ = ["BASELINE", "JOINT", "SynergySetup", "plan_final_trainings", "plan_searches", "synergy"]

BASELINE, JOINT = "baseline", "joint search"


@dataclass(frozen=True, kw_only=True)
class SynergySetup:
    """What the study compares.

    Attributes:
        study: data, space and the schedule of the final trainings.
        tasks: all tasks, at least two.
        target: the common latency target.
        trials: of every search.
        search_seed: seed of every search.
        proxy: schedule of the candidates.
        proxy_changes: what differs from it.
    """

    study: StudySetup
    tasks: tuple[str, ...]
    target: Target
    trials: int
    search_seed: int = 0
    proxy: str = "proxy"
    proxy_changes: Mapping[str, Any]

    def __post_init__(self) -> None:
        if len(self.tasks) < 2:
            raise UsageError(
                f"Synergy needs at least two tasks. Received {', '.join(self.tasks)}. Leave --tasks out, or name more."
            )


def plan_searches(setup: SynergySetup) -> list[SearchPlan]:
    """The joint search and one search per task, all with the same trials and schedule."""
    groups = [(JOINT, setup.tasks), *((f"search for {task}", (task,)) for task in setup.tasks)]
    return [
        SearchPlan(
            label=label,
            tasks=tuple(sorted(tasks)),
            trials=setup.trials,
            seed=setup.search_seed,
            proxy=setup.proxy,
            schedule=dict(setup.proxy_changes),
            target_ms=setup.target.for_tasks(tasks),
        )
        for label, tasks in groups
    ]


def plan_final_trainings(setup: SynergySetup, winners: Sequence[Winner]) -> list[Planned]:
    """Every winner and the baseline with all tasks, and the baseline with each task alone (s_ij of Eq. 9)."""
    info = setup.study.open(setup.tasks).train.info
    weights = load_loss_weights(default_loss_weights(setup.tasks, info.depth_unit))
    baseline = setup.target.baseline
    networks = {BASELINE: baseline, **{winner.label: winner.architecture for winner in winners}}
    plans = []
    for seed in range(setup.study.seeds):
        plans += [setup.study.plan(f"{task} alone", (task,), weights, seed, baseline) for task in setup.tasks]
        plans += [
            setup.study.plan(label, setup.tasks, weights, seed, network)
            for label, network in networks.items()
        ]
    return plans


def synergy(
    setup: SynergySetup,
    winners: Sequence[Winner],
    plans: list[Planned],
    outcomes: Mapping[str, Outcome],
) -> StudyResult:
    """The comparison from finished searches and trainings.

    Args:
        setup: of the study.
        winners: of `plan_searches`, in that order.
        plans: of `plan_final_trainings`.
        outcomes: {key: outcome} of all of them.
    """
    samples = samples_of(plans, outcomes)
    singles = {task: samples.pop(f"{task} alone") for task in setup.tasks}
    delta = {label: deltas(sample, singles) for label, sample in samples.items()}
    joint = samples[JOINT]
    others = [sample for label, sample in samples.items() if label != JOINT]
    differences = {sample.label: delta_difference(joint, sample, singles) for sample in others}
    metrics = [(task, metric) for task in setup.tasks for metric in QUALITY_METRICS[task][:2]]
    networks = {
        BASELINE: setup.target.baseline,
        **{winner.label: winner.architecture for winner in winners},
    }
    latencies = {label: setup.target.latency_ms(network) for label, network in networks.items()}
    with_latency = setup.target.device is not None
    rows = [
        (
            _shown(label),
            *((latencies[label],) if with_latency else ()),
            parameter_count(networks[label]),
            *(sample.mean(task, metric).value for task, metric in metrics),
            *(delta[label].get(task, Estimate(None)).value for task in setup.tasks),
            delta[label].get("total"),
            differences.get(label),
        )
        for label, sample in samples.items()
    ]
    columns = (
        "network",
        *(("predicted ms",) if with_latency else ()),
        "parameters",
        *(f"{task} {metric}".replace("_", " ") for task, metric in metrics),
        *(f"dT {task} %" for task in setup.tasks),
        "dT %",
        "joint less it %",
    )
    record = {
        "settings": {
            **setup.study.describe(),
            "tasks": list(setup.tasks),
            "device": None if setup.target.device is None else setup.target.device.label,
            "target_ms": setup.target.target_ms,
            "trials": setup.trials,
            "search_seed": setup.search_seed,
            "proxy": setup.proxy,
            "proxy_changes": dict(setup.proxy_changes),
        },
        "networks": [
            {
                **samples[label].to_dict(),
                "architecture": networks[label].to_dict(),
                "parameters": parameter_count(networks[label]),
                "predicted_ms": latencies[label],
                "deltas_percent": {name: e.to_dict() for name, e in delta[label].items()},
                "joint_less_it": differences[label].to_dict() if label in differences else None,
            }
            for label in samples
        ],
        "single_task": [sample.to_dict() for sample in singles.values()],
        "winners": [
            {
                "label": w.label, "trial": w.trial, "quality": w.quality,
                "completed": w.considered, "meeting_the_target": w.meeting,
            }
            for w in winners
        ],
    }  # fmt: skip
    return StudyResult(
        "synergy",
        Table("Synergy: joint search, transferred single-task searches, baseline", columns, tuple(rows)),
        _figure(samples, delta),
        tuple(_findings(setup, winners, samples, singles, differences)),
        record,
    )


def _shown(label: str) -> str:
    return label if label in (BASELINE, JOINT) else f"{label}, transferred"


def _figure(samples: Mapping[str, Sample], delta: Mapping[str, Mapping[str, Estimate]]) -> str:
    names = {name: None for values in delta.values() for name in values}
    panels = [
        Panel(
            "dT %, all tasks" if name == "total" else f"dT %, {name}",
            [Row(delta[label].get(name)) for label in samples],
            0.0,
        )
        for name in names
    ]
    return figure(
        "Synergy: joint search against transferred searches and the baseline",
        "One line per network: dT against the single-task baselines with its 95% bootstrap interval over seeds.",
        [_shown(label) for label in samples],
        panels,
    )


def _findings(
    setup: SynergySetup,
    winners: Sequence[Winner],
    samples: Mapping[str, Sample],
    singles: Mapping[str, Sample],
    differences: Mapping[str, Estimate],
) -> list[str]:
    target = setup.target
    found = [
        setup.study.sentence(),
        f"Each search had {setup.trials} trials of the schedule {setup.proxy}"
        + "".join(f", {name} {value}" for name, value in setup.proxy_changes.items())
        + f", seed {setup.search_seed}. One search each: the intervals are over the seeds of the final trainings and "
        "say nothing of other searches.",
    ]
    if target.device is not None:
        found.append(
            f"Equal latency: every network meets {target.target_ms:.3g} ms predicted for {target.device.label} with "
            "all tasks; a single-task search aims at that less the baseline's other heads."
        )
    else:
        found.append("No device: latency is not held equal. Compare the parameters.")
    for winner in winners:
        found.append(
            f"{_shown(winner.label)}: trial {winner.trial}, quality {winner.quality:.3f} in its search; "
            f"{winner.meeting} of {winner.considered} completed trials met the target with all tasks."
        )
    beaten = [label for label, d in differences.items() if d.low is not None and d.low > 0]
    for label, difference in differences.items():
        if difference.value is not None:
            points = cell_text(difference, percent=True)
            found.append(f"dT of the joint search less that of {_shown(label)}: {points} points.")
    if any(d.low is not None for d in differences.values()):
        found.append(
            "The claim shows: the joint search beats all others by whole intervals."
            if len(beaten) == len(differences)
            else f"The claim does not show as a whole: the joint search beats {len(beaten)} of {len(differences)} "
            "others by a whole interval."
        )
    for sample in (*samples.values(), *singles.values()):
        if sample.failed:
            found.append(f"{sample.failed} of the trainings of {sample.label} diverged and are left out.")
    return found
