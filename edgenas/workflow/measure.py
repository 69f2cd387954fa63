"""`edgenas benchmark`: .tflite files measured on a device, those that a file holds already left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgenas.device_profiles import Measurement, Protocol, Runner
from edgenas.device_profiles.stored_measurements import StoredMeasurements
from edgenas.errors import EdgenasError, no_such_file

__all__ = ["measure_files", "protocol_with"]


def protocol_with(
    usual: Protocol,
    *,
    processes: int | None = None,
    runs: int | None = None,
    seconds: float | None = None,
) -> Protocol:
    """The device's protocol with what the user asks for.

    Args:
        usual: the device's own.
        processes: processes per model.
        runs: fewest timed inferences per process.
        seconds: shortest timed phase per process.
    """
    given: dict[str, Any] = {}
    if processes:
        given = {"processes": processes, "max_processes": max(usual.max_processes, processes)}
    if runs:
        given["min_runs"] = runs
    if seconds is not None:
        given["min_seconds"] = seconds
        given["max_seconds"] = max(usual.max_seconds, seconds)
    return replace(usual, **given)


def measure_files(
    models: Sequence[Path],
    runner: Runner,
    protocol: Protocol,
    *,
    operators: bool = False,
    out: Path | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Path, Measurement]]:
    """Stored measurements first, then new ones, each stored as soon as it is known.

    Args:
        models: the files.
        runner: measures.
        protocol: how.
        operators: time every operator too, where the runtime tells.
        out: .jsonl file; what it holds is not measured again where it is stable.
        tell: is told what was measured before.

    Raises:
        UsageError: a file does not exist.
        EdgenasError: the device is not at hand.
    """
    for model in models:
        if not model.is_file():
            raise no_such_file(model)
    detection = runner.probe()
    if not detection.available:
        raise EdgenasError(
            f"{runner.profile.title} ({runner.configuration.name}) is not available, so nothing was measured.\n"
            f"{detection.explain()}"
        )
    store = StoredMeasurements(out, runner) if out is not None else None
    return _measured(models, runner, protocol, operators, store, tell)


def _measured(
    models: Sequence[Path],
    runner: Runner,
    protocol: Protocol,
    operators: bool,
    store: StoredMeasurements | None,
    tell: Callable[[str], None],
) -> Iterator[tuple[Path, Measurement]]:
    due = []
    for model in models:
        stored = store.find(model, protocol) if store is not None else None
        if stored is None:
            due.append(model)
        else:
            tell(f"{model}: {stored.source} before, see {store.path if store else ''}")
            yield model, stored
    if due:
        for model, measurement in zip(due, runner.measure(due, protocol, operators=operators), strict=True):
            if store is not None:
                store.add(model, protocol, measurement)
            yield model, measurement
