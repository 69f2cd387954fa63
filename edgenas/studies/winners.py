"""The searches of the study of synergy, and the network that each gives for all tasks at the common target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.errors import EdgenasError
from edgenas.space import Architecture
from edgenas.workflow.devices import DeviceRequest, OpenDevice, open_devices

if TYPE_CHECKING:
    from edgenas.search import Event
    from edgenas.search.record import TrialRecord
    from edgenas.studies.plan import StudySetup

__all__ = ["SearchPlan", "Target", "Winner", "pick_winner", "run_study_search", "with_all_heads"]


@dataclass(frozen=True)
class Target:
    """The latency that every compared network must meet.

    Attributes:
        device: the device; None where no latency counts.
        target_ms: for a network with all tasks; None without a device.
        baseline: the MT edge baseline with all tasks.
        request: how the device was asked for.
    """

    device: OpenDevice | None
    target_ms: float | None
    baseline: Architecture
    request: DeviceRequest | None = None

    @classmethod
    def of(cls, request: DeviceRequest | None, baseline: Architecture) -> Target:
        """Opens the device; without a target that of the baseline counts.

        Raises:
            UsageError: the device or its predictor does not exist.
        """
        if request is None:
            return cls(None, None, baseline)
        device = open_devices([request])[0]
        return cls(device, device.target_for(baseline, None), baseline, request)

    def latency_ms(self, architecture: Architecture) -> float | None:
        """Predicted latency; None without a device."""
        return None if self.device is None else self.device.estimate(architecture).latency_ms

    def meets(self, architecture: Architecture) -> bool:
        """Whether a network with all tasks is quick enough."""
        latency = self.latency_ms(architecture)
        return latency is None or self.target_ms is None or latency <= self.target_ms * (1.0 + 1e-9)

    def for_tasks(self, tasks: Sequence[str]) -> float | None:
        """Target of a search for some tasks: what is left when the baseline's heads of the others are added."""
        whole, part = (
            self.latency_ms(network) for network in (self.baseline, self.baseline.with_tasks(tasks))
        )
        if self.target_ms is None or whole is None or part is None:
            return None
        # A target below the cost of the added heads has no such search; a tenth of it lets the search say so.
        return max(self.target_ms - (whole - part), self.target_ms / 10.0)


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """One search of the study; all have the same budget.

    Attributes:
        label: name of its winner in the table.
        tasks: tasks that it searches for.
        trials: evaluated children.
        seed: seed of the search.
        proxy: schedule of the candidates, a preset or a .toml file.
        schedule: what differs from it.
        target_ms: latency target of the search; None without a device.
    """

    label: str
    tasks: tuple[str, ...]
    trials: int
    seed: int
    proxy: str
    schedule: Mapping[str, Any] = field(default_factory=dict)
    target_ms: float | None = None

    def folder(self, root: Path, setup: StudySetup, target: Target) -> Path:
        """Its run folder; searches of the same space, data, budget and target share it."""
        info = setup.open(self.tasks).train.info
        made_from = {
            "space": setup.space,
            "data": info.fingerprint,
            "tasks": self.tasks,
            "trials": self.trials,
            "seed": self.seed,
            "proxy": self.proxy,
            "schedule": dict(self.schedule),
            "device": None
            if target.device is None
            else f"{target.device.device} {target.device.configuration}",
            "target_ms": self.target_ms,
        }
        name = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
        return root / "searches" / name


@dataclass(frozen=True)
class Winner:
    """What a search gives.

    Attributes:
        label: see `SearchPlan`.
        architecture: the network with all tasks.
        trial: number of the trial.
        quality: Q of the search for its own tasks.
        considered: completed trials.
        meeting: how many of them meet the target with all tasks.
    """

    label: str
    architecture: Architecture
    trial: int
    quality: float
    considered: int
    meeting: int


def run_study_search(
    plan: SearchPlan,
    setup: StudySetup,
    target: Target,
    folder: Path,
    on_event: Callable[[Event], None] | None = None,
) -> None:
    """Makes a search, or goes on with it; a finished one is left as it is.

    Raises:
        EdgenasError: see `start_search`.
    """
    from edgenas.search.config import CONFIG_FILE
    from edgenas.search.study import read_trials
    from edgenas.workflow.search import resume_search, start_search
    from edgenas.workflow.search_request import SearchRequest

    if (folder / CONFIG_FILE).exists():
        if len(read_trials(folder)) < plan.trials:
            resume_search(folder, on_event=on_event)
        return
    asked = target.request
    population = max(4, min(50, plan.trials // 4))
    request = SearchRequest(
        space=setup.space,
        data=replace(setup.data, tasks=plan.tasks),
        device=None if asked is None else asked.device,
        configuration=None if asked is None else asked.configuration,
        predictor_dir=None if asked is None else asked.predictor_dir,
        target_ms=plan.target_ms,
        trials=plan.trials,
        population=population,
        tournament=max(2, population // 5),
        seed=plan.seed,
        proxy=plan.proxy,
        schedule=plan.schedule,
    )
    start_search(request, folder, on_event=on_event)


def pick_winner(plan: SearchPlan, target: Target, trials: Sequence[TrialRecord]) -> Winner:
    """The trial of the highest quality whose network, with all heads, meets the common target; the earlier of equals.

    Raises:
        EdgenasError: no completed trial does.
    """
    completed = [trial for trial in trials if trial.quality is not None]
    networks = {trial.number: with_all_heads(trial.architecture, target.baseline) for trial in completed}
    meeting = [trial for trial in completed if target.meets(networks[trial.number])]
    if not meeting:
        raise EdgenasError(
            f"None of the {len(completed)} completed trials of the {plan.label} meets {target.target_ms:.3g} ms with "
            "all tasks. Give a higher --target-ms, or more --trials."
        )
    best = max(meeting, key=lambda trial: (trial.quality or 0.0, -trial.number))
    return Winner(
        plan.label,
        networks[best.number],
        best.number,
        best.quality or 0.0,
        len(completed),
        len(meeting),
    )


def with_all_heads(architecture: Architecture, baseline: Architecture) -> Architecture:
    """The network with the baseline's heads for the tasks that it was not searched for."""
    added = tuple(head for head in baseline.heads if head.task not in architecture.tasks)
    return replace(architecture, heads=(*architecture.heads, *added))
