"""Measuring a device and fitting its latency predictor."""

from edgenas.profiling.profile_device import ProfileEvent, ProfileResult, profile_device

__all__ = ["ProfileEvent", "ProfileResult", "profile_device"]
