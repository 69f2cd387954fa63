"""Which columns of published tables are about which configuration: what the device files say."""

from __future__ import annotations

from edgenas.device_profiles.catalogue import list_devices

__all__ = ["columns_of", "configuration_of_column"]


def _stated() -> dict[str, tuple[str, str]]:
    return {
        column: (profile.name, configuration.name)
        for profile in list_devices()
        for configuration in profile.configurations
        for column in configuration.columns
    }


def configuration_of_column(format: str, column: str) -> tuple[str, str] | None:
    """(device, configuration) that a column of a table is about, None where no device file names it."""
    return _stated().get(f"{format}:{column}")


def columns_of(device: str) -> dict[str, list[tuple[str, str]]]:
    """Configuration to the (format, column) pairs that its device file names; empty for devices without any."""
    found: dict[str, list[tuple[str, str]]] = {}
    for stated, (name, configuration) in _stated().items():
        if name == device:
            format, _, column = stated.partition(":")
            found.setdefault(configuration, []).append((format, column))
    return found
