"""Measuring several models in interleaved rounds: every round is a new process that measures all of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from typing import Protocol as Shape

from edgenas.device_profiles.measurement import instability, quantile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.worker_process import WorkerFailureError

__all__ = ["Series", "Worker", "measure_in_rounds"]

_LOADING_SECONDS = 60.0
# Two processes beside a third that computes all the time agree, on twice the latency. Medians bear few such repeats.
_FEW = 0.25


class Worker(Shape):
    """A process that measures, here or on a board.

    Attributes:
        greeting: "load_average" and "notes" of its start, where they are known before the first answer.
    """

    greeting: dict[str, Any]

    def answers(self, job: dict[str, Any], timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Hands in a job and yields its answers; raises WorkerFailureError where the process failed."""

    def close(self) -> None:
        """Ends the process."""


@dataclass
class Series:
    """What the rounds found out about one model.

    Attributes:
        model: the file.
        repeats_ms: latencies, one tuple per process that succeeded.
        operator_ms: operator times of the process with the lowest total.
        load_average: load when each process began.
        temperature_c: temperatures before and after each process, where they can be read.
        governors: clock governors that the processes began with.
        interrupted: of each process the share of repeats in which others took the CPU; 0 where that is not told.
        facts: runtime, versions, machine and kernels, as the last process told them.
        notes: remarks of the worker and about failed processes.
        error: why the last process failed, empty when none did.
    """

    model: Path
    repeats_ms: list[tuple[float, ...]] = field(default_factory=list)
    operator_ms: tuple[tuple[str, float], ...] | None = None
    load_average: list[float] = field(default_factory=list)
    temperature_c: list[float] = field(default_factory=list)
    governors: list[str] = field(default_factory=list)
    interrupted: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def details(self) -> dict[str, Any]:
        """What only some readers of the number want to know: versions, and how far others had the CPU."""
        told: dict[str, Any] = {key: self.facts[key] for key in ("python", "numpy") if key in self.facts}
        return {**told, "interrupted": self.interrupted} if told else {}

    def add(self, repeats_ms: Sequence[float], facts: dict[str, Any]) -> None:
        """Adds what one process measured, and the facts that it told beside it."""
        self.repeats_ms.append(tuple(float(ms) for ms in repeats_ms))
        self.facts = facts
        self.interrupted.append(float(facts.get("interrupted") or 0.0))
        if facts.get("load_average") is not None:
            self.load_average.append(facts["load_average"])
        self.temperature_c += facts.get("temperature_c", ())
        if facts.get("governor") and facts["governor"] not in self.governors:
            self.governors.append(facts["governor"])

    def instability(self, protocol: Protocol) -> str:
        """Why the latency is not to be trusted, empty where it is: processes that disagree, or a busy CPU."""
        medians = [quantile(repeats, 0.5) for repeats in self.repeats_ms]
        share = self.interrupted[medians.index(min(medians))]
        busy = f"others took the CPU in {share:.0%} of the fastest process's repeats" if share > _FEW else ""
        return "; ".join(filter(None, (instability(self.repeats_ms, protocol), busy)))

    def note(self, text: str) -> None:
        """Adds a remark once."""
        if text and text not in self.notes:
            self.notes.append(text)


def measure_in_rounds(
    models: Sequence[Path],
    protocol: Protocol,
    start: Callable[[], Worker],
    *,
    delegate: dict[str, Any] | None = None,
    operators: bool = False,
    timeout_seconds: float | None = None,
) -> Generator[Series, None, None]:
    """Measures models by at least `protocol.processes` processes each, unstable ones by further processes.

    The order turns round in every other round, so that no model is always the first. A process that fails on a
    model takes no other model with it: the rest of the round goes on in a new process.

    Yields one series per model, in order: where there is one round only, each as soon as its model is measured, so that
    nothing is lost when the caller is stopped; else when the last round is over.

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
    rounds = max(protocol.processes, protocol.max_processes)
    for turn in range(rounds):
        if turn < protocol.processes:
            due = [(i, s) for i, s in enumerate(series) if not s.error]
        else:
            due = [(i, s) for i, s in enumerate(series) if not s.error and s.instability(protocol)]
        if not due:
            break
        for measured in _Round(protocol, start, delegate, timeout_seconds, turn).run(
            due if turn % 2 == 0 else due[::-1], operators and turn < protocol.processes
        ):
            if rounds == 1:
                yield measured
    if rounds > 1:
        yield from series


class _Round:
    """One pass over the models."""

    def __init__(
        self,
        protocol: Protocol,
        start: Callable[[], Worker],
        delegate: dict[str, Any] | None,
        timeout_seconds: float,
        turn: int,
    ) -> None:
        self._turn = turn
        self._protocol = protocol
        self._start = start
        self._delegate = delegate
        self._timeout_seconds = timeout_seconds

    def run(self, due: Sequence[tuple[int, Series]], operators: bool) -> Iterator[Series]:
        """Measures the numbered models in this order; yields each when it is measured."""
        worker: Worker | None = None
        try:
            for number, series in due:
                if worker is None:
                    worker = self._start()
                try:
                    self._measure(worker, number, series, operators)
                except WorkerFailureError as error:
                    worker = None
                    self._failed(series, str(error))
                yield series
        finally:
            if worker is not None:
                worker.close()

    def _measure(self, worker: Worker, number: int, series: Series, operators: bool) -> None:
        job = {
            "id": number,
            "turn": self._turn,
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
                series.add(
                    answer["repeats_ms"],
                    {"load_average": worker.greeting.get("load_average"), **answer.get("facts", {})},
                )
                self._has_latency = True
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
