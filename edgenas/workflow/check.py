"""`edgenas check`: what a device's compiler would make of a .tflite file, without the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgenas.device_profiles import Configuration, DeviceProfile
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.compatibility import CompatibilityReport, CompilerVerdict

__all__ = ["CheckResult", "check_file"]


@dataclass(frozen=True)
class CheckResult:
    """Which operators of a file run on an accelerator.

    Attributes:
        file: the .tflite file.
        device: name of the device.
        record: what `edgenas check --json` prints.
        report: for an Edge TPU what the rules say, predicted; None for others.
        verdict: what edgetpu_compiler itself said, where it was at hand.
    """

    file: Path
    device: str
    record: Mapping[str, Any]
    report: CompatibilityReport | None = None
    verdict: CompilerVerdict | None = None

    @property
    def fully_mapped(self) -> bool:
        """Whether nothing is left to the CPU."""
        return bool(self.record["fully_mapped"])

    @property
    def failure(self) -> str:
        """Why nothing would be compiled, "" if something would."""
        return str(self.record.get("failure") or "")

    @property
    def operators(self) -> tuple[Mapping[str, Any], ...]:
        """Every operator: "index", "type", "mapped" and, where it is not, the "reason"."""
        return tuple(self.record["operators"])

    @property
    def unmapped(self) -> tuple[Mapping[str, Any], ...]:
        """The operators that the CPU would run."""
        return tuple(operator for operator in self.operators if not operator["mapped"])

    @property
    def advice(self) -> tuple[str, ...]:
        """What to change, the most important first."""
        return tuple(self.record.get("advice") or self.record.get("changes") or ())

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary, the one of `edgenas check --json`."""
        return dict(self.record)


def check_file(
    file: Path, profile: DeviceProfile, configuration: Configuration, *, compiler: bool = True
) -> CheckResult:
    """Checks a file by the rules of the Edge TPU's compiler, or for an Ethos-U by asking Vela.

    Args:
        file: the .tflite file, not compiled yet.
        profile: the device.
        configuration: one of its configurations.
        compiler: also run edgetpu_compiler where it is on the PATH.

    Raises:
        UsageError: the file is missing or damaged, or the device has no accelerator.
        MissingDependencyError: Vela is needed and not installed.
    """
    if profile.operator_rules == "edgetpu":
        return _edgetpu(file, profile, compiler)
    if profile.operator_rules == "ethos-u":
        from edgenas.device_profiles.vela_check import check_vela

        return CheckResult(file, profile.name, check_vela(file, profile, configuration))
    raise UsageError(
        f"There are no compatibility rules for {profile.name!r}: its runtime takes every operator of TensorFlow "
        "Lite. Expected a device with an accelerator. Try: --device edgetpu or --device ethos-u55-128"
    )


def _edgetpu(file: Path, profile: DeviceProfile, compiler: bool) -> CheckResult:
    from edgenas.compatibility import check_edgetpu, find_compiler, run_compiler
    from edgenas.latency_models.edgetpu_features import parameter_plan

    report = check_edgetpu(file)
    report = report.with_parameters(*parameter_plan(report.chip_graph))
    executable = find_compiler() if compiler else None
    verdict = run_compiler(file, executable) if executable else None
    record = {
        "file": str(file),
        "device": profile.name,
        **report.to_dict(),
        "compiler": None if verdict is None else verdict.to_dict(),
    }
    return CheckResult(file, profile.name, record, report, verdict)
