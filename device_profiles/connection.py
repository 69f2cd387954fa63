"""`Connection`: how a device is reached, from a device file or from an address such as ssh://pi@board:2222."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from edgenas.errors import UsageError, unknown_name

__all__ = ["ADB", "LOCAL", "RUNTIMES", "SSH", "VIAS", "Connection", "is_address", "parse_address"]

LOCAL, SSH, ADB = "local", "ssh", "adb"
VIAS = (LOCAL, SSH, ADB)
RUNTIMES = ("", "ai-edge-litert", "tflite-runtime")

_SSH_KEYS = ("python", "identity", "config", "runtime", "folder")
_ADB_KEYS = ("benchmark_model", "folder")
_UNSAFE = re.compile(r"[\s\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Connection:
    """How a device is reached.

    Attributes:
        via: "local" (this machine), "ssh" or "adb".
        host: for ssh, a host name, an address or a name of the OpenSSH configuration.
        user: for ssh; empty for what the OpenSSH configuration says.
        port: for ssh; 0 for what the OpenSSH configuration says.
        identity: for ssh, file of the private key; empty for the usual ones.
        config: for ssh, another configuration file (`ssh -F`).
        python: for ssh, the board's Python that has a runtime; empty to look for one.
        runtime: package that runs the models: "ai-edge-litert", "tflite-runtime", or empty for the first that works.
        folder: folder on the device for the agent, models and results; empty for the usual one.
        serial: for adb, the device's serial number; empty where only one is attached.
        benchmark_model: for adb, file of the `benchmark_model` program on this machine.
    """

    via: str = LOCAL
    host: str = ""
    user: str = ""
    port: int = 0
    identity: str = ""
    config: str = ""
    python: str = ""
    runtime: str = ""
    folder: str = ""
    serial: str = ""
    benchmark_model: str = ""

    def __post_init__(self) -> None:
        if self.via not in VIAS:
            raise unknown_name("way to reach a device", self.via, VIAS)
        if self.runtime not in RUNTIMES:
            raise unknown_name("runtime", self.runtime, RUNTIMES[1:])
        if self.via == SSH and not self.host:
            raise UsageError("A connection over ssh needs a `host`. Received none.")
        if not 0 <= self.port <= 65535:
            raise UsageError(f"`port` must be at most 65535. Received {self.port}.")
        for name in ("host", "user", "serial"):
            value = getattr(self, name)
            if value.startswith("-") or _UNSAFE.search(value):
                raise UsageError(f"`{name}` must not begin with '-' or hold spaces. Received {value!r}.")

    @property
    def target(self) -> str:
        """What is reached, for people: "pi@board:2222", a serial number, or "this machine"."""
        if self.via == ADB:
            return self.serial or "the attached phone"
        if self.via == LOCAL:
            return "this machine"
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{self.user + '@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"


def is_address(text: str) -> bool:
    """Whether a device is named by how it is reached, ssh://... or adb://..., instead of by a name."""
    return text.startswith((f"{SSH}://", f"{ADB}://"))


def parse_address(address: str) -> tuple[Connection, str]:
    """Reads ssh://[USER@]HOST[:PORT][/DEVICE][?python=...&identity=...] or adb://[SERIAL][/DEVICE][?...].

    Args:
        address: the address. Keys behind the `?`: python, identity, config, runtime, folder for ssh; benchmark_model,
            folder for adb.

    Returns:
        The connection, and the name of the device profile that the address ends with, empty for none.

    Raises:
        UsageError: it is malformed; the message says how one looks.
    """
    try:
        parts = urlsplit(address)
        # Serial numbers may have capitals, and colons (192.168.1.5:5555): they are all that stands there.
        port = 0 if parts.scheme == ADB else parts.port or 0
        host, user = parts.hostname or "", unquote(parts.username or "")
    except ValueError as error:
        raise UsageError(f"{address!r} is no address ({error}). {_expected(address)}") from error
    keys = _SSH_KEYS if parts.scheme == SSH else _ADB_KEYS
    given: dict[str, Any] = {}
    for text in filter(None, parts.query.split("&")):
        key, _, value = text.partition("=")
        if key not in keys:
            raise UsageError(f"{address!r}: {unknown_name('key', key, keys)}")
        given[key] = unquote(value)  # Not as forms are read: there a + is a space, in a path it is a +.
    if parts.fragment:
        raise UsageError(f"{address!r}: a # begins nothing here; in a path it is written %23.")
    if parts.scheme == SSH and parts.password:
        raise UsageError(f"{parts.scheme}://...: passwords are not taken; use a key (ssh-copy-id HOST).")
    device = parts.path.strip("/")
    if parts.scheme == ADB:
        return Connection(via=ADB, serial=unquote(parts.netloc), **given), device
    if not host:
        raise UsageError(f"{address!r} names no host. {_expected(address)}")
    written = unquote(parts.netloc.rpartition("@")[2])
    # `hostname` is in small letters, but names of the OpenSSH configuration are told apart by case.
    exact = written[: len(host)] if written.lower().startswith(host) else unquote(host)
    return replace(Connection(via=SSH, host=exact, user=user, port=port), **given), device


def field_types() -> dict[str, type]:
    """Name of each attribute to `int` or `str`, for readers of device files."""
    return {field.name: int if field.name == "port" else str for field in fields(Connection)}


def _expected(address: str) -> str:
    if address.startswith(ADB):
        return "Expected adb://SERIAL, such as adb://0A041FDD4003EH or adb://192.168.1.5:5555."
    return "Expected ssh://USER@HOST:PORT, such as ssh://pi@raspberrypi or ssh://mendel@coral/edgetpu."
