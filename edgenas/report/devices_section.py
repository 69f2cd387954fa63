"""A search for several devices: the targets and what is predicted for the winner and the baseline on each."""

from __future__ import annotations

from edgenas.report.coerce import as_number, as_text
from edgenas.report.markup import Cell, Html, join, note, table
from edgenas.report.run_data import Candidate, RunData
from edgenas.report.wording import interval, ms

__all__ = ["devices_table"]


def devices_table(run: RunData) -> Html | None:
    """One row per device; None where there are not several."""
    devices = run.config.devices
    if not devices:
        return None
    rows: list[list[Cell]] = []
    for number, device in enumerate(devices):
        label, target = as_text(device.get("label")), as_number(device.get("target_ms"))
        predicted, bounds = _predicted(run.best, label, first=number == 0)
        base, _ = _predicted(run.baseline, label, first=number == 0)
        rows.append(
            [
                label,
                f"{as_text(device.get('device'))}, {as_text(device.get('configuration'))}",
                ms(target),
                ms(predicted),
                interval(*bounds) if bounds else None,
                f"{100 * predicted / target:.0f}%" if predicted is not None and target else None,
                ms(base),
            ]
        )
    whose = "the nearest network" if run.best and not run.best.feasible else "the recommended network"
    header: list[Cell] = [
        "device",
        "which is",
        "target",
        "predicted",
        "90% interval",
        "of the target",
        "baseline",
    ]
    words = "Every target counts: the reward has a factor for each device. The figures below are about the first one."
    return join(
        (table(f"Predicted latency of {whose} on each device", header, rows, text_columns=2), note(words))
    )


def _predicted(
    candidate: Candidate | None, label: str, *, first: bool
) -> tuple[float | None, tuple[float, float] | None]:
    if candidate is None:
        return None, None
    if first:
        return candidate.predicted_ms, candidate.interval_ms
    return candidate.others.get(label, (None, None))
