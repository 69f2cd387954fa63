"""`profile_device`: plan, export, measure, fit; goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgenas.device_profiles.connection import LOCAL
from edgenas.device_profiles.host_facts import cpu_model, file_sha256, package_version
from edgenas.device_profiles.measurement import MEASURED
from edgenas.device_profiles.profile import LITERT, DeviceProfile
from edgenas.device_profiles.runner import Runner
from edgenas.errors import EdgenasError, UsageError
from edgenas.latency_models.fit import Point
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.registry import user_predictors
from edgenas.profiling.collect import collect
from edgenas.profiling.fit_profile import fit_profile
from edgenas.profiling.models import export_models
from edgenas.profiling.plan import NETWORK, PlannedModel, planned_models
from edgenas.profiling.table import MeasurementTable
from edgenas.space import SearchSpace
from edgenas.storage import read_json, write_json

__all__ = ["PROFILE_FILE", "ProfileEvent", "ProfileResult", "profile_device"]

PROFILE_FILE = "profile.json"
"""Held-out predictions beside the measurements, for the report; beside the predictor too."""

_DEFAULT_NETWORKS, _FEWEST_NETWORKS = 32, 10
_DEFAULT_BUDGET_SECONDS = 180.0
# Exporting may take this share of the budget; the fit needs some seconds at the end.
_EXPORT_SHARE, _FIT_SECONDS = 0.45, 6.0
# When so many of the first models cannot be made ready, the device cannot be used at all.
_FIRST_REFUSALS = 3


@dataclass(frozen=True, slots=True)
class ProfileEvent:
    """Progress of a profile.

    Attributes:
        phase: "export", "measure" or "fit".
        text: what is being done.
        done: finished steps of it.
        total: all steps of it.
    """

    phase: str
    text: str
    done: int
    total: int


@dataclass(frozen=True)
class ProfileResult:
    """Outcome of a profile.

    Attributes:
        predictor: the fitted predictor.
        card: what it was fitted on and its held-out error.
        points: held-out predictions beside the measurements.
        folder: the profile's folder with table, models and `profile.json`.
        predictor_folder: where `find_predictor` finds the predictor from now on.
        failed: name and error of each model that could not be measured.
        seconds: duration of this call.
    """

    predictor: LatencyPredictor
    card: dict[str, Any]
    points: tuple[Point, ...]
    folder: Path
    predictor_folder: Path
    failed: dict[str, str]
    seconds: float


def profile_device(
    profile: DeviceProfile,
    space: SearchSpace,
    out_dir: Path,
    *,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    configuration: str | None = None,
    budget_seconds: float = _DEFAULT_BUDGET_SECONDS,
    seed: int = 0,
    networks: int | None = None,
    runner: Runner | None = None,
    on_event: Callable[[ProfileEvent], None] | None = None,
) -> ProfileResult:
    """Measures networks and operators of a space on a device and fits its latency predictor.

    Everything is stored in `out_dir` as soon as it is known: the same call after a kill measures only what is
    missing. The predictor goes into the user's folder and, with the held-out comparison, into `out_dir`.

    Args:
        profile: the device.
        space: where the networks come from.
        out_dir: folder of this profile.
        input_shape: (height, width) of the networks' input.
        head_channels: output channels of each task.
        configuration: configuration of the device, by default the profile's.
        budget_seconds: time for everything; on a slow machine fewer networks are measured.
        seed: seed of the plan.
        networks: number of different networks, by default 32 for 180 seconds and in proportion.
        runner: measures, by default the device's own.
        on_event: is told about progress.

    Raises:
        UsageError: `out_dir` holds another profile.
        EdgenasError: the device is not available, or too little could be measured.
    """
    began = time.monotonic()
    tell = on_event or (lambda event: None)
    chosen = profile.configuration(configuration)
    runner = runner or _runner(profile, chosen.name)
    detection = runner.probe()
    if not detection.available:
        raise EdgenasError(
            f"{profile.title} is not available, so nothing was measured.\n{detection.explain()}"
        )
    identity = _identity(profile, chosen.name, space, input_shape, head_channels, seed)
    _check_folder(out_dir, {**identity, **runner.identity()})
    if networks is None:
        networks = max(_FEWEST_NETWORKS, round(_DEFAULT_NETWORKS * budget_seconds / _DEFAULT_BUDGET_SECONDS))
    plan = planned_models(
        space,
        input_shape=input_shape,
        head_channels=head_channels,
        dtype=chosen.dtype,
        seed=seed,
        networks=networks,
        both_types=profile.kind == LITERT and profile.connection.via == LOCAL,
        single_operators=profile.kind == LITERT,
    )
    paths = _export(plan, out_dir / "models", began + _EXPORT_SHARE * budget_seconds, tell)
    prepared, refused = _prepare(runner, paths)
    models = [model for model in plan if model.name in prepared]
    table = MeasurementTable(
        out_dir / "measurements.jsonl", {name: file_sha256(path) for name, path in prepared.items()}
    )
    protocol = profile.protocol_for(chosen.name)
    collect(
        runner,
        models,
        prepared,
        table,
        protocol,
        deadline=began + budget_seconds - _FIT_SECONDS,
        seed=seed,
        least=_enough(models),
        progress=lambda text, done, total: tell(ProfileEvent("measure", text, done, total)),
    )
    tell(ProfileEvent("fit", "fitting", 0, 1))
    failed = refused | {model.name: error for model in models if (error := table.failed(model.name))}
    rows = [row for model in models if (row := table.row(model, paths[model.name])) is not None]
    fitted = fit_profile(
        rows,
        profile=profile,
        configuration=chosen.name,
        seed=seed,
        facts=_facts(models, table, protocol.to_dict(), failed, space),
    )
    result = ProfileResult(
        predictor=fitted.predictor,
        card=fitted.card,
        points=fitted.points,
        folder=out_dir,
        predictor_folder=user_predictors() / profile.name / chosen.name,
        failed=failed,
        seconds=time.monotonic() - began,
    )
    _store(result)
    tell(ProfileEvent("fit", "fitting", 1, 1))
    return result


def _runner(profile: DeviceProfile, configuration: str) -> Runner:
    from edgenas.device_profiles import runner_for

    return runner_for(profile, configuration)


def _identity(
    profile: DeviceProfile,
    configuration: str,
    space: SearchSpace,
    input_shape: tuple[int, int],
    head_channels: Mapping[str, int],
    seed: int,
) -> dict[str, Any]:
    """What must be equal for measurements to belong into one table."""
    return {
        "format": "edgenas.profile",
        "version": 1,
        "device": profile.name,
        "configuration": configuration,
        "space": {"name": space.name, "version": space.version, "hash": space.hash},
        "input_shape": list(input_shape),
        "head_channels": {task: head_channels[task] for task in sorted(head_channels)},
        "seed": seed,
    }


def _check_folder(out_dir: Path, identity: dict[str, Any]) -> None:
    path = out_dir / "plan.json"
    if not path.exists():
        write_json(path, identity)
        return
    stored = read_json(path, "plan of the profile")
    found = stored if isinstance(stored, dict) else {}
    other = [key for key, value in identity.items() if found.get(key) != value]
    if other:
        raise UsageError(
            f"{out_dir} holds a profile of its own that differs in "
            + ", ".join(f"{key} ({found.get(key)!r} there, {identity[key]!r} asked for)" for key in other)
            + ". Choose another folder with --out, or delete that one."
        )


def _enough(models: Sequence[PlannedModel]) -> int:
    """How many of the models, from the first, hold as many different networks as a predictor needs."""
    networks: set[str] = set()
    for count, model in enumerate(models, start=1):
        if model.kind == NETWORK:
            networks.add(model.architecture.hash)
        if len(networks) >= _FEWEST_NETWORKS:
            return count
    return len(models)


def _export(
    plan: tuple[PlannedModel, ...], folder: Path, deadline: float, tell: Callable[[ProfileEvent], None]
) -> dict[str, Path]:
    """Files of the planned models, or of as many as the time allows (always some)."""
    paths: dict[str, Path] = {}
    for model, path in export_models(plan, folder):
        paths[model.name] = path
        tell(ProfileEvent("export", "exporting", len(paths), len(plan)))
        if len(paths) >= _enough(plan) and time.monotonic() >= deadline:
            break
    return paths


def _prepare(runner: Runner, paths: Mapping[str, Path]) -> tuple[dict[str, Path], dict[str, str]]:
    """Name to the file that is measured, and name to the reason why a model cannot be made ready.

    Raises:
        EdgenasError: none can.
    """
    prepared: dict[str, Path] = {}
    refused: dict[str, str] = {}
    for name, path in paths.items():
        try:
            prepared[name] = runner.prepare(path, path.parent)
        except EdgenasError as error:
            refused[name] = str(error)
            if not prepared and len(refused) >= _FIRST_REFUSALS:
                raise
    return prepared, refused


def _facts(
    models: list[PlannedModel],
    table: MeasurementTable,
    protocol: dict[str, Any],
    failed: Mapping[str, str],
    space: SearchSpace,
) -> dict[str, Any]:
    """What the card says beside the accuracy."""
    sample = table.any_measurement()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "source": sample.source if sample else MEASURED,
        "machine": sample.machine if sample else cpu_model(),
        "runtime": f"{sample.runtime} {sample.runtime_version}, {sample.delegate}" if sample else "",
        "edgenas_version": package_version("edgenas") or "",
        "space": f"{space.name} {space.version} ({space.hash})",
        "failed": len(failed),
        "slower_by_percent_per_round": {
            str(number): round(100 * shift, 2) for number, shift in table.round_shift(models).items()
        },
        "protocol": protocol,
    }


def _store(result: ProfileResult) -> None:
    result.predictor.save(result.folder / "predictor", result.card)
    result.predictor.save(result.predictor_folder, result.card)
    comparison = {
        "device": result.predictor.device,
        "configuration": result.predictor.configuration,
        "card": result.card,
        "points": [asdict(point) for point in result.points],
    }
    for folder in (result.folder, result.predictor_folder):
        write_json(folder / PROFILE_FILE, comparison)
