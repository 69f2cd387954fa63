"""Facts about the machine and the files that belong beside a measured number."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from edgenas.device_profiles.agent.machine import cpu_model, load_average
from edgenas.device_profiles.agent.runtime import RUNTIMES

__all__ = ["cpu_model", "file_sha256", "installed_runtime", "load_average", "not_tflite", "package_version"]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def not_tflite(path: Path) -> str:
    """Why a file is no .tflite file, empty where it begins like one.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
    # A FlatBuffer's file identifier stands at byte 4 (https://flatbuffers.dev/internals, "Encoding").
    return (
        ""
        if head[4:] == b"TFL3"
        else f"{path} is not a .tflite file: the identifier TFL3 is missing at byte 4"
    )


def package_version(package: str) -> str | None:
    """Version of an installed package, None when it is not installed; nothing is imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def installed_runtime(wanted: str = "") -> tuple[str, str] | None:
    """Package and version of the runtime that a worker on this machine uses, None for none; nothing is imported.

    Args:
        wanted: the only package that will do, empty for the first of `RUNTIMES` that is installed.
    """
    for package, _ in RUNTIMES:
        version = package_version(package) if wanted in ("", package) else None
        if version is not None:
            return package, version
    return None
