"""Device profiles and the runners that measure on them; importing this package loads no runtime."""

from __future__ import annotations

from edgenas.device_profiles.catalogue import list_devices, load_device, user_folder
from edgenas.device_profiles.measurement import Measurement
from edgenas.device_profiles.operator_alignment import align_operators
from edgenas.device_profiles.profile import PUBLISHED, Configuration, DeviceProfile
from edgenas.device_profiles.protocol import Protocol
from edgenas.device_profiles.runner import Detection, Runner

__all__ = [
    "Configuration",
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
    if profile.kind == "edgetpu":
        from edgenas.device_profiles.edgetpu import EdgeTpuRunner

        return EdgeTpuRunner(profile, chosen)
    from edgenas.device_profiles.litert_runner import LiteRtRunner

    return LiteRtRunner(profile, chosen)
