"""The devices of a search: found, with their predictors, at its start; found again in the run folder on resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles import load_device
from edgenas.errors import UsageError
from edgenas.graph import graph_of
from edgenas.latency_models import LatencyPredictor, find_predictor_folder
from edgenas.latency_models.estimate import LatencyEstimate
from edgenas.profiling.profile_device import PROFILE_FILE
from edgenas.search.devices import SearchDevice, read_devices
from edgenas.space import Architecture
from edgenas.storage import write_bytes_atomic
from edgenas.workflow.runs import RunFolder

__all__ = [
    "DeviceRequest",
    "OpenDevice",
    "keep_predictors",
    "open_devices",
    "reopen_devices",
    "reopened",
    "search_devices",
]


@dataclass(frozen=True, kw_only=True)
class DeviceRequest:
    """One device as the user asked for it.

    Attributes:
        device: name, DEVICE-CONFIGURATION or address.
        configuration: configuration of it; None for its default.
        predictor_dir: folder of a predictor to use instead of the user's or the shipped one.
        target_ms: latency target; None takes the predicted latency of the MT edge baseline.
    """

    device: str
    configuration: str | None = None
    predictor_dir: Path | None = None
    target_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class OpenDevice:
    """A device with its predictor.

    Attributes:
        label: what the user calls it.
        device: what `load_device` finds it by.
        configuration: name of its configuration.
        dtype: number format of networks there, "int8" or "float32".
        predictor: predicts latencies there.
        folder: where the predictor was read from.
        target_ms: target that was asked for, None for none.
    """

    label: str
    device: str
    configuration: str
    dtype: str
    predictor: LatencyPredictor
    folder: Path
    target_ms: float | None = None

    def estimate(self, architecture: Architecture) -> LatencyEstimate:
        """Predicts the latency of a network in this device's number format."""
        return self.predictor.predict(graph_of(architecture, self.dtype))

    def target_for(self, baseline: Architecture, risk: float | None) -> float:
        """The target that was asked for, else what is predicted for the baseline (at the risk, if any)."""
        if self.target_ms is not None:
            return self.target_ms
        estimate = self.estimate(baseline)
        return estimate.latency_ms if risk is None else estimate.upper_ms(risk)


def open_devices(requests: Sequence[DeviceRequest]) -> list[OpenDevice]:
    """Finds devices and their predictors.

    Raises:
        UsageError: a device, configuration or predictor does not exist, or a device is named twice.
    """
    found: list[OpenDevice] = []
    for request in requests:
        profile = load_device(request.device)
        chosen = profile.configuration(request.configuration)
        folder = find_predictor_folder(profile, request.predictor_dir, chosen.name)
        predictor = LatencyPredictor.load(folder)
        device, configuration = profile.asked_as, chosen.name
        if request.predictor_dir is not None and len(requests) == 1:
            device, configuration = predictor.device, predictor.configuration
        for other in found:
            if (other.device, other.configuration) == (
                device,
                configuration,
            ) or other.label == request.device:
                raise UsageError(
                    f"--device {other.label} and --device {request.device} are the same device in the same "
                    f"configuration ({device}, {configuration}). Name each once; another configuration is asked for "
                    f"by --device {profile.name}-CONFIGURATION."
                )
        found.append(
            OpenDevice(
                label=request.device,
                device=device,
                configuration=configuration,
                dtype=chosen.dtype,
                predictor=predictor,
                folder=folder,
                target_ms=request.target_ms,
            )
        )
    return found


def search_devices(
    devices: Sequence[OpenDevice], baseline: Architecture, risk: float | None
) -> tuple[SearchDevice, ...]:
    """The devices as config.json keeps them, each with its target; in their order."""
    return tuple(
        SearchDevice(d.label, d.device, d.configuration, d.predictor.name, d.target_for(baseline, risk))
        for d in devices
    )


def reopen_devices(stored: Mapping[str, Any], run: RunFolder) -> list[OpenDevice]:
    """The devices of a run with the predictors that it keeps; empty for a search without a device.

    Raises:
        UsageError: a device or a predictor is not there any more.
    """
    if stored["device"] is None:
        return []
    several = read_devices(stored)
    named = [(d.label, d.device, d.configuration, d.target_ms) for d in several] or [
        (stored["device"], stored["device"], stored["configuration"], stored["target_ms"])
    ]
    return [
        OpenDevice(
            label=label,
            device=device,
            configuration=configuration,
            dtype=load_device(device).configuration(configuration).dtype,
            predictor=LatencyPredictor.load(run.predictor_of(number)),
            folder=run.predictor_of(number),
            target_ms=target_ms,
        )
        for number, (label, device, configuration, target_ms) in enumerate(named)
    ]


def reopened(stored: Mapping[str, Any], devices: Sequence[OpenDevice]) -> tuple[SearchDevice, ...]:
    """The several devices of a run with the predictors that it has now; another one is then told as a difference."""
    several = read_devices(stored)
    if not several:
        return ()
    return tuple(replace(d, predictor=o.predictor.name) for d, o in zip(several, devices, strict=True))


def keep_predictors(devices: Sequence[OpenDevice], run: RunFolder) -> None:
    """Copies the predictors into the run: profiling a device again must not change a search under way."""
    for number, device in enumerate(devices):
        for file in sorted((*device.folder.glob("*.json"), *device.folder.glob("*.npz"))):
            profile = file.name == PROFILE_FILE
            if profile and number:
                continue  # The page shows one: that of the main device.
            folder = run.root if profile else run.predictor_of(number)
            write_bytes_atomic(folder / file.name, file.read_bytes())
