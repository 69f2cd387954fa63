"""`WorkerRunner`: what runners that measure through local worker processes have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import cpu_model, file_sha256, package_version
from edgenas.device_profiles.measurement import FAILED, OK, Measurement
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.rounds import Series, measure_in_rounds
from edgenas.device_profiles.runner import RUNTIME, Runner
from edgenas.device_profiles.worker_process import WORKER_COMMAND, WorkerFailureError, WorkerProcess
from edgenas.errors import EdgenasError

__all__ = ["WorkerRunner"]


class WorkerRunner(Runner):
    """Measures with ai-edge-litert in child processes of this machine.

    Args:
        profile: the device.
        configuration: the configuration of it that is measured.
        chunk: models that share a round; measurements of a chunk are yielded when its last round is over.
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
            yield from self._measure_chunk(
                [Path(m) for m in models[first : first + self._chunk]], protocol, operators
            )

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

    def _measure_chunk(self, models: list[Path], protocol: Protocol, operators: bool) -> list[Measurement]:
        blank = Measurement(
            device=self.profile.name,
            configuration=self.configuration.name,
            model_sha256="",
            status=FAILED,
            error="not measured",
            runtime=RUNTIME,
            runtime_version=package_version(RUNTIME) or "",
            delegate=self._delegate_name,
            threads=protocol.threads,
            machine=cpu_model(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        results = [_identified(blank, model) for model in models]
        refusals = [
            self._refusal(m) if r.model_sha256 else r.error for m, r in zip(models, results, strict=True)
        ]
        accepted = [i for i, refusal in enumerate(refusals) if not refusal]
        results = [replace(r, error=e or r.error) for r, e in zip(results, refusals, strict=True)]
        if not accepted:
            return results
        delegate = self._prepare()
        try:
            measured = measure_in_rounds(
                [models[i] for i in accepted],
                protocol,
                lambda: WorkerProcess(self.configuration.cpus, self._command),
                delegate=delegate,
                operators=operators,
                timeout_seconds=self._timeout_seconds,
            )
        except WorkerFailureError as error:
            raise EdgenasError(f"Cannot measure on {self.profile.title}: {error}.") from error
        for i, series in zip(accepted, measured, strict=True):
            results[i] = _filled(results[i], series)
        return results


def _identified(blank: Measurement, model: Path) -> Measurement:
    try:
        return replace(blank, model_sha256=file_sha256(model))
    except OSError as error:
        return replace(blank, error=f"{model} cannot be read: {error.strerror or error}")


def _filled(blank: Measurement, series: Series) -> Measurement:
    facts = replace(blank, load_average=tuple(series.load_average), notes=tuple(series.notes))
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
    )
