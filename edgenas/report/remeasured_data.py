"""Reads `remeasured.json`: what was measured after a search; what has the wrong type counts as absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgenas.report.coerce import as_list, as_mapping, as_number, as_source, as_text

__all__ = ["RemeasuredRow", "Remeasurement", "read_remeasurement"]


@dataclass(frozen=True, slots=True)
class RemeasuredRow:
    """One network on one device, latencies in milliseconds.

    Attributes:
        trial: number of its trial.
        hash: the network.
        device: label of the device.
        predicted_ms: as the search predicted it.
        corrected_ms: as the corrected predictor does.
        measured_ms: on the device, None where that failed.
        source: "measured" or "simulated".
        remark: why the latency is missing or not to be trusted; empty where all is well.
        ranks: rank before and after, by what would be recommended.
        within: whether it met every target before and after.
    """

    trial: str
    hash: str
    device: str
    predicted_ms: float | None
    corrected_ms: float | None
    measured_ms: float | None
    source: str
    remark: str
    ranks: tuple[float | None, float | None]
    within: tuple[bool, bool]


@dataclass(frozen=True, slots=True)
class Remeasurement:
    """Everything that was measured after the search.

    Attributes:
        rows: one per network and device.
        corrections: device to its correction, as stored.
        absent: device to why it could not be measured.
        date: of the last measurement.
    """

    rows: tuple[RemeasuredRow, ...]
    corrections: dict[str, dict[str, Any]]
    absent: dict[str, str]
    date: str


def read_remeasurement(raw: dict[str, Any]) -> Remeasurement:
    """The content of `remeasured.json`."""
    networks = {as_text(n.get("hash")): n for n in map(as_mapping, as_list(raw.get("networks")))}
    rows = []
    for row in map(as_mapping, as_list(raw.get("rows"))):
        network = networks.get(as_text(row.get("hash")), {})
        rows.append(
            RemeasuredRow(
                trial=as_text(row.get("trial")),
                hash=as_text(row.get("hash")),
                device=as_text(row.get("device")),
                predicted_ms=as_number(row.get("predicted_ms")),
                corrected_ms=as_number(row.get("predicted_after_ms")),
                measured_ms=as_number(row.get("measured_ms")),
                source=as_source(row.get("source")),
                remark=as_text(row.get("error")) or as_text(row.get("unstable")),
                ranks=(as_number(network.get("rank_before")), as_number(network.get("rank_after"))),
                within=(network.get("feasible_before") is True, network.get("feasible_after") is True),
            )
        )
    return Remeasurement(
        rows=tuple(rows),
        corrections={k: as_mapping(v) for k, v in as_mapping(raw.get("corrections")).items()},
        absent={k: as_text(v) for k, v in as_mapping(raw.get("absent")).items()},
        date=as_text(raw.get("date")),
    )
