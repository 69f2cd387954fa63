"""What every way of measuring has in common: `Runner` and `Detection`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgenas.device_profiles.host_facts import cpu_model, file_sha256, package_version
from edgenas.device_profiles.measurement import FAILED, Measurement
from edgenas.device_profiles.profile import Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.errors import EdgenasError

__all__ = ["RUNTIME", "Detection", "Runner"]

RUNTIME = "ai-edge-litert"
"""Package that runs models on this machine."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Whether a device can measure here and now, and how one knows.

    Attributes:
        available: whether `Runner.measure` can work.
        looked_for: everything that was looked for, in order.
        found: what of it is there, with versions and places.
        missing: what is not there or cannot be used, with the reason.
        next_command: what to type next; empty when nothing is needed.
    """

    available: bool
    looked_for: tuple[str, ...]
    found: tuple[str, ...]
    missing: tuple[str, ...]
    next_command: str = ""

    def explain(self) -> str:
        """Several lines for a user."""
        lines = [f"looked for: {item}" for item in self.looked_for]
        lines += [f"found:      {item}" for item in self.found]
        lines += [f"missing:    {item}" for item in self.missing]
        if self.next_command:
            lines.append(f"next:       {self.next_command}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        data = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in data.items()}


class Runner(ABC):
    """Measures models on one configuration of one device.

    Attributes:
        profile: the device.
        configuration: the configuration of it that is measured.
    """

    def __init__(self, profile: DeviceProfile, configuration: Configuration) -> None:
        self.profile = profile
        self.configuration = configuration

    @property
    def protocol(self) -> Protocol:
        """The protocol that the device profile asks for in this configuration."""
        return self.profile.protocol_for(self.configuration.name)

    def identity(self) -> dict[str, str]:
        """What must be the same for two measurements to belong into one table: "machine" and "runtime".

        Raises:
            EdgenasError: the device is not available.
        """
        runtime = f"{RUNTIME} {package_version(RUNTIME) or 'missing'}"
        return {"machine": cpu_model(), "runtime": runtime}

    def prepare(self, model: Path, folder: Path) -> Path:
        """The file that is measured for `model`, itself unless the device needs it compiled.

        Args:
            model: a .tflite file.
            folder: where a compiled file is kept, under a name that tells its source.

        Raises:
            EdgenasError: it cannot be compiled.
        """
        return model

    def measure_one(self, model: Path, folder: Path, *, operators: bool = False) -> Measurement:
        """Prepares and measures one model by the device's own protocol; that it cannot be compiled is a value too.

        Args:
            model: a .tflite file.
            folder: see `prepare`.
            operators: whether to ask for operator times too.

        Raises:
            EdgenasError: the device is not available.
        """
        try:
            prepared = self.prepare(model, folder)
        except EdgenasError as error:
            return Measurement(
                self.profile.name, self.configuration.name, file_sha256(model), FAILED, str(error)
            )
        return next(iter(self.measure([prepared], operators=operators)))

    @abstractmethod
    def probe(self) -> Detection:
        """Looks for what measuring needs; never raises and never measures."""

    @abstractmethod
    def measure(
        self, models: Sequence[Path], protocol: Protocol | None = None, *, operators: bool = False
    ) -> Iterator[Measurement]:
        """Measures .tflite files; yields one measurement per model, in order, failed ones included.

        Args:
            models: files to measure.
            protocol: how to measure, by default `self.protocol`.
            operators: whether to ask for operator times too, which costs about as much again.

        Raises:
            EdgenasError: the device is not available at all.
        """
