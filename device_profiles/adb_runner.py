"""Measures on an Android phone: pushes benchmark_model and the models over adb and runs them there, on the CPU."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgenas.device_profiles.adb_benchmark_model import BenchmarkProgram, find_benchmark_model, install
from edgenas.device_profiles.adb_client import AdbClient, AdbError
from edgenas.device_profiles.adb_phone import Phone, describe
from edgenas.device_profiles.adb_round import AdbRound, ProcessRecord
from edgenas.device_profiles.host_facts import file_sha256, not_tflite
from edgenas.device_profiles.measurement import FAILED, OK, Measurement, instability
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.rounds import Series, measure_in_rounds
from edgenas.device_profiles.runner import Detection, Runner

__all__ = ["DEFAULT_FOLDER", "AdbRunner"]

DEFAULT_FOLDER = "/data/local/tmp/edgenas"
"""The only place that the shell user may both write to and run programs from."""

_RUNTIME = "benchmark_model"
_STALE_MINUTES = 60


class AdbRunner(Runner):
    """Measures .tflite files on a phone's CPU with TFLite's benchmark_model and its XNNPACK kernels.

    GPU and NNAPI are not measured. benchmark_model prints statistics, not the single runs: each process counts by
    one number, its median where it prints one and its mean otherwise.

    Args:
        profile: the device.
        configuration: the configuration of it that is measured; its `cpus` become the mask of `taskset`.
        chunk: models that share a round.
        client: the phone, by default that of the profile's connection.
        tell: called with what the user should know while it happens, by default a line on stderr.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        configuration: Configuration,
        *,
        chunk: int = 8,
        client: AdbClient | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(profile, configuration)
        if chunk < 1:
            raise ValueError(f"`chunk` must be at least 1. Received {chunk}.")
        self._chunk = chunk
        self._client = client or AdbClient(profile.connection.serial)
        self._folder = profile.connection.folder or DEFAULT_FOLDER
        self._tell = tell or _on_stderr
        self._known: tuple[Phone, BenchmarkProgram] | None = None

    def probe(self) -> Detection:
        """Looks for adb, the phone and benchmark_model; copies nothing."""
        looked_for = (
            "the program adb",
            f"a phone that is ready: {self.profile.connection.target}",
            "the program benchmark_model for its ABI",
        )
        found: list[str] = []
        try:
            found.append(f"adb: {self._client.program}, {self._client.version()}")
            found.append(f"phone: {self._client.choose().label}")
            phone = describe(self._client)
            found.append(f"{phone.machine}; runs {', '.join(phone.abis)}")
            program = find_benchmark_model(self.profile.connection.benchmark_model, phone.abis)
            found.append(f"benchmark_model: {program.path} ({program.version})")
        except AdbError as error:
            lines = str(error).splitlines()
            command = " ".join(lines[1:]).removeprefix("See: ")
            return Detection(False, looked_for, tuple(found), (lines[0],), command)
        return Detection(True, looked_for, tuple(found), ())

    def identity(self) -> dict[str, str]:
        """Phone with its Android build, and benchmark_model by its checksum.

        Raises:
            AdbError: the phone or the program is not there.
        """
        phone, program = self._facts()
        return {"machine": phone.machine, "runtime": f"{_RUNTIME} {program.version}"}

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Measures .tflite files, one measurement per model in order; see `Runner.measure`.

        Raises:
            AdbError: adb, the phone or benchmark_model is missing, or the phone goes away in the middle.
        """
        protocol = protocol or self.protocol
        remote = ""
        for first in range(0, len(models), self._chunk):
            chunk = [Path(model) for model in models[first : first + self._chunk]]
            known = [_sha256_or_refusal(model) for model in chunk]
            if not remote and not all(refusal for _, refusal in known):
                remote = self._prepare_phone()
            yield from self._measure_chunk(chunk, known, remote, protocol, operators)

    def _facts(self) -> tuple[Phone, BenchmarkProgram]:
        if self._known is None:
            phone = describe(self._client)
            self._known = phone, find_benchmark_model(self.profile.connection.benchmark_model, phone.abis)
        return self._known

    def _prepare_phone(self) -> str:
        """Puts benchmark_model there and removes what an earlier run could not; returns the program's path there."""
        remote = install(self._client, self._facts()[1], self._folder)
        self._client.shell(
            ["find", self._folder, "-name", "model-*", "-mmin", f"+{_STALE_MINUTES}", "-delete"]
        )
        return remote

    def _measure_chunk(
        self,
        models: Sequence[Path],
        known: Sequence[tuple[str, str]],
        remote: str,
        protocol: Protocol,
        operators: bool,
    ) -> Iterator[Measurement]:
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        accepted = [model for model, (_, refusal) in zip(models, known, strict=True) if not refusal]
        records: list[list[ProcessRecord]] = [[] for _ in accepted]
        measured = zip(
            measure_in_rounds(
                accepted,
                protocol,
                lambda: self._round(remote, lambda number, record: records[number].append(record)),
                operators=operators,
            ),
            records,
            strict=True,
        )
        for sha256, refusal in known:
            series, processes = (None, []) if refusal else next(measured)
            yield self._measurement(sha256, refusal, series, processes, protocol, started_at)

    def _round(self, remote: str, keep: Callable[[int, ProcessRecord], None]) -> AdbRound:
        return AdbRound(self._client, remote, self._folder, self.configuration.cpus, keep, self._tell)

    def _measurement(
        self,
        sha256: str,
        refusal: str,
        series: Series | None,
        records: Sequence[ProcessRecord],
        protocol: Protocol,
        started_at: str,
    ) -> Measurement:
        blank = Measurement(
            device=self.profile.name,
            configuration=self.configuration.name,
            model_sha256=sha256,
            status=FAILED,
            error=refusal or (series.error if series else "") or "no process measured it",
            runtime=_RUNTIME,
            delegate="XNNPACK",
            threads=protocol.threads,
            started_at=started_at,
        )
        if series is None:
            return blank
        phone, program = self._facts()
        chosen = self.configuration
        if chosen.cores and not chosen.cpus:
            series.note(f"not kept on {chosen.cores}: the configuration {chosen.name!r} names no `cpus`")
        blank = replace(
            blank,
            machine=phone.machine,
            runtime_version=program.version,
            notes=tuple(series.notes),
            governor="/".join(series.governors),
            load_average=tuple(series.load_average),
            temperature_c=tuple(series.temperature_c),
            details=_details(phone, program, records),
        )
        if not series.repeats_ms:
            return blank
        notes = [*series.notes, *([f"a further process failed: {series.error}"] if series.error else [])]
        return replace(
            blank,
            status=OK,
            error="",
            repeats_ms=tuple(series.repeats_ms),
            operator_ms=series.operator_ms,
            notes=tuple(notes),
            unstable=instability(series.repeats_ms, protocol),
        )


def _sha256_or_refusal(model: Path) -> tuple[str, str]:
    """(SHA-256, why it is not even tried); one of them is empty for a file that cannot be read or is fine."""
    try:
        return file_sha256(model), not_tflite(model)
    except OSError as error:
        return "", f"{model} cannot be read: {error.strerror or error}"


def _details(phone: Phone, program: BenchmarkProgram, records: Sequence[ProcessRecord]) -> dict[str, Any]:
    return {
        "phone": {"model": phone.model, "soc": phone.soc, "build": phone.build, "abis": list(phone.abis)},
        "benchmark_model": {"sha256": program.sha256, "abi": program.abi},
        "processes": [
            {
                "command": list(record.words),
                "printed": record.log.to_dict(),
                "before": record.before.to_dict(),
                "after": record.after.to_dict(),
                "cooled_down_seconds": record.waited_seconds,
            }
            for record in records
        ],
    }


def _on_stderr(text: str) -> None:
    print(text, file=sys.stderr)
