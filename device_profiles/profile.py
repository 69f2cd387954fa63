"""`DeviceProfile`: a device described by one TOML file, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgenas.device_profiles.connection import Connection, is_address
from edgenas.device_profiles.protocol import Protocol
from edgenas.errors import unknown_name

__all__ = [
    "BUSES",
    "COLUMN_FORMATS",
    "DTYPES",
    "EDGETPU",
    "KINDS",
    "LITERT",
    "OPERATOR_RULES",
    "PUBLISHED",
    "VELA",
    "Configuration",
    "DeviceProfile",
]

PUBLISHED = "published"
"""The kind of devices that edgenas cannot measure itself: what is known of them was measured elsewhere."""

EDGETPU, LITERT, VELA = "edgetpu", "litert", "vela"
KINDS = (EDGETPU, LITERT, VELA, PUBLISHED)
"""What runs the models: an Edge TPU, a CPU with LiteRT, Arm's compiler that simulates an Ethos-U, nothing of ours."""

OPERATOR_RULES = ("", "edgetpu", "ethos-u")
"""What `edgenas check` judges operators by."""

DTYPES = ("float32", "int8")
BUSES = ("", "pci", "usb2", "usb3")
COLUMN_FORMATS = (
    "nasbench201", "fbnet", "mobile-ml-benchmark", "edgetpu-sweeps", "edgetpu-micro", "edgetpu-published", "help",
    "edgenas",
)  # fmt: skip
"""Formats of measurement tables that a configuration's `columns` may name."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One way of using a device, with latencies (and a predictor) of its own.

    Attributes:
        name: name within the profile.
        title: one line for people.
        threads: threads of the runtime on the host CPU.
        dtype: element type of the networks that run here, "int8" or "float32".
        bus: how an accelerator is attached: "usb2", "usb3" or "pci"; empty for CPUs.
        cpus: host CPUs to stay on, empty for no restriction.
        cores: for people, which cores of the device's CPU, e.g. "1 large"; empty where that is not a choice.
        columns: published measurements that are about this configuration, "FORMAT:COLUMN" each, e.g.
            "mobile-ml-benchmark:pixel4|1large|quant"; see `COLUMN_FORMATS`.
        site: the lab whose own device this configuration is about; empty for one that may stand anywhere. What
            has a site is known from `columns` only.
        accelerator: for Vela, name of the NPU's configuration, e.g. "ethos-u55-128".
        system: for Vela, name of the system configuration (clocks, bandwidths), e.g. "Ethos_U55_High_End_Embedded".
        memory: for Vela, name of the memory mode, e.g. "Shared_Sram".
    """

    name: str
    title: str = ""
    threads: int = 1
    dtype: str = "int8"
    bus: str = ""
    cpus: tuple[int, ...] = ()
    cores: str = ""
    columns: tuple[str, ...] = ()
    site: str = ""
    accelerator: str = ""
    system: str = ""
    memory: str = ""

    @property
    def description(self) -> str:
        """One line for people: the title, or what the other attributes say."""
        return self.title or ", ".join(filter(None, (self.dtype, self.cores and f"cores: {self.cores}")))


@dataclass(frozen=True)
class DeviceProfile:
    """A device: what it is, how it is used and how it is measured.

    Attributes:
        name: unique name, the file's stem by custom.
        title: name for people.
        kind: what runs the models, one of `KINDS`.
        aliases: other names it answers to.
        alias_meanings: name or alias to what it stands for, where that needs saying.
        configurations: ways of using it, in the order of the file.
        default_configuration: name of the one used when none is asked for.
        protocol: measurement protocol before the configuration's thread count is put in.
        hardware: numbers and texts about the hardware, units in the key.
        source: where they come from: hardware key to text, "all" for those without a text of their own.
        origin: file the profile was read from.
        connection: how it is reached.
        predictor: "DEVICE" or "DEVICE/CONFIGURATION" whose predictor speaks for this one while it has none of its own.
        operator_rules: what `edgenas check` judges operators by, one of `OPERATOR_RULES`.
    """

    name: str
    title: str
    kind: str
    configurations: tuple[Configuration, ...]
    default_configuration: str
    aliases: tuple[str, ...] = ()
    alias_meanings: Mapping[str, str] = field(default_factory=dict)
    protocol: Protocol = field(default_factory=Protocol)
    hardware: Mapping[str, float | int | str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    connection: Connection = field(default_factory=Connection)
    predictor: str = ""
    operator_rules: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The name and every alias."""
        return (self.name, *self.aliases)

    @property
    def asked_as(self) -> str:
        """What to type behind --device: the address that it was made from, or the name."""
        return self.origin if is_address(self.origin) else self.name

    def configuration(self, name: str | None = None) -> Configuration:
        """The configuration called `name`, or the default one.

        Raises:
            UsageError: there is none of that name.
        """
        wanted = name or self.default_configuration
        for configuration in self.configurations:
            if configuration.name == wanted:
                return configuration
        raise unknown_name(
            f"configuration of device {self.name!r}", wanted, [c.name for c in self.configurations]
        )

    def protocol_for(self, configuration: str | None = None) -> Protocol:
        """The measurement protocol with the configuration's number of threads."""
        return replace(self.protocol, threads=self.configuration(configuration).threads)

    @classmethod
    def from_toml(cls, text: str, origin: str) -> DeviceProfile:
        """Reads the text of a device file.

        Raises:
            UsageError: it is not TOML, a key is unknown, a value has the wrong type or makes no sense; the message
                names `origin`, the line and what is expected.
        """
        from edgenas.device_profiles.profile_reader import read_profile  # It imports this module.

        return read_profile(text, origin)
