"""Finding device profiles: a given file first, then the user's folder, then the shipped ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgenas.device_profiles.connection import is_address, parse_address
from edgenas.device_profiles.profile import LITERT, PUBLISHED, DeviceProfile
from edgenas.errors import UsageError, unknown_name

__all__ = ["list_devices", "load_device", "user_folder"]

_PACKAGE = "edgenas.device_profiles"
_HOST = "host"


def user_folder() -> Path:
    """The user's device files: $EDGENAS_HOME/devices, else $XDG_CONFIG_HOME/edgenas/devices, else ~/.config/...."""
    home = os.environ.get("EDGENAS_HOME")
    if home:
        return Path(home) / "devices"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "edgenas" / "devices"


def load_device(name: str | None = None, device_file: Path | None = None) -> DeviceProfile:
    """Loads a device.

    Args:
        name: its name or an alias, letter case does not matter; DEVICE-CONFIGURATION for a device with that
            configuration as its default one, e.g. "ethos-u55-128"; or an address (see `connection.parse_address`),
            e.g. "ssh://pi@board" for its CPU or "ssh://mendel@coral/edgetpu" for the Edge TPU on it. None for the
            device of `device_file`, or this machine.
        device_file: a device file that comes before all others.

    Raises:
        UsageError: nothing has that name (the nearest names are told), or the file that has it is wrong. A wrong
            file of the user's that has nothing to do with `name` does not disturb.
    """
    if name is None:
        if device_file is None:
            return load_device(_HOST)
        return DeviceProfile.from_toml(_read(device_file), str(device_file))
    if is_address(name):
        return _at_address(name, device_file)
    wanted = name.strip().lower()
    known: dict[str, DeviceProfile] = {}
    broken: list[UsageError] = []
    for label, text in _files(device_file):
        try:
            profile = DeviceProfile.from_toml(text, label)
        except UsageError as error:
            if Path(label).stem == wanted or label == str(device_file):
                raise
            broken.append(error)
            continue
        if wanted in profile.names:
            return profile
        for each in profile.names:
            known.setdefault(each, profile)
    configured = _with_configuration(wanted, known)
    if configured is not None:
        return configured
    unknown = unknown_name("device", name, known, "edgenas devices list")
    raise UsageError("\n".join([str(unknown), *map(str, broken)])) if broken else unknown


def _with_configuration(wanted: str, known: dict[str, DeviceProfile]) -> DeviceProfile | None:
    """The device of a name DEVICE-CONFIGURATION, with that configuration as its default one."""
    for name in sorted(known, key=len, reverse=True):
        rest = wanted.removeprefix(f"{name}-")
        if rest != wanted and rest in {c.name for c in known[name].configurations}:
            return replace(known[name], default_configuration=rest)
    return None


def _at_address(address: str, device_file: Path | None) -> DeviceProfile:
    connection, device = parse_address(address)
    base = load_device(device or _HOST, device_file)
    if base.connection.via != "local":
        raise UsageError(
            f"{address}: the device {base.name!r} says itself how it is reached. Use --device {base.name}."
        )
    place = "-".join(filter(None, (connection.host, str(connection.port or ""), connection.serial, device)))
    return replace(
        base,
        name=re.sub(r"[^a-z0-9_.-]+", "-", f"{connection.via}-{place}".lower()).rstrip("-"),
        title=f"{connection.target} over {connection.via}"
        + (f" ({base.title})" if device else " (LiteRT, CPU)"),
        kind=LITERT if base.kind == PUBLISHED else base.kind,
        aliases=(),
        alias_meanings={},
        connection=connection,
        predictor=base.name if base.name != _HOST else "",
        origin=address,
    )


def list_devices() -> tuple[DeviceProfile, ...]:
    """Every device, sorted by name; a user's file hides a shipped one of the same name.

    Raises:
        UsageError: a device file is wrong.
    """
    profiles: dict[str, DeviceProfile] = {}
    for label, text in _files(None):
        profile = DeviceProfile.from_toml(text, label)
        profiles.setdefault(profile.name, profile)
    return tuple(profiles[name] for name in sorted(profiles))


def _files(device_file: Path | None) -> Iterator[tuple[str, str]]:
    """Yields (path or label, text) of every device file, the most important first."""
    if device_file is not None:
        yield str(device_file), _read(device_file)
    from importlib import resources  # Here and not at the top: it would slow down every `edgenas --help`.

    folder = user_folder()
    if folder.is_dir():
        for path in sorted(folder.glob("*.toml")):
            yield str(path), _read(path)
    for entry in sorted(resources.files(_PACKAGE).iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".toml"):
            yield entry.name, entry.read_text(encoding="utf-8")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Device file {path} cannot be read: {error}.") from error
