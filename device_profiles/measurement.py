"""`Measurement`: what a runner found out about one model, or why it could not; raw repeats are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from edgenas.device_profiles.protocol import Protocol
from edgenas.errors import EdgenasError, UsageError

__all__ = [
    "FAILED",
    "MAX_STORED_REPEATS",
    "MEASURED",
    "OK",
    "SIMULATED",
    "Measurement",
    "instability",
    "quantile",
    "relative_gap",
]

OK = "ok"
FAILED = "failed"
MEASURED, SIMULATED = "measured", "simulated"
MAX_STORED_REPEATS = 400
"""Raw repeats stored per process: beyond that, evenly spaced ones of the series (it stays ordered in time)."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Latency of one model on one device: measured there, or simulated by the device's compiler; never predicted.

    Attributes:
        device: name of the device profile.
        configuration: name of the configuration in that profile.
        model_sha256: SHA-256 of the model file.
        status: "ok" or "failed".
        error: why the measurement failed, empty when it did not.
        repeats_ms: raw latencies in order, one tuple per process, at most `MAX_STORED_REPEATS` each.
        operator_ms: (event tag, ms) in order of execution, None where the runtime does not tell; of the process
            with the lowest total. See `operator_alignment.align_operators`.
        runtime: package that ran the model, e.g. "ai-edge-litert".
        runtime_version: its version.
        delegate: what executed the operators, e.g. "XNNPACK".
        threads: threads of the runtime.
        machine: CPU model and number of cores of the host.
        load_average: 1-minute load average of the host when each process began, as far as it is known.
        started_at: UTC time of the first process, ISO 8601.
        notes: remarks that a reader of the number should know, e.g. why there are no operator times.
        source: "measured" or "simulated".
        unstable: why the latency is not to be trusted, empty where it is; see `instability`.
        governor: clock governor of the CPU as each process began, as far as it can be read.
        temperature_c: temperatures before and after each process, degrees Celsius, as far as they can be read.
        details: further facts of one kind of device, JSON-ready, e.g. the options of benchmark_model.
    """

    device: str
    configuration: str
    model_sha256: str
    status: str
    error: str = ""
    repeats_ms: tuple[tuple[float, ...], ...] = ()
    operator_ms: tuple[tuple[str, float], ...] | None = None
    runtime: str = ""
    runtime_version: str = ""
    delegate: str = ""
    threads: int = 1
    machine: str = ""
    load_average: tuple[float, ...] = ()
    started_at: str = ""
    notes: tuple[str, ...] = ()
    source: str = MEASURED
    unstable: str = ""
    governor: str = ""
    temperature_c: tuple[float, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.source not in (MEASURED, SIMULATED):
            raise ValueError(f"`source` must be {MEASURED!r} or {SIMULATED!r}. Received {self.source!r}.")
        if self.status not in (OK, FAILED):
            raise ValueError(f"`status` must be {OK!r} or {FAILED!r}. Received {self.status!r}.")
        if self.status == OK and not (self.repeats_ms and all(self.repeats_ms)):
            raise ValueError("A measurement with status 'ok' needs at least one repeat in every process.")
        if self.status == FAILED and not self.error:
            raise ValueError("A failed measurement needs an error text.")

    @property
    def ok(self) -> bool:
        """Whether there is a latency."""
        return self.status == OK

    @property
    def process_medians_ms(self) -> tuple[float, ...]:
        """Median latency of each process."""
        return tuple(quantile(repeats, 0.5) for repeats in self.repeats_ms)

    @property
    def latency_ms(self) -> float:
        """Lowest per-process median: disturbances only ever add time.

        Raises:
            EdgenasError: the measurement failed.
        """
        if not self.ok:
            raise EdgenasError(f"No latency: measuring {self.model_sha256[:12]} failed: {self.error}")
        return min(self.process_medians_ms)

    @property
    def spread(self) -> float:
        """Interquartile range over median of the fastest process; 0 when the measurement failed."""
        if not self.ok:
            return 0.0
        medians = self.process_medians_ms
        best = self.repeats_ms[medians.index(min(medians))]
        if self.latency_ms <= 0:
            return 0.0
        return (quantile(best, 0.75) - quantile(best, 0.25)) / self.latency_ms

    @property
    def disagreement(self) -> float | None:
        """Relative gap between the two lowest per-process medians; None with fewer than two processes.

        Near zero means that two processes reached the same floor, which is better evidence than a small `spread`.
        """
        return relative_gap(self.process_medians_ms)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; tuples become lists."""
        data = asdict(self)
        data["repeats_ms"] = [list(repeats) for repeats in self.repeats_ms]
        data["operator_ms"] = (
            None if self.operator_ms is None else [list(event) for event in self.operator_ms]
        )
        data["load_average"] = list(self.load_average)
        data["notes"] = list(self.notes)
        data["temperature_c"] = list(self.temperature_c)
        data["details"] = dict(self.details)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str = "measurement") -> Measurement:
        """Reads what `to_dict` wrote.

        Raises:
            UsageError: the record is incomplete or malformed; the message names `source`.
        """
        try:
            operators = data["operator_ms"]
            return cls(
                device=str(data["device"]),
                configuration=str(data["configuration"]),
                model_sha256=str(data["model_sha256"]),
                status=str(data["status"]),
                error=str(data["error"]),
                repeats_ms=tuple(tuple(float(ms) for ms in repeats) for repeats in data["repeats_ms"]),
                operator_ms=None
                if operators is None
                else tuple((str(tag), float(ms)) for tag, ms in operators),
                runtime=str(data["runtime"]),
                runtime_version=str(data["runtime_version"]),
                delegate=str(data["delegate"]),
                threads=int(data["threads"]),
                machine=str(data["machine"]),
                load_average=tuple(float(load) for load in data["load_average"]),
                started_at=str(data["started_at"]),
                notes=tuple(str(note) for note in data["notes"]),
                # Tables of older versions have none of these.
                source=str(data.get("source", MEASURED)),
                unstable=str(data.get("unstable", "")),
                governor=str(data.get("governor", "")),
                temperature_c=tuple(float(c) for c in data.get("temperature_c", ())),
                details=dict(data.get("details", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{source} is not a complete measurement: {type(error).__name__}: {error}."
            ) from error


def instability(repeats_ms: Sequence[Sequence[float]], protocol: Protocol) -> str:
    """Why the processes of a model do not support a latency, empty where they do.

    Args:
        repeats_ms: latencies, one series per process.
        protocol: how it was measured; two processes must agree within its `agreement`.
    """
    gap = relative_gap([quantile(repeats, 0.5) for repeats in repeats_ms])
    if gap is None or gap <= protocol.agreement:
        return ""
    return (
        f"the two fastest of {len(repeats_ms)} processes differ by {gap:.1%} "
        f"({protocol.agreement:.0%} would be agreement)"
    )


def quantile(values: Sequence[float], fraction: float) -> float:
    """Linearly interpolated quantile of a non-empty series, as NumPy computes it by default."""
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def relative_gap(medians: Sequence[float]) -> float | None:
    """Relative gap between the two lowest medians; None for fewer than two."""
    lowest = sorted(medians)[:2]
    if len(lowest) < 2 or lowest[0] <= 0:
        return None
    return lowest[1] / lowest[0] - 1.0
