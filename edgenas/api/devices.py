"""Devices: the latency and compatibility of networks, predicted, checked, measured; and the predictor of a device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from edgenas.device_profiles import Configuration, DeviceProfile, Measurement
    from edgenas.graph import OpGraph
    from edgenas.latency_models import LatencyEstimate
    from edgenas.profiling import ProfileEvent, ProfileResult
    from edgenas.space import Architecture
    from edgenas.workflow.check import CheckResult

__all__ = ["check", "measure", "predict_latency", "profile"]


def predict_latency(
    network: Architecture | OpGraph | keras.Model | str | Path,
    *,
    device: str = "host",
    configuration: str | None = None,
    predictor: str | Path | None = None,
) -> LatencyEstimate:
    """Predicts the latency of a network, with an interval; needs no device, and TensorFlow for Keras models only.

    Args:
        network: an architecture, the path of its .json file or of a .tflite file, or a Keras model (which TensorFlow
            converts, in some seconds).
        device: a device (see `edgenas devices`), DEVICE-CONFIGURATION, or an address.
        configuration: configuration of the device; its default without it.
        predictor: folder of a predictor to use instead of the stored one.

    Returns:
        The estimate: `latency_ms`, `interval_ms`, `operators`, `in_domain` and `source`, which is "predicted".

    Raises:
        UsageError: there is no such file, device or configuration, or no predictor for it yet.

    Example:
        >>> import edgenas
        >>> network = edgenas.load_architecture("edgenas-compact-v1")
        >>> estimate = edgenas.predict_latency(network, device="pixel4", configuration="1large-int8")
        >>> low, high = estimate.interval_ms
        >>> low < estimate.latency_ms < high
        True
        >>> estimate.source
        'predicted'
        >>> edgenas.predict_latency(network, device="pixel44")
        Traceback (most recent call last):
        ...
        edgenas.errors.UsageError: Unknown device 'pixel44'. Did you mean 'pixel4' or 'pixel-4' or 'pixel3'?
        See: edgenas devices list
    """
    from edgenas.workflow.predict import open_predictor

    profile, chosen = _device(device, configuration)
    opened = open_predictor(profile, chosen, None if predictor is None else Path(predictor))
    if opened.warning:
        warnings.warn(opened.warning, stacklevel=2)
    return opened.predict(Path(network) if isinstance(network, str) else network)


def check(
    path: str | Path, *, device: str = "edgetpu", configuration: str | None = None, compiler: bool = True
) -> CheckResult:
    """Tells which operators of a .tflite file run on an accelerator, and why the others do not.

    Args:
        path: the file, not compiled yet.
        device: "edgetpu", by rules about its compiler; or an Ethos-U such as "ethos-u55-128", by asking Vela.
        configuration: configuration of the device; its default without it.
        compiler: also run edgetpu_compiler where it is on the PATH.

    Raises:
        UsageError: the file is missing or damaged, or the device has no accelerator.

    Example:
        >>> import edgenas
        >>> result = edgenas.check("model_int8.tflite", device="edgetpu")
        >>> result.fully_mapped, len(result.unmapped)
        (True, 0)
    """
    from edgenas.workflow.check import check_file

    profile, chosen = _device(device, configuration)
    return check_file(Path(path), profile, chosen, compiler=compiler)


def measure(
    path: str | Path,
    *,
    device: str = "host",
    configuration: str | None = None,
    processes: int | None = None,
    runs: int | None = None,
    seconds: float | None = None,
    operators: bool = False,
) -> Measurement:
    """Measures the latency of a .tflite file on a device; an Ethos-U is simulated by Vela, and says so.

    Args:
        path: the file.
        device: a device, or ssh://USER@HOST or adb://SERIAL.
        configuration: configuration of the device; its default without it.
        processes: processes, the device's number without it.
        runs: fewest timed inferences per process.
        seconds: shortest timed phase per process.
        operators: time every operator too, where the runtime tells.

    Returns:
        The measurement: `ok`, `latency_ms`, `spread`, `source` ("measured" or "simulated"), the raw `repeats_ms`. One
        that failed says why in `error`; nothing is raised for it.

    Raises:
        UsageError: there is no such file, device or configuration.
        EdgenasError: the device is not at hand.

    Example:
        >>> import edgenas
        >>> found = edgenas.measure("model_int8.tflite", processes=1, runs=5, seconds=0.0)
        >>> found.ok, found.source, found.latency_ms > 0
        (True, 'measured', True)
    """
    from edgenas.device_profiles import runner_for
    from edgenas.workflow.measure import measure_files, protocol_with

    profile, chosen = _device(device, configuration)
    runner = runner_for(profile, chosen.name)
    protocol = protocol_with(runner.protocol, processes=processes, runs=runs, seconds=seconds)
    [(_, measurement)] = measure_files([Path(path)], runner, protocol, operators=operators)
    return measurement


def profile(
    device: str = "host",
    *,
    configuration: str | None = None,
    space: str | Path = "demo",
    tasks: Sequence[str] = ("depth", "normals", "segmentation"),
    classes: int = 13,
    height: int = 96,
    width: int = 128,
    seconds: float = 180.0,
    seed: int = 0,
    out: str | Path | None = None,
    on_event: Callable[[ProfileEvent], None] | None = None,
) -> ProfileResult:
    """Measures networks of a space on a device and fits its latency predictor; goes on where it was stopped.

    Args:
        device: a device, or ssh://USER@HOST or adb://SERIAL.
        configuration: configuration of the device; its default without it.
        space: where the networks come from.
        tasks: their heads.
        classes: segmentation classes.
        height: rows of their input; a predictor knows the sizes that it was fitted on.
        width: columns.
        seconds: time for everything.
        seed: seed of the plan.
        out: folder of the measurements; one in the user's folder without it.
        on_event: is told about progress.

    Returns:
        The predictor, its card with the held-out error, and where both are stored. `predict_latency` uses it from
        now on.

    Raises:
        UsageError: there is no such device, space or task.
        EdgenasError: the device is not at hand, or too little could be measured.

    Example:
        >>> import edgenas
        >>> result = edgenas.profile("raspi4")
        Traceback (most recent call last):
        ...
        edgenas.errors.EdgenasError: Raspberry Pi 4 ... is not available, so nothing was measured...
    """
    from edgenas.tasks.registry import ordered
    from edgenas.workflow.profile import ProfileRequest

    found, chosen = _device(device, configuration)
    request = ProfileRequest(
        space=str(space),
        tasks=ordered(tasks),
        classes=classes,
        height=height,
        width=width,
        seconds=seconds,
        seed=seed,
        out=None if out is None else Path(out),
    )
    return request.measure(found, chosen.name, on_event=on_event)


def _device(name: str, configuration: str | None) -> tuple[DeviceProfile, Configuration]:
    from edgenas.device_profiles import load_device

    profile = load_device(name)
    return profile, profile.configuration(configuration)
