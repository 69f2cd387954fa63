"""`WorkerRunner`: what runners that measure through worker processes have in common, here or on a board."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import cpu_model, file_sha256, installed_runtime
from edgenas.device_profiles.measurement import FAILED, OK, Measurement
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.rounds import Series, Worker, measure_in_rounds
from edgenas.device_profiles.runner import RUNTIME, Runner
from edgenas.device_profiles.worker_process import WORKER_COMMAND, WorkerFailureError, WorkerProcess
from edgenas.errors import EdgenasError

__all__ = ["WorkerRunner"]


class WorkerRunner(Runner):
    """Measures with LiteRT in worker processes, by default child processes of this machine.

    Args:
        profile: the device.
        configuration: the configuration of it that is measured.
        chunk: models that share a round; their measurements are yielded when its last round is over, or one by one
            where one process per model is asked for.
        timeout_seconds: longest time for one model in one process, None to derive it from the protocol.
        command: the worker program.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        configuration: Configuration,
        *,
        chunk: int = 16,
        timeout_seconds: float | None = None,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        super().__init__(profile, configuration)
        if chunk < 1:
            raise ValueError(f"`chunk` must be at least 1. Received {chunk}.")
        self._chunk = chunk
        self._timeout_seconds = timeout_seconds
        self._command = tuple(command)

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Measures .tflite files, one measurement per model in order; see `Runner.measure`.

        Raises:
            EdgenasError: the device is not available, or no worker process starts at all.
        """
        protocol = protocol or self.protocol
        for first in range(0, len(models), self._chunk):
            chunk = [Path(m) for m in models[first : first + self._chunk]]
            for measurement in self._measure_chunk(chunk, protocol, operators):
                self._hand_out(measurement)
                yield measurement

    def _blank(self, protocol: Protocol) -> Measurement:
        """A measurement with what is known before anything is measured."""
        runtime, version = installed_runtime(self.profile.connection.runtime) or (RUNTIME, "")
        return Measurement(
            device=self.profile.name,
            configuration=self.configuration.name,
            model_sha256="",
            status=FAILED,
            error="not measured",
            runtime=runtime,
            runtime_version=version,
            delegate=self._delegate_name,
            threads=protocol.threads,
            machine=cpu_model(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _starter(
        self, sha256: Sequence[str], protocol: Protocol, delegate: dict[str, Any] | None, operators: bool
    ) -> Callable[[], Worker]:
        """What starts a worker for the models with these SHA-256; `WorkerFailureError` when it does not come up."""
        runtime = self.profile.connection.runtime
        command = [*self._command, *(["--runtime", runtime] if runtime else [])]
        return lambda: WorkerProcess(self.configuration.cpus, command)

    def _hand_out(self, measurement: Measurement) -> None:
        """Called before a measurement goes to the caller."""

    @property
    @abstractmethod
    def _delegate_name(self) -> str:
        """What executes the operators, for the record."""

    @abstractmethod
    def _refusal(self, model: Path) -> str:
        """Why a model is not even tried, empty when it is."""

    @abstractmethod
    def _prepare(self) -> dict[str, Any] | None:
        """The delegate to load; raises EdgenasError when the device is not available."""

    def _measure_chunk(
        self, models: list[Path], protocol: Protocol, operators: bool
    ) -> Iterator[Measurement]:
        blank = self._blank(protocol)
        results = [_identified(blank, model) for model in models]
        refusals = [
            self._refusal(m) if r.model_sha256 else r.error for m, r in zip(models, results, strict=True)
        ]
        results = [replace(r, error=e or r.error) for r, e in zip(results, refusals, strict=True)]
        accepted = [i for i, refusal in enumerate(refusals) if not refusal]
        if not accepted:
            yield from results
            return
        delegate = self._prepare()
        measured = measure_in_rounds(
            [models[i] for i in accepted],
            protocol,
            self._starter([results[i].model_sha256 for i in accepted], protocol, delegate, operators),
            delegate=delegate,
            operators=operators,
            timeout_seconds=self._timeout_seconds,
        )
        # Closed at once when the caller wants no more: a worker that waits would hold the device.
        with closing(measured):
            try:
                for result, refusal in zip(results, refusals, strict=True):
                    yield result if refusal else _filled(result, next(measured), protocol)
            except WorkerFailureError as error:
                raise EdgenasError(f"Cannot measure on {self.profile.title}: {error}.") from error


def _identified(blank: Measurement, model: Path) -> Measurement:
    try:
        return replace(blank, model_sha256=file_sha256(model))
    except OSError as error:
        return replace(blank, error=f"{model} cannot be read: {error.strerror or error}")


def _filled(blank: Measurement, series: Series, protocol: Protocol) -> Measurement:
    told: dict[str, Any] = {
        key: str(series.facts[key])
        for key in ("runtime", "runtime_version", "machine")
        if series.facts.get(key)
    }
    facts = replace(
        blank,
        **told,
        delegate=series.facts.get("kernels") or blank.delegate,
        load_average=tuple(series.load_average),
        temperature_c=tuple(series.temperature_c),
        governor="+".join(series.governors),
        notes=tuple(series.notes),
    )
    if not series.repeats_ms:
        return replace(facts, error=series.error or "no process measured it")
    notes = series.notes + ([f"a further process failed: {series.error}"] if series.error else [])
    return replace(
        facts,
        status=OK,
        error="",
        repeats_ms=tuple(series.repeats_ms),
        operator_ms=series.operator_ms,
        notes=tuple(notes),
        details=series.details,
        unstable=series.instability(protocol),
    )
