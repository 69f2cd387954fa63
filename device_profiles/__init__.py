"""Device profiles and the runners that measure on them; importing this package loads no runtime."""

from __future__ import annotations

from edgenas.device_profiles.catalogue import list_devices, load_device, user_folder
from edgenas.device_profiles.connection import ADB, SSH, Connection
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.operator_alignment import align_operators
from edgenas.device_profiles.profile import EDGETPU, PUBLISHED, VELA, Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Detection, Runner

__all__ = [
    "Configuration",
    "Connection",
    "Detection",
    "DeviceProfile",
    "Measurement",
    "Protocol",
    "Runner",
    "align_operators",
    "list_devices",
    "load_device",
    "runner_for",
    "user_folder",
]


def runner_for(profile: DeviceProfile, configuration: str | None = None) -> Runner:
    """The runner that measures on a device, or the one that says why nothing can.

    Args:
        profile: the device.
        configuration: name of one of its configurations, by default its default one.

    Raises:
        UsageError: the profile has no configuration of that name.
    """
    chosen = profile.configuration(configuration)
    if profile.kind == PUBLISHED or chosen.site:
        from edgenas.device_profiles.published import PublishedRunner

        return PublishedRunner(profile, chosen)
    if profile.kind == VELA:
        from edgenas.device_profiles.vela_runner import VelaRunner

        return VelaRunner(profile, chosen)
    if profile.connection.via == ADB:
        from edgenas.device_profiles.adb_runner import AdbRunner

        return AdbRunner(profile, chosen)
    if profile.connection.via == SSH:
        from edgenas.device_profiles.ssh_runner import SshRunner

        return SshRunner(profile, chosen)
    if profile.kind == EDGETPU:
        from edgenas.device_profiles.edgetpu import EdgeTpuRunner

        return EdgeTpuRunner(profile, chosen)
    from edgenas.device_profiles.litert_runner import LiteRtRunner

    return LiteRtRunner(profile, chosen)
