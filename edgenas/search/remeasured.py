"""`Remeasured`: networks of a finished search measured on its devices, and what that changes (`remeasured.json`).

The study is never rewritten: what a trial was told stays. Ranks, rewards and feasibility are derived anew from the
measured rows whenever they are needed: a measured network counts with its latency on the device (where that is
unstable too: disturbances only ever add time), every other one with the corrected prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles.measurement import FAILED, MEASURED, OK, SIMULATED
from edgenas.errors import UsageError
from edgenas.search.config import SearchConfig
from edgenas.search.objective import Latency, Objective, judge_of
from edgenas.search.recalibration import MeasuredPair, Recalibration, recalibrate
from edgenas.search.record import TrialRecord
from edgenas.storage import read_json, write_json

__all__ = ["REMEASURED_FILE", "MeasuredRow", "Remeasured", "ranking", "read_remeasured", "write_remeasured"]

REMEASURED_FILE = "remeasured.json"
FORMAT = "edgenas.remeasured"


@dataclass(frozen=True)
class MeasuredRow:
    """One network on one device.

    Attributes:
        hash: the network.
        trial: number of the trial that found it.
        device: label of the device.
        predicted_ms: what was predicted for it.
        low_ms: lower end of the interval.
        high_ms: upper end of the interval.
        status: "ok" or "failed".
        measured_ms: latency on the device, None where it failed.
        source: "measured" or "simulated".
        unstable: why the latency is not to be trusted, empty where it is.
        disagreement: relative gap between the two fastest processes, None where not known.
        error: why it failed, empty where it did not.
        date: when, UTC, ISO 8601.
        machine: what it was measured on.
        runtime: program that ran it.
    """

    hash: str
    trial: int
    device: str
    predicted_ms: float
    low_ms: float
    high_ms: float
    status: str = OK
    measured_ms: float | None = None
    source: str = MEASURED
    unstable: str = ""
    disagreement: float | None = None
    error: str = ""
    date: str = ""
    machine: str = ""
    runtime: str = ""

    @property
    def settled(self) -> bool:
        """Whether measuring again would tell nothing new."""
        return self.status == OK and not self.unstable

    def pair(self) -> MeasuredPair | None:
        """What the correction reads of it."""
        if self.measured_ms is None:
            return None
        return MeasuredPair(self.predicted_ms, self.high_ms, self.measured_ms, self.disagreement)


@dataclass(frozen=True)
class Remeasured:
    """What was measured after a search.

    Attributes:
        asked: how many networks were asked for.
        rows: at most one per network and device, in the order in which they were first measured.
        absent: label of each device that could not be reached when it was last tried, and why.
    """

    asked: int
    rows: tuple[MeasuredRow, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)

    def row(self, hash_: str, device: str) -> MeasuredRow | None:
        """The row of a network on a device."""
        return next((r for r in self.rows if (r.hash, r.device) == (hash_, device)), None)

    def with_row(self, row: MeasuredRow) -> Remeasured:
        """The same with another row, in the place of an earlier one of the same network and device."""
        if self.row(row.hash, row.device) is None:
            return replace(self, rows=(*self.rows, row))
        same = (row.hash, row.device)
        return replace(self, rows=tuple(row if (r.hash, r.device) == same else r for r in self.rows))

    def recalibration(self, device: str) -> Recalibration:
        """The correction of a device's predictor."""
        pairs = [p for r in self.rows if r.device == device and (p := r.pair()) is not None]
        return recalibrate(pairs)

    def corrected(self, records: Sequence[TrialRecord], config: SearchConfig) -> list[TrialRecord]:
        """The trials with latency, feasibility and reward as they are known now; those without a score as they were."""
        judge = judge_of(config)
        labels = config.device_labels
        corrections = {label: self.recalibration(label) for label in labels}
        return [
            self._corrected(record, judge, corrections, labels) if record.completed else record
            for record in records
        ]

    def _corrected(
        self,
        record: TrialRecord,
        judge: Objective,
        corrections: Mapping[str, Recalibration],
        labels: Sequence[str],
    ) -> TrialRecord:
        def known(label: str, latency: Latency) -> Latency:
            row = self.row(record.architecture.hash, label)
            found = corrections[label].of(latency)
            return found if row is None else replace(found, measured_ms=row.measured_ms)

        first, *others = labels
        latency = known(first, record.latency)
        own = record.latency.others
        latency = replace(latency, others={o: known(o, own[o]) for o in others if o in own})
        latency = judge.with_ratio(latency)
        return replace(
            record,
            latency=latency,
            feasible=judge.feasible(latency),
            reward=judge.reward(record.quality or 0.0, latency),
        )

    def to_dict(self, records: Sequence[TrialRecord], config: SearchConfig) -> dict[str, Any]:
        """The content of `remeasured.json`: the rows, and for people what follows from them."""
        after = self.corrected(records, config)
        places = [{r.architecture.hash: i for i, r in enumerate(ranking(rs), 1)} for rs in (records, after)]
        found = [{r.architecture.hash: r for r in reversed(ranking(rs))} for rs in (records, after)]
        networks = []
        for hash_ in dict.fromkeys(row.hash for row in self.rows):
            if hash_ not in found[0]:
                continue
            before_record, after_record = found[0][hash_], found[1][hash_]
            networks.append(
                {
                    "hash": hash_,
                    "trial": before_record.number,
                    "quality": before_record.quality,
                    "rank_before": places[0][hash_],
                    "rank_after": places[1][hash_],
                    "feasible_before": before_record.feasible,
                    "feasible_after": after_record.feasible,
                    "reward_before": before_record.reward,
                    "reward_after": after_record.reward,
                }
            )
        rows = []
        for row in self.rows:
            correction = self.recalibration(row.device)
            rows.append({**asdict(row), "predicted_after_ms": correction.ms(row.predicted_ms)})
        return {
            "format": FORMAT,
            "version": 1,
            "asked": self.asked,
            "date": max((row.date for row in self.rows), default=""),
            "corrections": {label: self.recalibration(label).to_dict() for label in config.device_labels},
            "absent": dict(self.absent),
            "networks": networks,
            "rows": rows,
        }


def ranking(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The completed networks as they would be recommended: feasible ones first, then by reward; one trial for each."""
    ordered = sorted(
        (r for r in records if r.completed), key=lambda r: (not r.feasible, -(r.reward or 0.0), r.number)
    )
    networks: dict[str, TrialRecord] = {}
    for record in ordered:
        networks.setdefault(record.architecture.hash, record)
    return list(networks.values())


def read_remeasured(run_dir: Path) -> Remeasured | None:
    """What was measured after a search; None where nothing was.

    Raises:
        UsageError: the file is damaged.
    """
    path = run_dir / REMEASURED_FILE
    if not path.exists():
        return None
    try:
        data = read_json(path, "measurements after the search")
        if data["format"] != FORMAT or data["version"] != 1:
            raise ValueError(f"expected format {FORMAT!r}, version 1")
        rows = tuple(_row(entry) for entry in data["rows"])
        absent = {str(label): str(why) for label, why in data["absent"].items()}
        return Remeasured(int(data["asked"]), rows, absent)
    except (LookupError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise UsageError(
            f"{path} is damaged ({error}). Delete it, then measure again with: edgenas search --resume {run_dir} "
            "--remeasure K"
        ) from error


def write_remeasured(
    run_dir: Path, remeasured: Remeasured, records: Sequence[TrialRecord], config: SearchConfig
) -> None:
    """Writes `remeasured.json` in one step."""
    write_json(run_dir / REMEASURED_FILE, remeasured.to_dict(records, config))


def _row(entry: Mapping[str, Any]) -> MeasuredRow:
    row = MeasuredRow(**{name: entry[name] for name in MeasuredRow.__dataclass_fields__})
    numbers = [row.predicted_ms, row.low_ms, row.high_ms]
    numbers += [] if row.measured_ms is None else [row.measured_ms]
    if row.status not in (OK, FAILED) or row.source not in (MEASURED, SIMULATED) or not min(numbers) > 0:
        raise ValueError(f"row of network {row.hash} on {row.device}")
    return row
