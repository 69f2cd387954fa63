"""`VelaRunner`: Arm Ethos-U NPUs as Arm's compiler simulates them; works on every machine, measures on none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import file_sha256, package_version
from edgenas.device_profiles.measurement import FAILED, OK, SIMULATED, Measurement
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Detection, Runner
from edgenas.device_profiles.vela_advice import CpuPrice, cpu_price, refusal
from edgenas.device_profiles.vela_compiler import (
    PACKAGE,
    VELA_COMMAND,
    compile_vela,
    require_configuration,
    vela_ini,
)
from edgenas.device_profiles.vela_result import VelaResult
from edgenas.errors import EdgenasError, MissingDependencyError

__all__ = ["VelaRunner"]

_INSTALL = "pip install 'edgenas[vela]'"


class VelaRunner(Runner):
    """Estimates latencies by compiling; every figure is marked as simulated.

    The compiler counts operators that it leaves to the CPU as zero cycles, and a search would soon find out. A
    network with such operators therefore has no latency (a failed measurement says why), unless the device file
    prices them; see `vela_advice`.

    Args:
        profile: the device.
        configuration: the configuration of it.
        timeout_seconds: longest time for one network.
        command: the compiler program.
    """

    def __init__(
        self,
        profile: DeviceProfile,
        configuration: Configuration,
        *,
        timeout_seconds: float = 300.0,
        command: Sequence[str] = VELA_COMMAND,
    ) -> None:
        super().__init__(profile, configuration)
        self._timeout_seconds = timeout_seconds
        self._command = tuple(command)

    def probe(self) -> Detection:
        """Looks for the package, its configuration file and the names that the configuration hands to it."""
        chosen = self.configuration
        looked_for = (
            f"Python package {PACKAGE}",
            "its configuration file Arm/vela.ini",
            f"{chosen.accelerator}, {chosen.system}, {chosen.memory} in it",
        )
        version = package_version(PACKAGE)
        if version is None:
            return Detection(False, looked_for, (), looked_for[:1], _INSTALL)
        found = [f"{PACKAGE} {version} (simulates: nothing is measured)"]
        ini = vela_ini()
        if ini is None:
            return Detection(False, looked_for, tuple(found), looked_for[1:2], _INSTALL)
        found.append(str(ini))
        try:
            require_configuration(chosen)
            cpu_price(self.profile.hardware, self.profile.origin)
        except EdgenasError as error:
            return Detection(
                False,
                looked_for,
                tuple(found),
                (str(error),),
                f"vela --list-configs {ini.parent.name}/{ini.name}",
            )
        return Detection(True, looked_for, tuple(found), ())

    def identity(self) -> dict[str, str]:
        """The machine does not matter: the accelerator that is simulated and the compiler do.

        Raises:
            MissingDependencyError: the compiler is not installed.
        """
        version = package_version(PACKAGE)
        if version is None:
            raise MissingDependencyError(PACKAGE, "vela", "Simulating an Ethos-U")
        chosen = self.configuration
        price = cpu_price(self.profile.hardware, self.profile.origin)
        priced = f", operators on the CPU priced: {price}" if price else ""
        return {
            "machine": f"Vela's model of {chosen.accelerator} ({chosen.system}, {chosen.memory}{priced})",
            "runtime": f"{PACKAGE} {version}",
        }

    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Compiles .tflite files; yields one simulated measurement per model, in order, failed ones included.

        Args:
            models: files, not compiled yet.
            protocol: has no effect: an estimate is the same every time.
            operators: whether to give operator times; they cost nothing.

        Raises:
            MissingDependencyError: the compiler is not installed.
            UsageError: the device file's configuration or prices are wrong.
        """
        identity = self.identity()
        require_configuration(self.configuration)
        price = cpu_price(self.profile.hardware, self.profile.origin)
        for model in models:
            yield self._measurement(Path(model), identity, price, operators)

    def _measurement(
        self, model: Path, identity: dict[str, str], price: CpuPrice | None, operators: bool
    ) -> Measurement:
        facts: dict[str, Any] = {
            "device": self.profile.name,
            "configuration": self.configuration.name,
            "model_sha256": "",
            "runtime": PACKAGE,
            "runtime_version": package_version(PACKAGE) or "",
            "delegate": self.configuration.accelerator,
            "machine": identity["machine"],
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": SIMULATED,
        }
        try:
            facts["model_sha256"] = file_sha256(model)
            result = compile_vela(
                model, self.configuration, timeout_seconds=self._timeout_seconds, command=self._command
            )
        except (EdgenasError, OSError) as error:
            if isinstance(error, MissingDependencyError):
                raise
            return Measurement(**facts, status=FAILED, error=str(error))
        facts["details"] = dict(result.figures())
        left = result.cpu_operators
        if left and (price is None or not result.cycles.total):
            return Measurement(**facts, status=FAILED, error=refusal(result.operators))
        if not result.cycles.total:
            nothing = f"Vela counts no cycle for {model}: nothing of it runs on the NPU"
            return Measurement(**facts, status=FAILED, error=nothing)
        notes: list[str] = []
        cpu_ms = 0.0
        if price is not None and left:
            cpu_ms = sum(price.ms(o.operator) for o in left)
            facts["details"]["cpu_ms"] = cpu_ms
            notes.append(
                f"{cpu_ms:.3g} ms of it are {len(left)} operators on the CPU, priced by the device file: "
                f"{price.cycles_per_mac:g} cycles per MAC, {price.cycles_per_element:g} per element at "
                f"{price.clock_mhz:g} MHz"
            )
        latency_ms = result.npu_ms + cpu_ms
        events = _events(result, price) if operators else None
        if operators and events is None:
            notes.append(
                f"no operator times: {result.unattributed_cycles} cycles belong to steps of which Vela does not say "
                "what operator they are of"
            )
        return Measurement(
            **facts, status=OK, repeats_ms=((latency_ms,),), operator_ms=events, notes=tuple(notes)
        )


def _events(result: VelaResult, price: CpuPrice | None) -> tuple[tuple[str, float], ...] | None:
    """One event per operator, tagged so that `align_operators` gives each its own; None where steps are missing."""
    if result.unattributed_cycles:
        return None
    times = []
    for operator in result.operators:
        ms = result.cycles_ms(operator.cycles.total)
        if price is not None and operator in result.cpu_operators:
            ms += price.ms(operator.operator)
        times.append((f"{operator.type} [{operator.index}]", ms))
    return tuple(times)
