"""Reads a run folder into one typed value; only config.json and study.db must be there."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from edgenas.device_profiles.measurement import MEASURED
from edgenas.errors import UsageError
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.predictor_file import CARD_FILE, PREDICTOR_FILE, read_predictor
from edgenas.report.coerce import (
    Metrics,
    as_interval,
    as_list,
    as_mapping,
    as_metrics,
    as_number,
    as_source,
    as_text,
)
from edgenas.report.evaluations import StoredEvaluation, read_evaluations
from edgenas.report.model_card import ModelCard, read_model_card
from edgenas.report.remeasured_data import Remeasurement, read_remeasurement
from edgenas.report.study_data import Trial, read_trials
from edgenas.space.architecture import Architecture
from edgenas.storage import read_json

__all__ = ["Candidate", "Profile", "ProfilePoint", "RunConfig", "RunData", "read_run"]

_RUN_FORMAT = "edgenas.run"
_RUN_VERSION = 1
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What was searched, on what, for how long.

    Attributes:
        space: name, version and hash of the search space.
        data: source, size, tasks and fingerprint of the data.
        settings: the other scalar settings (device, target_ms, reward, seed, trials, ...).
        proxy: training settings of the proxy task.
        devices: every device where there are several: label, device, configuration, predictor and target_ms of each.
        weights: weights of metrics that are not 1, as "segmentation.miou" to a number.
        command: the command line that started the run, quoted for a shell; may be empty.
    """

    space: dict[str, Any]
    data: dict[str, Any]
    settings: dict[str, Any]
    proxy: dict[str, Any]
    command: str
    devices: tuple[dict[str, Any], ...] = ()
    weights: dict[str, float] = field(default_factory=dict)

    @property
    def device(self) -> str:
        """Name of the target device."""
        return as_text(self.settings.get("device"))

    @property
    def target_ms(self) -> float | None:
        """Latency target."""
        return as_number(self.settings.get("target_ms"))

    @property
    def depth_unit(self) -> str:
        """Unit of the depth maps, empty where unknown."""
        return as_text(self.data.get("depth_unit"))


@dataclass(frozen=True, slots=True)
class Candidate:
    """The winner of the search or the baseline, under the proxy schedule.

    Attributes:
        trial: number of the trial, None for the baseline.
        feasible: whether the predicted latency meets the target.
        architecture: the network, None where it cannot be read.
        metrics: scores under the proxy schedule.
        quality: Q of paper.md.
        reward: value of the objective.
        predicted_ms: predicted latency.
        interval_ms: its interval.
        measured_ms: latency on the device, found after the search, None where it was not.
        source: how that came about, "measured" or "simulated"; None without it.
        others: predicted latency and its interval on the further devices, by their labels.
        first_recommended: what best.json says of the network that predictions alone recommend; empty for nothing.
    """

    trial: int | None
    feasible: bool
    architecture: Architecture | None
    metrics: Metrics
    quality: float | None
    reward: float | None
    predicted_ms: float | None
    interval_ms: tuple[float, float] | None
    measured_ms: float | None
    source: str | None = None
    others: dict[str, tuple[float | None, tuple[float, float] | None]] = field(default_factory=dict)
    first_recommended: dict[str, Any] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether no trial completed: then there is not even a nearest network."""
        return not self.feasible and self.architecture is None and self.quality is None


@dataclass(frozen=True, slots=True)
class ProfilePoint:
    """One measured (or simulated) network or operator beside its prediction, in milliseconds."""

    name: str
    measured_ms: float
    predicted_ms: float
    low_ms: float | None
    high_ms: float | None


@dataclass(frozen=True, slots=True)
class Profile:
    """The predictor's test against latencies on the device, as stored in profile.json.

    Attributes:
        device: what they are latencies on.
        card: scalar entries of the predictor's card, in their order.
        points: the compared networks.
        source: how the latencies came about, "measured" or "simulated".
    """

    device: str
    card: tuple[tuple[str, Any], ...]
    points: tuple[ProfilePoint, ...]
    source: str = MEASURED


@dataclass(frozen=True)
class RunData:
    """Everything the page shows.

    Attributes:
        folder: the run folder.
        config: resolved configuration.
        trials: all trials of the study.
        baseline: the MT edge baseline, or None.
        best: the winner (or, when none is feasible, the nearest), or None.
        trained: metrics after the final training, or None.
        card: the model card of the export, or None.
        profile: predicted against measured, or None.
        predictor: the predictor that the search used, or None.
        predictor_card: card of the predictor that the search used; empty where there is none.
        remeasured: what was measured after the search, or None.
        samples: path of the stored pictures, or None.
        ranking: content of `ranking.json` of a one-shot search, or None.
        dashboard: what optuna-dashboard opens as the study of this run; empty where that is not known.
        has_curves: whether there are curves for TensorBoard.
        evaluations: what `edgenas evaluate` stored of the final networks.
        problems: one sentence per part that exists but cannot be read.
    """

    folder: Path
    config: RunConfig
    trials: tuple[Trial, ...]
    baseline: Candidate | None = None
    best: Candidate | None = None
    trained: Metrics | None = None
    card: ModelCard | None = None
    profile: Profile | None = None
    predictor: LatencyPredictor | None = None
    predictor_card: dict[str, Any] = field(default_factory=dict)
    remeasured: Remeasurement | None = None
    samples: Path | None = None
    ranking: dict[str, Any] | None = None
    dashboard: str = ""
    has_curves: bool = False
    evaluations: tuple[StoredEvaluation, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def source(self) -> str:
        """How latencies on the device came about: "measured", "simulated" or "measured or simulated".

        Where there is none yet, those count that the predictor was fitted to.
        """
        known = {
            self.profile.source if self.profile else None,
            self.best.source if self.best else None,
            self.card.latency.source if self.card else None,
        } - {None}
        return " or ".join(sorted(filter(None, known))) or as_source(self.predictor_card.get("source"))


def read_run(folder: Path) -> RunData:
    """Reads the run folder.

    Raises:
        UsageError: the folder is no run: no folder, or config.json or study.db missing or unreadable. The
            message names the folder and the next command.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UsageError(f"No run at {folder}: it {what}.\n{_start(folder)}")
    try:
        raw = read_json(folder / "config.json", "run configuration")
        config = _config(raw, folder / "config.json")
        trials = read_trials(folder, raw)
    except UsageError as error:
        raise UsageError(f"{folder} is not a readable run. {error}\n{_start(folder)}") from error
    problems: list[str] = []

    def optional(path: Path, what: str, parse: Callable[[dict[str, Any]], _T]) -> _T | None:
        if not path.is_file():
            return None
        try:
            value = read_json(path, what)
            if not isinstance(value, dict):
                raise UsageError(
                    f"{path} is not the {what}: expected a JSON object, got {type(value).__name__}."
                )
            return parse(value)
        except UsageError as error:
            problems.append(str(error))
            return None

    def other(path: Path, read: Callable[[], _T]) -> _T | None:
        try:
            return read() if path.exists() else None
        except UsageError as error:
            problems.append(str(error))
            return None

    best = optional(folder / "best.json", "result of the search", _best)
    if best and not best.metrics and best.trial is not None:  # best.json describes a nearest one without them
        metrics = next((t.metrics for t in trials if t.number == best.trial), {})
        best = replace(best, metrics=metrics)
    card_path = _card_path(folder / "export")
    samples = folder / "export" / "samples.npz"
    return RunData(
        folder=folder,
        config=config,
        trials=trials,
        baseline=optional(folder / "baseline.json", "baseline of the run", _candidate),
        best=best,
        trained=optional(folder / "train" / "metrics.json", "metrics of the final training", _trained),
        card=optional(card_path, "model card", read_model_card) if card_path else None,
        profile=optional(folder / "profile.json", "profile", _profile),
        predictor=other(folder / "predictor" / PREDICTOR_FILE, lambda: read_predictor(folder / "predictor")),
        predictor_card=optional(folder / "predictor" / CARD_FILE, "card of the predictor", as_mapping) or {},
        remeasured=optional(folder / "remeasured.json", "measurements after the search", read_remeasurement),
        samples=samples if samples.is_file() else None,
        ranking=optional(folder / "ranking.json", "ranking of the search", as_mapping),
        dashboard=_dashboard(folder, raw),
        has_curves=(folder / "tensorboard").is_dir(),
        evaluations=other(folder, lambda: read_evaluations(folder)) or (),
        problems=tuple(problems),
    )


def _dashboard(folder: Path, config: dict[str, Any]) -> str:
    from edgenas.search.storages.location import StudyLocation  # as the study was read already

    where = StudyLocation.of(folder, config)
    if where.file is None:
        return where.url or ""
    return str(where.file) if where.journal else f"sqlite:///{where.file}"


def _start(folder: Path) -> str:
    return (
        f"Start a run with: edgenas search --out {shlex.quote(str(folder))}\n"
        "A run folder holds config.json and study.db; `edgenas search` prints its name."
    )


def _config(raw: Any, path: Path) -> RunConfig:
    config = as_mapping(raw)
    if config.get("format") != _RUN_FORMAT:
        raise UsageError(
            f'{path} is not the configuration of a run. Expected "format": "{_RUN_FORMAT}", '
            f"got {as_text(config.get('format'))!r}."
        )
    if config.get("version") != _RUN_VERSION:
        raise UsageError(
            f"{path} has format version {as_text(config.get('version'))!r}; this edgenas reads version "
            f"{_RUN_VERSION}. Update edgenas or run the search again."
        )
    command = config.get("command")
    words = [as_text(word) for word in as_list(command)]
    return RunConfig(
        space=as_mapping(config.get("space")),
        data=as_mapping(config.get("data")),
        settings={key: value for key, value in config.items() if not isinstance(value, dict | list)},
        proxy=as_mapping(config.get("proxy")),
        command=shlex.join(words) if words else as_text(command),
        devices=tuple(as_mapping(entry) for entry in as_list(config.get("devices"))),
        weights={
            f"{task}.{metric}": weight
            for task, values in as_metrics(config.get("metric_weights")).items()
            for metric, weight in values.items()
            if weight is not None
        },
    )


def _candidate(raw: dict[str, Any]) -> Candidate:
    architecture = as_mapping(raw.get("architecture"))
    trial, measured_ms = as_number(raw.get("trial")), as_number(raw.get("measured_ms"))
    return Candidate(
        trial=None if trial is None else int(trial),
        feasible=raw.get("feasible") is True,
        architecture=Architecture.from_dict(architecture, "its architecture") if architecture else None,
        metrics=as_metrics(raw.get("metrics")),
        quality=as_number(raw.get("quality")),
        reward=as_number(raw.get("reward")),
        predicted_ms=as_number(raw.get("predicted_ms")),
        interval_ms=as_interval(raw.get("predicted_interval_ms")),
        measured_ms=measured_ms,
        source=None if measured_ms is None else as_source(raw.get("measured_source")),
        others={
            label: (as_number(other.get("predicted_ms")), as_interval(other.get("predicted_interval_ms")))
            for label, found in as_mapping(raw.get("other_devices")).items()
            if (other := as_mapping(found))
        },
        first_recommended=as_mapping(raw.get("first_recommended")),
    )


def _best(raw: dict[str, Any]) -> Candidate:
    """When no trial is feasible the result names the nearest one, which then stands in its place."""
    nearest = as_mapping(raw.get("nearest"))
    if raw.get("feasible") is True or not nearest:
        return _candidate(raw)
    return _candidate({**raw, **nearest, "feasible": False})


def _trained(raw: dict[str, Any]) -> Metrics:
    return as_metrics(raw.get("metrics")) or as_metrics(raw.get("float_metrics"))


def _card_path(export: Path) -> Path | None:
    """The model card: the .json file of the export folder that names its format, the newest if several."""
    cards = sorted(export.glob("*.json"), key=lambda path: path.stat().st_mtime) if export.is_dir() else []
    marked = [path for path in cards if b'"edgenas.model_card"' in path.read_bytes()[:4096]]
    found = marked or cards
    return found[-1] if found else None


def _profile(raw: dict[str, Any]) -> Profile:
    points = []
    for item in map(as_mapping, as_list(raw.get("points"))):
        measured, predicted = as_number(item.get("measured_ms")), as_number(item.get("predicted_ms"))
        if measured is not None and predicted is not None and measured > 0 and predicted > 0:
            low, high = as_number(item.get("low_ms")), as_number(item.get("high_ms"))
            points.append(ProfilePoint(as_text(item.get("name")), measured, predicted, low, high))
    card = as_mapping(raw.get("card"))
    source = as_source(card.get("source"))
    return Profile(as_text(raw.get("device")), tuple(_scalars(card)), tuple(points), source)


def _scalars(card: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Scalar entries of a card, nested ones with their path; at most two levels deep."""
    found: list[tuple[str, Any]] = []
    for key, value in card.items():
        if isinstance(value, dict) and not prefix:
            found += _scalars(as_mapping(value), f"{key.replace('_', ' ')}, ")
        elif isinstance(value, str | bool) or as_number(value) is not None:
            found.append((prefix + key.replace("_", " "), value))
    return found
