"""Finding device profiles: a given file first, then the user's folder, then the shipped ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from edgenas.device_profiles.profile import DeviceProfile
from edgenas.errors import UsageError, unknown_name

__all__ = ["list_devices", "load_device", "user_folder"]

_PACKAGE = "edgenas.device_profiles"


def user_folder() -> Path:
    """The user's device files: $EDGENAS_HOME/devices, else $XDG_CONFIG_HOME/edgenas/devices, else ~/.config/...."""
    home = os.environ.get("EDGENAS_HOME")
    if home:
        return Path(home) / "devices"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "edgenas" / "devices"


def load_device(name: str, device_file: Path | None = None) -> DeviceProfile:
    """Loads the device called `name`, by its name or an alias.

    Args:
        name: name or alias; letter case does not matter.
        device_file: a device file that comes before all others.

    Raises:
        UsageError: nothing has that name (the nearest names are told), or the file that has it is wrong. A wrong
            file of the user's that has nothing to do with `name` does not disturb.
    """
    wanted = name.strip().lower()
    known: set[str] = set()
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
        known.update(profile.names)
    unknown = unknown_name("device", name, known, "edgenas devices list")
    raise UsageError("\n".join([str(unknown), *map(str, broken)])) if broken else unknown


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
