"""`SearchConfig`, and `config.json`: what a run was started with, and whether a resumed one still agrees."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, unknown_name
from edgenas.scoring import REWARD_PRESETS
from edgenas.search.devices import SearchDevice, are_different
from edgenas.search.pruning import Halving
from edgenas.search.storages.location import (
    JOURNAL_FILE,
    STUDY_FILE,
    StudyLocation,
    new_study_name,
    normal_storage,
)
from edgenas.space.space import SearchSpace
from edgenas.storage import read_json, write_json

__all__ = [
    "ALGORITHMS",
    "CONFIG_FILE",
    "DEFAULT_ALGORITHM",
    "REQUIREMENTS",
    "STUDY_FILE",
    "SearchConfig",
    "differences",
    "prepare_run",
    "read_config",
    "refuse_second_run",
    "resume_command",
    "study_location",
]

CONFIG_FILE = "config.json"
FORMAT = "edgenas.run"
FORMAT_VERSION = 1

REQUIREMENTS = ("edgetpu",)
"""What candidates can be required to run on as a whole."""

ALGORITHMS = ("evolution", "random", "nsga2", "tpe", "oneshot")
"""What can choose the networks; see `edgenas.search.algorithms`."""

DEFAULT_ALGORITHM = "evolution"

# What the commands read of config.json.
_NEEDED = (
    "space", "data", "device", "configuration", "target_ms", "reward", "risk", "metric_weights", "seed", "trials",
    "population", "tournament", "input_shape", "proxy", "command",
)  # fmt: skip

# May differ between the sessions of one run: none of them changes what a trial number means.
_FREE = ("edgenas_version", "trials", "command", "space.source", "trial_seconds", "study_name", "remeasure")
_FREE_GROUPS = ("execution.",)

# Of these the values of the last session are kept.
_CHANGING = ("trials", "trial_seconds", "execution", "remeasure")

# Says nothing of what a trial number means.
_NOT_IDENTITY = ("format", "version", "storage", *_FREE, *_CHANGING)


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that decides what a search does.

    Attributes:
        trials: evaluated children in total, those of earlier sessions included.
        seed: seed of the evolution; also the seed with which every candidate is trained, so that candidates
            differ by their architecture only and the evaluation of an equal network can be taken over.
        algorithm: what chooses the networks, one of `ALGORITHMS`.
        oneshot: what algorithm "oneshot" does beside searching, an `edgenas.workflow.oneshot.OneShot` as a
            dictionary; None for the others.
        population: P of regularized evolution, also the number of random trials at the start; size of a
            generation of NSGA-II. The other algorithms do not read it.
        tournament: S of regularized evolution, at most `population`. The other algorithms do not read it.
        reward: preset of Eq. 5, a name of `scoring.REWARD_PRESETS`.
        target_ms: latency target, None for none.
        risk: probability with which the device may exceed the latency that is held against the target; None
            takes the point estimate.
        input_shape: (height, width) of the network's input.
        head_channels: output channels of each task.
        data: source, fingerprint, height, width, class_names, depth_unit, tasks.
        proxy: training configuration of the candidates.
        device: device of the latency target, None for none.
        configuration: configuration of the device.
        predictor: identity of the latency predictor.
        devices: every device where there are several, the one that the fields above are about first; empty for one
            or none.
        metric_weights: w_ij of Eq. 6 and 7 where they are not 1.
        require: accelerator that must run every operator of a candidate, one of `REQUIREMENTS`; None for none.
        max_parameters: most trainable parameters of a candidate; None for any number.
        max_activation_kib: most KiB that the feature maps of a candidate may take at once, in the number format
            of the device's configuration (int8 without a device); None for any.
        max_sram_kib: most KiB of SRAM of a candidate on `sram_device`, as Vela simulates it; None for any.
        sram_device: the Ethos-U that `max_sram_kib` is about, as DEVICE-CONFIGURATION.
        remeasure: how many of the best networks are measured at the end. May change when a run is resumed.
        trial_seconds: time after which a trial counts as hung and is ended; None for 20 times what the baseline
            took, at least ten minutes. May change when a run is resumed.
        execution: how the run is worked on, for the record and as the default of a resumed session: executor,
            workers, ... None of it changes what a trial number means.
        halving: where candidates are compared before they are trained to the end; None trains all to the end.
        space_source: preset name or path that the space was loaded from, to load it again on resume.
        storage: where the study is kept, see `edgenas.search.storages.location`; None for SQLite in the run folder.
        command: argument vector of the command line, for the record.
    """

    trials: int
    seed: int = 0
    algorithm: str = DEFAULT_ALGORITHM
    oneshot: Mapping[str, Any] | None = None
    population: int = 50
    tournament: int = 10
    reward: str = "paper"
    target_ms: float | None = None
    risk: float | None = None
    input_shape: tuple[int, int]
    head_channels: Mapping[str, int]
    data: Mapping[str, Any] = field(default_factory=dict)
    proxy: Mapping[str, Any] = field(default_factory=dict)
    device: str | None = None
    configuration: str | None = None
    predictor: str | None = None
    devices: tuple[SearchDevice, ...] = ()
    space_source: str = ""
    metric_weights: Mapping[str, Mapping[str, float]] | None = None
    require: str | None = None
    max_parameters: int | None = None
    max_activation_kib: float | None = None
    max_sram_kib: float | None = None
    sram_device: str | None = None
    remeasure: int = 0
    halving: Halving | None = None
    trial_seconds: float | None = None
    execution: Mapping[str, Any] = field(default_factory=dict)
    storage: str | None = None
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.reward not in REWARD_PRESETS:
            raise unknown_name("reward preset", self.reward, REWARD_PRESETS, "edgenas search --help")
        normal_storage(self.storage)
        if self.algorithm not in ALGORITHMS:
            raise unknown_name("algorithm", self.algorithm, ALGORITHMS, "edgenas search --help")
        if self.require is not None and self.require not in REQUIREMENTS:
            raise unknown_name("requirement", self.require, REQUIREMENTS, "edgenas search --help")
        if self.halving is not None and self.algorithm == "nsga2":
            raise UsageError(
                "--pruner compares rewards, and algorithm 'nsga2' has two objectives instead. Leave --pruner out, or "
                "take another --algorithm."
            )
        checks = (
            ("trials", "at least 1", self.trials >= 1),
            ("seed", "0 or more", self.seed >= 0),
            ("population", "at least 1", self.population >= 1),
            ("population", "at least 2 for nsga2", self.algorithm != "nsga2" or self.population >= 2),
            (
                "tournament",
                f"1 to {self.population}, the population",
                1 <= self.tournament <= self.population,
            ),
            (
                "target_ms",
                "a positive, finite number",
                self.target_ms is None or 0 < self.target_ms < math.inf,
            ),
            ("max_parameters", "at least 1", self.max_parameters is None or self.max_parameters >= 1),
            (
                "max_activation_kib",
                "a positive, finite number",
                self.max_activation_kib is None or 0 < self.max_activation_kib < math.inf,
            ),
            (
                "trial_seconds",
                "a positive, finite number",
                self.trial_seconds is None or 0 < self.trial_seconds < math.inf,
            ),
            (
                "max_sram_kib",
                "a positive, finite number",
                self.max_sram_kib is None or 0 < self.max_sram_kib < math.inf,
            ),
            ("remeasure", "0 or more", self.remeasure >= 0),
            ("risk", "a number between 0 and 1", self.risk is None or 0 < self.risk < 1),
            ("devices", "none, or at least 2 with different labels", are_different(self.devices)),
            (
                "devices",
                "the device of the search first",
                not self.devices or self.devices[0].is_of(self.device, self.configuration, self.target_ms),
            ),
        )
        for name, expected, fine in checks:
            if not fine:
                raise UsageError(
                    f"Invalid argument `{name}`. Expected {expected}. Received {getattr(self, name)!r}."
                )

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that a candidate must meet before it is trained."""
        names = ("require", "max_parameters", "max_activation_kib", "max_sram_kib")
        return tuple(name for name in names if getattr(self, name) is not None)

    @property
    def named_devices(self) -> tuple[tuple[str, str, str | None], ...]:
        """Label, device and configuration of every device, the main one first; empty without a device."""
        if self.devices:
            return tuple((d.label, d.device, d.configuration) for d in self.devices)
        return () if self.device is None else ((self.device, self.device, self.configuration),)

    @property
    def device_labels(self) -> tuple[str, ...]:
        """Labels of every device, the main one first."""
        return tuple(label for label, _, _ in self.named_devices)

    def to_dict(self, space: SearchSpace) -> dict[str, Any]:
        """The content of `config.json`."""
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "edgenas_version": _own_version(),
            "space": {
                "name": space.name,
                "version": space.version,
                "hash": space.hash,
                "source": self.space_source or space.name,
            },
            "data": dict(self.data),
            "device": self.device,
            "configuration": self.configuration,
            "predictor": self.predictor,
            "devices": [device.to_dict() for device in self.devices],
            "target_ms": self.target_ms,
            "reward": self.reward,
            "risk": self.risk,
            "metric_weights": self.metric_weights,
            "require": self.require,
            "max_parameters": self.max_parameters,
            "max_activation_kib": self.max_activation_kib,
            "seed": self.seed,
            "trials": self.trials,
            "algorithm": self.algorithm,
            "oneshot": None if self.oneshot is None else dict(self.oneshot),
            "population": self.population,
            "tournament": self.tournament,
            "input_shape": list(self.input_shape),
            "head_channels": dict(self.head_channels),
            "proxy": dict(self.proxy),
            "max_sram_kib": self.max_sram_kib,
            "sram_device": self.sram_device,
            "remeasure": self.remeasure,
            "halving": None if self.halving is None else self.halving.to_dict(),
            "trial_seconds": self.trial_seconds,
            "execution": dict(self.execution),
            "storage": normal_storage(self.storage),
            "command": list(self.command),
        }

    def identity(self, space: SearchSpace) -> dict[str, Any]:
        """What decides what a trial number means; the study keeps it beside its trials, JSON-ready."""
        whole = json.loads(json.dumps(self.to_dict(space)))
        return {name: value for name, value in whole.items() if name not in _NOT_IDENTITY}


def read_config(run_dir: Path) -> dict[str, Any]:
    """Reads the configuration of a run.

    Raises:
        UsageError: there is no run in the folder, or its configuration is damaged or of another version.
    """
    path = run_dir / CONFIG_FILE
    if not path.exists():
        raise UsageError(
            f"No run in {run_dir}: {CONFIG_FILE} does not exist. "
            f"Start one with: edgenas search --out {run_dir}"
        )
    data = read_json(path, "run configuration")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise UsageError(f'{path} is no run configuration. Expected a JSON object with "format": "{FORMAT}".')
    if data.get("version") != FORMAT_VERSION:
        raise UsageError(
            f"{path} has format version {data.get('version')!r}; this edgenas reads version {FORMAT_VERSION}."
        )
    missing = [key for key in _NEEDED if key not in data]
    if missing:
        raise UsageError(f"{path} is damaged: it lacks {', '.join(missing)}. Restore it, or start a new run.")
    return data


def prepare_run(config: SearchConfig, space: SearchSpace, run_dir: Path, *, resume: bool) -> None:
    """Writes `config.json` for a new run, or checks that a resumed run is the same one.

    The file is written before the study exists: a run that dies in between has no trial yet and is resumed.

    Raises:
        UsageError: the folder holds a run and `resume` is false; there is none and `resume` is true; the run
            was made with another space, seed, data, ... (each difference is listed).
        EdgenasError: the folder cannot be written.
    """
    path = run_dir / CONFIG_FILE
    now = json.loads(json.dumps(config.to_dict(space)))
    if not resume:
        refuse_second_run(run_dir)
        write_json(path, {**now, "study_name": new_study_name(run_dir, config.storage)})
        return
    # Runs of earlier versions do not name an algorithm or several devices: there was one only.
    stored = {"algorithm": DEFAULT_ALGORITHM, "devices": [], **read_config(run_dir)}
    found = differences(stored, now)
    if found:
        raise UsageError(
            f"{run_dir} was made with another configuration:\n"
            + "\n".join(f"  {line}" for line in found)
            + "\nResume with the stored values, or start a new run in another folder."
        )
    changed = {key: now[key] for key in _CHANGING if stored.get(key) != now[key]}
    if changed:
        write_json(path, {**stored, **changed})


def refuse_second_run(run_dir: Path) -> None:
    """Checks that a new run may begin in a folder.

    Raises:
        UsageError: it holds a run.
    """
    if any((run_dir / name).exists() for name in (CONFIG_FILE, STUDY_FILE, JOURNAL_FILE)):
        raise UsageError(
            f"{run_dir} already holds a run. Go on with it by: {resume_command(run_dir)}\n"
            "Or name another folder with --out."
        )


def study_location(run_dir: Path) -> StudyLocation:
    """Where the study of a run is, by its `config.json`; without one in the run folder.

    Raises:
        UsageError: the configuration is damaged, or names a storage that is none.
    """
    return StudyLocation.of(run_dir, read_config(run_dir) if (run_dir / CONFIG_FILE).exists() else {})


def differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Lists the fields in which a resumed run would not be the same run, as "field: stored ..., now ...".

    The path of the data may change as long as their fingerprint does not.
    """
    left, right = _flat(stored), _flat(now)
    free = set(_FREE)
    fingerprint = left.get("data.fingerprint")
    if fingerprint is not None and fingerprint == right.get("data.fingerprint"):
        free.add("data.source")
    names = [*left, *(name for name in right if name not in left)]
    return [
        f"{name}: stored {_shown(left, name)}, now {_shown(right, name)}"
        for name in names
        if name not in free and not name.startswith(_FREE_GROUPS) and left.get(name) != right.get(name)
    ]


def resume_command(run_dir: Path) -> str:
    """The line to type to go on with an interrupted run."""
    return shlex.join(["edgenas", "search", "--resume", str(run_dir)])


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, Mapping):
            found.update(_flat(item, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = item
    return found


def _shown(fields: Mapping[str, Any], name: str) -> str:
    return json.dumps(fields[name]) if name in fields else "nothing"


def _own_version() -> str:
    try:
        return version("edgenas")
    except PackageNotFoundError:
        return "unknown"
