"""What is here to measure with, and what is missing: `edgenas devices doctor`."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from edgenas.device_profiles.catalogue import load_device, user_folder
from edgenas.device_profiles.host_facts import package_version
from edgenas.device_profiles.profile import DeviceProfile
from edgenas.device_profiles.runner import Detection
from edgenas.errors import UsageError

__all__ = ["Finding", "examine", "examine_device"]

_SHIPPED = (
    ("this machine's CPU", "host", None),
    ("Edge TPU on USB", "edgetpu", "usb3"),
    ("Edge TPU on PCIe", "edgetpu", "pcie"),
    ("Arm Ethos-U (simulated)", "ethos-u55", None),
    ("phones over adb", "adb://", None),
)
_PACKAGES = ("numpy", "ai-edge-litert", "tflite-runtime", "tensorflow-cpu", "tensorflow", "keras", "scipy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        title: what it is.
        detection: what was looked for, found and missing.
    """

    title: str
    detection: Detection


def examine() -> list[Finding]:
    """Looks at everything that edgenas can measure with on this machine; never raises and never measures."""
    findings = [Finding("Python packages", _packages())]
    findings += [_shipped(title, device, configuration) for title, device, configuration in _SHIPPED]
    findings.append(Finding("boards over ssh", _ssh()))
    findings += _own_devices()
    return findings


def examine_device(profile: DeviceProfile, configuration: str | None = None) -> Finding:
    """Looks at one device."""
    from edgenas.device_profiles import runner_for

    chosen = profile.configuration(configuration)
    return Finding(
        f"{profile.name} ({chosen.name}): {profile.title}", runner_for(profile, chosen.name).probe()
    )


def _shipped(title: str, device: str, configuration: str | None) -> Finding:
    return Finding(title, examine_device(load_device(device), configuration).detection)


def _packages() -> Detection:
    found = [f"Python {sys.version.split()[0]}"]
    found += [f"{name} {version}" for name in _PACKAGES if (version := package_version(name)) is not None]
    missing, command = [], ""
    numpy, old = package_version("numpy") or "0", package_version("tflite-runtime")
    if old is not None and not numpy.startswith("1."):
        missing.append(f"a NumPy that tflite-runtime {old} works with: it breaks on NumPy {numpy}")
        command = "pip install 'numpy<2'   # or use ai-edge-litert instead of tflite-runtime"
    return Detection(not missing, ("a runtime and what it needs",), tuple(found), tuple(missing), command)


def _ssh() -> Detection:
    looked_for = ("the OpenSSH client `ssh`",)
    path = shutil.which("ssh")
    if path is None:
        return Detection(False, looked_for, (), looked_for, "sudo apt-get install openssh-client")
    return Detection(
        True, looked_for, (f"ssh at {path}",), (), "edgenas devices doctor ssh://USER@HOST   # one board"
    )


def _own_devices() -> list[Finding]:
    """The user's device files: what is wrong with them, or what their devices lack."""
    findings = []
    folder = user_folder()
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        findings.append(_own_device(path))
    return findings


def _own_device(path: Path) -> Finding:
    try:
        return examine_device(load_device(None, path))
    except UsageError as error:
        detection = Detection(False, (str(path),), (), (str(error),), "edgenas devices new --help")
        return Finding(f"device file {path.name}", detection)
