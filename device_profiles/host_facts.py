"""Facts about the machine and the files that belong beside a measured number."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path

__all__ = ["cpu_model", "file_sha256", "load_average", "package_version"]


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """CPU model and number of cores, such as "Intel(R) Xeon(R) Processor, 2 cores"."""
    name = platform.machine() or "unknown CPU"
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    for key in ("model name", "Model", "Hardware", "cpu model"):
        if fields.get(key):
            name = fields[key]
            break
    cores = os.cpu_count() or 1
    return f"{name}, {cores} core{'s' if cores > 1 else ''}"


def load_average() -> float | None:
    """1-minute load average, None where the system has none."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def package_version(package: str) -> str | None:
    """Version of an installed package, None when it is not installed; nothing is imported."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
