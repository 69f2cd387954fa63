"""What a search recommends, and `best.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles.measurement import MEASURED, SIMULATED
from edgenas.errors import UsageError
from edgenas.search.baseline import interval, other_devices
from edgenas.search.config import DEFAULT_ALGORITHM, SearchConfig
from edgenas.search.devices import SearchDevice
from edgenas.search.hypervolume import Hypervolume
from edgenas.search.pareto import pareto_front
from edgenas.search.record import TrialRecord
from edgenas.search.remeasured import Remeasured, read_remeasured
from edgenas.storage import read_json, write_json

__all__ = [
    "BEST_FILE",
    "SearchResult",
    "best_of",
    "nearest_to",
    "store_measurement",
    "summarise",
    "write_best",
]

BEST_FILE = "best.json"
FORMAT = "edgenas.best"


@dataclass(frozen=True)
class SearchResult:
    """The outcome of a search. A network over the latency target is never `best`.

    Attributes:
        run_dir: the run folder.
        target_ms: latency target, None for none.
        devices: see `SearchConfig.devices`.
        best: feasible trial with the highest reward ever, the earlier of equal ones; None when none is
            feasible.
        nearest: where none is feasible, the completed trial with the lowest latency; None when there is a
            best or nothing has completed.
        pareto: completed trials that no other beats in both quality and predicted latency, one per network,
            by rising latency; empty without a device.
        finished: number of finished trials.
        failed: how many of them failed or diverged.
        duplicates: how many took over the evaluation of an equal network.
        rejected: how many were not trained, for what the search requires.
        pruned: how many were not trained to the end, being behind others.
        require: see `SearchConfig.require`.
        max_parameters: see `SearchConfig.max_parameters`.
        max_activation_kib: see `SearchConfig.max_activation_kib`.
        max_sram_kib: see `SearchConfig.max_sram_kib`.
        sram_device: see `SearchConfig.sram_device`.
        algorithm: see `SearchConfig.algorithm`.
        hypervolume: of quality and predicted latency, and how it grew; None without a device.
        measured_ms: latency of `best` on the device, None when it is not known.
        measured_source: how it came about, "measured" or "simulated"; None where nothing was tried.
        ranking: what stand-alone training says of a one-shot search, see `edgenas.workflow.oneshot_ranking`.
            None for other searches.
        measured_error: why an attempt of this session gave no latency, else empty; never stored.
        first: what predictions alone recommend, where networks were measured after the search (`Remeasured`), with its
            latencies as they are known now; None elsewhere. It is `best` where nothing changed.
        first_predicted: the same with its latencies as they were predicted.
        remeasured: what was measured after the search; None for nothing.
    """

    run_dir: Path
    target_ms: float | None
    best: TrialRecord | None
    nearest: TrialRecord | None
    pareto: tuple[TrialRecord, ...]
    finished: int
    failed: int
    duplicates: int
    rejected: int = 0
    pruned: int = 0
    require: str | None = None
    max_parameters: int | None = None
    max_activation_kib: float | None = None
    algorithm: str = DEFAULT_ALGORITHM
    devices: tuple[SearchDevice, ...] = ()
    hypervolume: Hypervolume | None = None
    measured_ms: float | None = None
    measured_source: str | None = None
    measured_error: str = ""
    max_sram_kib: float | None = None
    sram_device: str | None = None
    first: TrialRecord | None = None
    first_predicted: TrialRecord | None = None
    remeasured: Remeasured | None = None
    ranking: Mapping[str, Any] | None = None

    @property
    def feasible(self) -> bool:
        """Whether a network meets the target."""
        return self.best is not None

    @property
    def required(self) -> dict[str, str | float]:
        """What candidates had to meet, by the names of `SearchConfig`; empty for nothing."""
        asked = {
            "require": self.require,
            "max_parameters": self.max_parameters,
            "max_activation_kib": self.max_activation_kib,
            "max_sram_kib": self.max_sram_kib,
            "sram_device": self.sram_device,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def with_measurement(self, measured_ms: float, source: str) -> SearchResult:
        """The same result with the latency of `best` on the device; `source` is "measured" or "simulated"."""
        return replace(self, measured_ms=measured_ms, measured_source=source, measured_error="")

    def with_failed_measurement(self, error: str, source: str) -> SearchResult:
        """The same result with the reason why `best` has no latency on the device; `source` as above."""
        return replace(self, measured_ms=None, measured_source=source, measured_error=error)

    def to_dict(self) -> dict[str, Any]:
        """The content of `best.json`."""
        rejected = {"rejected": self.rejected} if self.required else {}
        pruned = {"pruned": self.pruned} if self.pruned else {}
        judged = {} if self.ranking is None else {"ranking": dict(self.ranking)}
        unknown = {"measured_error": self.measured_error} if self.measured_error else {}
        return {
            "format": FORMAT,
            "version": 1,
            "algorithm": self.algorithm,
            "feasible": self.feasible,
            "target_ms": self.target_ms,
            **({"devices": [device.to_dict() for device in self.devices]} if self.devices else {}),
            **_described(self.best),
            "measured_ms": self.measured_ms,
            "measured_source": self.measured_source,
            **unknown,
            **judged,
            "metrics": None if self.best is None else dict(self.best.evaluation.metrics),
            **self._after_measuring(),
            "nearest": self._nearest(),
            "pareto": [
                {
                    "trial": record.number,
                    "quality": record.quality,
                    "predicted_ms": record.latency.predicted_ms,
                    "hash": record.architecture.hash,
                }
                for record in self.pareto
            ],
            "trials": {
                "finished": self.finished,
                "failed": self.failed,
                "duplicates": self.duplicates,
                **rejected,
                **pruned,
            },
            "hypervolume": self._hypervolume(),
            **self.required,
        }

    def _hypervolume(self) -> dict[str, Any] | None:
        if self.hypervolume is None or self.hypervolume.value is None:
            return None
        return {
            "value": self.hypervolume.value,
            "reference": {"quality": 0.0, "predicted_ms": self.hypervolume.reference_ms},
            "growth": [list(step) for step in self.hypervolume.growth],
        }

    def _after_measuring(self) -> dict[str, Any]:
        """What measuring after the search changed; nothing where nothing was measured."""
        if self.remeasured is None:
            return {}
        best = None if self.best is None else self.best.architecture.hash
        rows = [row for row in self.remeasured.rows if row.hash == best]
        return {
            "measured_on": {
                row.device: {
                    "measured_ms": row.measured_ms,
                    "measured_source": row.source,
                    "unstable": row.unstable,
                    "error": row.error,
                }
                for row in rows
            },
            "first_recommended": None if self.first is None else self._first(self.first),
            "remeasured_networks": len({row.hash for row in self.remeasured.rows}),
        }

    def _first(self, first: TrialRecord) -> dict[str, Any]:
        predicted = self.first_predicted or first
        return {
            "trial": first.number,
            "hash": first.architecture.hash,
            "quality": first.quality,
            "predicted_ms": predicted.latency.predicted_ms,
            "predicted_interval_ms": interval(predicted.latency),
            "measured_ms": first.latency.measured_ms,
            "feasible": first.feasible,
        }

    def _nearest(self) -> dict[str, Any] | None:
        if self.nearest is None:
            return None
        bound_ms, target_ms = self.nearest.latency.held_ms, self.target_ms
        gap_ms = None if bound_ms is None or target_ms is None else bound_ms - target_ms
        percent = None if gap_ms is None or target_ms is None else 100.0 * gap_ms / target_ms
        return {**_described(self.nearest), "gap_ms": gap_ms, "gap_percent": percent}


def best_of(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """The feasible trial with the highest reward, the earliest of equal ones."""
    candidates = [r for r in records if r.completed and r.feasible]
    return max(candidates, key=lambda r: (r.reward or 0.0, -r.number), default=None)


def nearest_to(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """The completed trial with the lowest latency, or with several devices the lowest ratio to a target; the one with
    the higher reward of equal ones."""
    candidates = [(r.latency, r) for r in records if r.completed and r.latency.minimised is not None]
    # What is held against the target, so that the nearest is the one whose shown gap is the smallest.
    held = [(lat.held_ms if lat.worst_ratio is None else lat.worst_ratio, r) for lat, r in candidates]
    found = min(
        held, key=lambda pair: (pair[0] or 0.0, -(pair[1].reward or 0.0), pair[1].number), default=None
    )
    return None if found is None else found[1]


def summarise(
    records: Sequence[TrialRecord], run_dir: Path, config: SearchConfig, hypervolume: Hypervolume
) -> SearchResult:
    """Finds the recommendation and the Pareto front among finished trials.

    Where networks were measured after the search, latencies count as `Remeasured` knows them; the front stays one of
    predicted latencies, corrected ones then.

    Raises:
        UsageError: `remeasured.json` is damaged.
    """
    remeasured = read_remeasured(run_dir)
    first_predicted = first = None
    if remeasured is not None and config.device is not None:
        first_predicted, predicted = best_of(records), records
        records = remeasured.corrected(predicted, config)
        if first_predicted is not None:
            first = records[predicted.index(first_predicted)]
    best = best_of(records)
    measured_ms, source = _known_measurement(run_dir / BEST_FILE, best)
    if remeasured is not None and best is not None:
        row = remeasured.row(best.architecture.hash, config.device_labels[0])
        if row is not None and row.measured_ms is not None:
            measured_ms, source = row.measured_ms, row.source
    networks: dict[str, TrialRecord] = {}
    for record in records:
        if record.completed and record.latency.predicted_ms is not None:
            networks.setdefault(record.architecture.hash, record)
    points = list(networks.values())
    front = pareto_front([r.quality or 0.0 for r in points], [r.latency.predicted_ms or 0.0 for r in points])
    return SearchResult(
        run_dir=run_dir,
        target_ms=config.target_ms,
        best=best,
        nearest=nearest_to(records) if best is None else None,
        pareto=tuple(points[i] for i in front),
        finished=len(records),
        failed=sum(not r.completed and not r.rejected and not r.pruned for r in records),
        duplicates=sum(r.duplicate_of is not None for r in records),
        rejected=sum(r.rejected for r in records),
        pruned=sum(r.pruned for r in records),
        require=config.require,
        max_parameters=config.max_parameters,
        max_activation_kib=config.max_activation_kib,
        max_sram_kib=config.max_sram_kib,
        sram_device=config.sram_device,
        algorithm=config.algorithm,
        devices=config.devices,
        hypervolume=hypervolume,
        measured_ms=measured_ms,
        measured_source=source,
        first=first,
        first_predicted=first_predicted,
        remeasured=remeasured,
    )


def write_best(result: SearchResult) -> None:
    """Writes `best.json` in one step."""
    write_json(result.run_dir / BEST_FILE, result.to_dict())


def store_measurement(run_dir: Path, measured_ms: float, source: str) -> None:
    """Adds the latency on the device to the recommendation in `best.json`.

    Args:
        run_dir: the run folder.
        measured_ms: latency in milliseconds.
        source: "measured" or "simulated", as a `Measurement` says.

    Raises:
        UsageError: there is no recommendation.
        ValueError: `source` is neither.
    """
    if source not in (MEASURED, SIMULATED):
        raise ValueError(f"`source` must be {MEASURED!r} or {SIMULATED!r}. Received {source!r}.")
    path = run_dir / BEST_FILE
    data = read_json(path, "recommendation")
    if not isinstance(data, dict) or data.get("architecture") is None:
        raise UsageError(f"{path} recommends no network, so there is none to measure.")
    write_json(path, {**data, "measured_ms": float(measured_ms), "measured_source": source})


def _described(record: TrialRecord | None) -> dict[str, Any]:
    return {
        "trial": None if record is None else record.number,
        "architecture": None if record is None else record.architecture.to_dict(),
        "hash": None if record is None else record.architecture.hash,
        "quality": None if record is None else record.quality,
        "reward": None if record is None else record.reward,
        "predicted_ms": None if record is None else record.latency.predicted_ms,
        "predicted_interval_ms": None if record is None else interval(record.latency),
        "predicted_bound_ms": None if record is None else record.latency.bound_ms,
        **({} if record is None else other_devices(record.latency)),
    }


def _known_measurement(path: Path, best: TrialRecord | None) -> tuple[float | None, str | None]:
    """What an earlier session found of the same network, and its source; a damaged file counts as none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if best is not None and data["hash"] == best.architecture.hash and data["measured_ms"] is not None:
            # Files of earlier versions do not say: they hold what was measured.
            simulated = data.get("measured_source") == SIMULATED
            return float(data["measured_ms"]), SIMULATED if simulated else MEASURED
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None, None
