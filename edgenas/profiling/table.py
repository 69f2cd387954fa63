"""The table of a profile: one line per model and process, appended as soon as it is measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.operator_alignment import align_operators
from edgenas.graph import read_tflite
from edgenas.latency_models.design_matrix import Row
from edgenas.profiling.plan import PlannedModel
from edgenas.storage import append_jsonl, read_jsonl

__all__ = ["MeasurementTable", "disagreement"]


class MeasurementTable:
    """Measurements by model and round, kept in `measurements.jsonl`.

    Args:
        path: the file; what it holds already counts as measured.
        sha256: SHA-256 of each model's file. Lines about other files (a model was exported anew by other versions)
            stay in the table but are not used.
    """

    def __init__(self, path: Path, sha256: Mapping[str, str]) -> None:
        self._path = path
        self._rounds: dict[str, dict[int, Measurement]] = defaultdict(dict)
        for line, record in enumerate(read_jsonl(path), start=1):
            name, number = record.get("name"), record.get("round")
            if not isinstance(name, str) or not isinstance(number, int) or name not in sha256:
                continue
            measurement = Measurement.from_dict(record.get("measurement", {}), f"{path}, record {line}")
            if measurement.model_sha256 == sha256[name]:
                self._rounds[name][number] = measurement

    def add(self, model: PlannedModel, number: int, measurement: Measurement) -> None:
        """Stores the measurement of a model in a round; on the disk when this returns."""
        record: dict[str, Any] = {
            "name": model.name,
            "round": number,
            "kind": model.kind,
            "dtype": model.dtype,
            "architecture": model.architecture.to_dict(),
            "measurement": measurement.to_dict(),
        }
        append_jsonl(self._path, record)
        self._rounds[model.name][number] = measurement

    @property
    def rounds(self) -> int:
        """How many rounds have begun."""
        return 1 + max((number for rounds in self._rounds.values() for number in rounds), default=-1)

    def has(self, name: str, number: int) -> bool:
        """Whether a model has been measured in a round, successfully or not."""
        return number in self._rounds[name]

    def failed(self, name: str) -> str:
        """Why a model cannot be measured; empty when some round succeeded or none has begun."""
        found = list(self._rounds[name].values())
        return found[-1].error if found and not any(m.ok for m in found) else ""

    def medians_ms(self, name: str) -> list[float]:
        """Median latency of every process that measured the model, fastest first."""
        return sorted(ms for m in self._rounds[name].values() if m.ok for ms in m.process_medians_ms)

    def undisturbed(self, name: str) -> int:
        """How many rounds measured the model without a sign of other programs on the processor."""
        return sum(m.ok and not m.unstable for m in self._rounds[name].values())

    def row(self, model: PlannedModel, path: Path) -> Row | None:
        """What the fit reads of a model, None when it has no latency."""
        medians = self.medians_ms(model.name)
        if not medians:
            return None
        graph = read_tflite(path)
        profiled = [m.operator_ms for m in self._rounds[model.name].values() if m.operator_ms is not None]
        operators = None
        if profiled:
            best = min(profiled, key=lambda events: sum(ms for _, ms in events))
            operators = align_operators([o.type for o in graph.operators], best, graph.wiring)
        return Row(
            name=model.name,
            group=model.architecture.hash,
            graph=graph,
            measured_ms=medians[0],
            operator_ms=operators,
            kind=model.kind,
            disagreement=disagreement(medians),
        )

    def round_shift(self, models: Sequence[PlannedModel]) -> dict[int, float]:
        """Per round by how much the typical model was slower than its best, relative.

        Every model is measured in every round, so this shows when the whole machine was slow; nothing is corrected
        by it, because the best of the rounds already leaves such a round out.
        """
        shifts: dict[int, list[float]] = defaultdict(list)
        for model in models:
            best = self.medians_ms(model.name)[:1]
            for number, measurement in self._rounds[model.name].items():
                if measurement.ok:
                    shifts[number].append(measurement.latency_ms / best[0] - 1.0)
        return {number: median(values) for number, values in sorted(shifts.items())}

    def any_measurement(self) -> Measurement | None:
        """One of the successful measurements, for the facts about runtime and machine."""
        return next((m for rounds in self._rounds.values() for m in rounds.values() if m.ok), None)


def disagreement(medians_ms: Sequence[float]) -> float | None:
    """Relative gap between the two lowest of ascending medians, None for fewer than two."""
    return medians_ms[1] / medians_ms[0] - 1.0 if len(medians_ms) > 1 else None
