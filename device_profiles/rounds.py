"""Measuring several models in interleaved rounds: every round is a new process that measures all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgenas.device_profiles.measurement import quantile, relative_gap
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.worker_process import WorkerFailureError, WorkerProcess

__all__ = ["Series", "measure_in_rounds"]

_LOADING_SECONDS = 60.0


@dataclass
class Series:
    """What the rounds found out about one model.

    Attributes:
        model: the file.
        repeats_ms: latencies, one tuple per process that succeeded.
        operator_ms: operator times of the process with the lowest total.
        load_average: load when each process began.
        notes: remarks of the worker and about failed processes.
        error: why the last process failed, empty when none did.
    """

    model: Path
    repeats_ms: list[tuple[float, ...]] = field(default_factory=list)
    operator_ms: tuple[tuple[str, float], ...] | None = None
    load_average: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def disagreement(self) -> float:
        """Relative gap between the two lowest per-process medians; 0 for fewer than two."""
        return relative_gap([quantile(repeats, 0.5) for repeats in self.repeats_ms]) or 0.0

    def note(self, text: str) -> None:
        """Adds a remark once."""
        if text and text not in self.notes:
            self.notes.append(text)


def measure_in_rounds(
    models: Sequence[Path],
    protocol: Protocol,
    start: Callable[[], WorkerProcess],
    *,
    delegate: dict[str, Any] | None = None,
    operators: bool = False,
    timeout_seconds: float | None = None,
) -> list[Series]:
    """Measures models by at least `protocol.processes` processes each.

    The order turns round in every other round, so that no model is always the first. A process that fails on a
    model takes no other model with it: the rest of the round goes on in a new process.

    Args:
        models: the files.
        protocol: how to measure.
        start: starts a worker process.
        delegate: "library" and "options" of a delegate to load, None for the runtime's own kernels.
        operators: whether to ask for operator times.
        timeout_seconds: longest time for one model in one process, by default derived from the protocol.

    Raises:
        WorkerFailureError: a worker process does not even start.
    """
    if timeout_seconds is None:
        timeout_seconds = _LOADING_SECONDS + 4 * (protocol.warmup_seconds + protocol.max_seconds)
    series = [Series(model) for model in models]
    for turn in range(max(protocol.processes, protocol.max_processes)):
        if turn < protocol.processes:
            due = [s for s in series if not s.error]
        else:
            due = [s for s in series if not s.error and s.disagreement > protocol.agreement]
        if not due:
            break
        _Round(protocol, start, delegate, timeout_seconds).run(
            due if turn % 2 == 0 else due[::-1], operators and turn < protocol.processes
        )
    return series


class _Round:
    """One pass over the models."""

    def __init__(
        self,
        protocol: Protocol,
        start: Callable[[], WorkerProcess],
        delegate: dict[str, Any] | None,
        timeout_seconds: float,
    ) -> None:
        self._protocol = protocol
        self._start = start
        self._delegate = delegate
        self._timeout_seconds = timeout_seconds

    def run(self, due: Sequence[Series], operators: bool) -> None:
        worker: WorkerProcess | None = None
        try:
            for number, series in enumerate(due):
                if worker is None:
                    worker = self._start()
                try:
                    self._measure(worker, number, series, operators)
                except WorkerFailureError as error:
                    worker = None
                    self._failed(series, str(error))
        finally:
            if worker is not None:
                worker.close()

    def _measure(self, worker: WorkerProcess, number: int, series: Series, operators: bool) -> None:
        job = {
            "id": number,
            "model": str(series.model),
            "protocol": self._protocol.to_dict(),
            "delegate": self._delegate,
            "operators": operators,
        }
        self._has_latency = False
        for text in worker.greeting.get("notes", ()):
            series.note(text)
        for answer in worker.answers(job, self._timeout_seconds):
            if answer["kind"] == "latency":
                series.repeats_ms.append(tuple(float(ms) for ms in answer["repeats_ms"]))
                self._has_latency = True
                if worker.greeting.get("load_average") is not None:
                    series.load_average.append(worker.greeting["load_average"])
                for text in answer["notes"]:
                    series.note(text)
            elif answer["kind"] == "operators":
                _keep_best(series, answer)
            elif answer["kind"] == "error":
                self._failed(series, answer["error"])

    def _failed(self, series: Series, error: str) -> None:
        if self._has_latency:
            series.note(f"no operator times from one process: {error}")
        else:
            series.error = error


def _keep_best(series: Series, answer: dict[str, Any]) -> None:
    series.note(answer["note"])
    if answer["events"] is None:
        return
    events = tuple((str(tag), float(ms)) for tag, ms in answer["events"])
    if series.operator_ms is None or sum(ms for _, ms in events) < sum(ms for _, ms in series.operator_ms):
        series.operator_ms = events
