"""Measures the exported models in rounds, each of them later in time, within a budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Runner
from edgenas.profiling.plan import PlannedModel
from edgenas.profiling.table import MeasurementTable, disagreement

__all__ = ["collect"]

_UNDISTURBED = 2

Progress = Callable[[str, int, int], None]


def collect(
    runner: Runner,
    models: Sequence[PlannedModel],
    paths: Mapping[str, Path],
    table: MeasurementTable,
    protocol: Protocol,
    *,
    deadline: float,
    seed: int,
    progress: Progress,
    least: int = 1,
) -> None:
    """Fills the table.

    A round measures every model by one process. A neighbour on the machine can slow a whole process down
    without widening its spread, so rounds are as far apart in time as the budget allows: all models first,
    then all again. After `protocol.processes` rounds, models whose two fastest processes still differ by more
    than `protocol.agreement`, or that fewer than two processes measured undisturbed, get further rounds, up to
    `protocol.max_processes`; the same call on a table that has used these up gives them as many again, for the
    machine may be quieter now. Operator times are taken in the first round.

    Args:
        runner: measures.
        models: the models, in the order of the plan.
        paths: model name to file.
        table: what it holds is not measured again.
        protocol: how often and how long.
        deadline: `time.monotonic()` after which no further model is measured, but for the first `least`.
        seed: orders the models within a round.
        progress: called with a text, the number of the measured models of the round and their total.
        least: so many models are measured once whatever the time: fewer would make no predictor.
    """
    once = replace(protocol, processes=1, max_processes=1)
    for number in range(_rounds(protocol, table)):
        due = [m for m in models if not table.failed(m.name)]
        if number >= protocol.processes:
            due = [m for m in due if _in_doubt(table, m, protocol.agreement)]
        total = len(due)
        due = [m for m in due if not table.has(m.name, number)]
        if not due:
            continue
        order = np.random.default_rng([seed, 2, number]).permutation(len(due))
        if number == 0:
            order = np.arange(len(due))  # The most telling first, should the time end here.
        due = [due[i] for i in order]
        title = "measuring" if number < protocol.processes else "measuring again where processes disagree"
        measurements = runner.measure([paths[m.name] for m in due], once, operators=number == 0)
        for position, (model, measurement) in enumerate(zip(due, measurements, strict=False), start=1):
            table.add(model, number, measurement)
            progress(f"{title}, round {number + 1}", total - len(due) + position, total)
            enough = number > 0 or total - len(due) + position >= least
            if time.monotonic() >= deadline and position < len(due) and enough:
                return
        if time.monotonic() >= deadline:
            return


def _rounds(protocol: Protocol, table: MeasurementTable) -> int:
    """How many rounds there may be: where all of an earlier call are used up, some more for what still disagrees."""
    usual = max(protocol.processes, protocol.max_processes)
    further = usual - protocol.processes
    return usual if not further or table.rounds < usual else table.rounds + further


def _in_doubt(table: MeasurementTable, model: PlannedModel, agreement: float) -> bool:
    """Whether the two fastest processes differ; two that were both disturbed may agree by chance."""
    gap = disagreement(table.medians_ms(model.name))
    return gap is None or gap > agreement or table.undisturbed(model.name) < _UNDISTURBED
