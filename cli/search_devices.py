"""--device, --configuration, --predictor and --target-ms of `edgenas search`, each as often as there are devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgenas.cli.output import format_ms
from edgenas.errors import UsageError

if TYPE_CHECKING:
    from edgenas.search import SearchResult, TrialRecord
    from edgenas.search.objective import Latency
    from edgenas.workflow.devices import DeviceRequest

__all__ = ["device_requests", "nearest_line", "other_devices", "sram_limit"]


def device_requests(
    devices: Sequence[str],
    configurations: Sequence[str] = (),
    predictors: Sequence[str] = (),
    targets: Sequence[str] = (),
) -> tuple[DeviceRequest, ...]:
    """Brings the options together.

    With one device the others are plain values; with several each names its device as it was typed behind --device,
    as in --device pixel4 --device edgetpu-usb2 --target-ms pixel4=12 --target-ms edgetpu-usb2=4.

    Args:
        devices: behind --device, in their order; "none" alone for none.
        configurations: behind --configuration, "NAME" or "DEVICE=NAME".
        predictors: behind --predictor, "FOLDER" or "DEVICE=FOLDER".
        targets: behind --target-ms, "MS" or "DEVICE=MS".

    Raises:
        UsageError: a value names no device of the search, or a device gets two; a target is no positive number.
    """
    from edgenas.workflow.devices import DeviceRequest

    if any(device.lower() == "none" for device in devices):
        if len(devices) > 1:
            raise UsageError(
                "--device none searches for quality alone. Leave out either it or the other devices."
            )
        for flag, given in (
            ("configuration", configurations),
            ("predictor", predictors),
            ("target-ms", targets),
        ):
            if given:
                raise UsageError(
                    f"--{flag} is about a device, and --device none asks for none. Leave out one."
                )
        return ()
    chosen = _by_device("--configuration", configurations, devices)
    folders = _by_device("--predictor", predictors, devices)
    limits = _by_device("--target-ms", targets, devices)
    return tuple(
        DeviceRequest(
            device=device,
            configuration=chosen.get(device),
            predictor_dir=Path(folders[device]) if device in folders else None,
            target_ms=_milliseconds(limits[device]) if device in limits else None,
        )
        for device in devices
    )


def other_devices(result: SearchResult) -> list[str]:
    """One line for each further device: what is known of the recommended network there, and its target."""
    if result.best is None:
        return []
    targets = {device.label: device.target_ms for device in result.devices}
    lines = []
    for label, latency in result.best.latency.others.items():
        row = result.remeasured and result.remeasured.row(result.best.architecture.hash, label)
        found = f", {row.source} {format_ms(row.measured_ms)}" if row and row.measured_ms is not None else ""
        lines.append(
            f"  on {label}: predicted {format_ms(latency.predicted_ms)}{found}, target {format_ms(targets.get(label))}"
        )
    return lines


def nearest_line(nearest: TrialRecord, result: SearchResult) -> str:
    """What a search says that found no network within its targets: by how much the nearest one misses each."""
    latency = nearest.latency
    if not result.devices:
        return (
            f"No network meets the target of {format_ms(result.target_ms)}. Nearest: trial {nearest.number}, "
            f"{_missed(latency, result.target_ms)}."
        )
    first, *further = result.devices
    parts = [f"{_missed(latency, first.target_ms)} on {first.label}"]
    for device in further:
        if device.label in latency.others:
            parts.append(f"{_missed(latency.others[device.label], device.target_ms)} on {device.label}")
    return f"No network meets every target. Nearest: trial {nearest.number}, {'; '.join(parts)}."


def _missed(latency: Latency, target_ms: float | None) -> str:
    known = "" if latency.measured_ms is None else f", on the device {format_ms(latency.measured_ms)}"
    words = f"predicted {format_ms(latency.predicted_ms)}{known}"
    if latency.held_ms is None or not target_ms:
        return words
    return f"{words} ({100.0 * (latency.held_ms - target_ms) / target_ms:+.1f}%)"


def sram_limit(text: str | None) -> tuple[str | None, float | None]:
    """Device (None where none is named) and KiB of --max-sram-kib.

    Raises:
        UsageError: it is no positive number.
    """
    if text is None:
        return None, None
    device, sign, number = text.rpartition("=")
    value = _positive(number)
    if value is None or (sign and not device):
        raise UsageError(
            "Invalid value for --max-sram-kib. Expected a positive number of KiB, or DEVICE=KIB, such as "
            f"ethos-u55-128=256. Received {text!r}."
        )
    return device or None, value


def _positive(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 < value < math.inf else None


def _by_device(flag: str, texts: Sequence[str], devices: Sequence[str]) -> dict[str, str]:
    """Device to value; the longest device that a text begins with counts, as addresses may hold a =."""
    found: dict[str, str] = {}
    for text in texts:
        named = [device for device in devices if text.startswith(f"{device}=")]
        if not named and len(devices) > 1:
            raise UsageError(
                f"{flag} {text} must name one of the devices, such as {flag} {devices[0]}={text.rpartition('=')[2]}. "
                f"The devices are {', '.join(devices)}."
            )
        device = max(named, key=len) if named else devices[0]
        if device in found:
            raise UsageError(f"{flag} is given twice for {device}. Leave out one.")
        found[device] = text[len(device) + 1 :] if named else text
    return found


def _milliseconds(text: str) -> float:
    value = _positive(text)
    if value is None:
        raise UsageError(
            f"Invalid value for --target-ms. Expected a positive number of milliseconds, or DEVICE=MS. "
            f"Received {text!r}."
        )
    return value
