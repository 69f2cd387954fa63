"""Training schedules by name or from a TOML file.

A file holds fields of `TrainingConfig`, and optionally the preset from which it differs (without it "proxy" in a
search, "modern" in a training):

    preset = "adashare"
    iterations = 5000
    batch_size = 8

    [loss_weights]          # or the name of a preset of Table 8: loss_weights = "nyuv2/ednas"
    ce = 1.0
    l1 = 1.0
    ics = 50.0
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file, unknown_name
from edgenas.training.config import TRAINING_PRESETS, TrainingConfig, load_training_preset
from edgenas.training.loss_weights import TERMS, LossWeights, load_loss_weights

__all__ = ["load_schedule", "resolve_schedule"]

_COMMAND = "edgenas train --help"
# The seed is an option of the commands: a search trains every candidate with its own.
_FIELDS = {f.name: f.type for f in fields(TrainingConfig) if f.name not in ("seed", "loss_weights")}
_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "a text"),
}


def load_schedule(name_or_path: str, *, begin_with: str = "proxy") -> tuple[str, dict[str, Any]]:
    """Reads which preset a schedule begins with and what it changes; `load_training_preset` takes both.

    Args:
        name_or_path: a preset such as "proxy", or a path that ends in .toml.
        begin_with: preset of a file that names none.

    Raises:
        UsageError: there is no such preset or file, or the file is malformed; the message names the field.
    """
    if not name_or_path.endswith(".toml"):
        if name_or_path not in TRAINING_PRESETS:
            raise unknown_name("training preset", name_or_path, TRAINING_PRESETS, _COMMAND)
        return name_or_path, {}
    data = _read(Path(name_or_path))
    preset = data.pop("preset", begin_with)
    if preset not in TRAINING_PRESETS:
        raise unknown_name(f"training preset of {name_or_path}", str(preset), TRAINING_PRESETS, _COMMAND)
    weights = data.pop("loss_weights", None)
    for name, value in data.items():
        _check(name, value, name_or_path)
    changes = {name: float(value) if _FIELDS[name] == "float" else value for name, value in data.items()}
    if weights is not None:
        changes["loss_weights"] = _loss_weights(weights, name_or_path)
    return str(preset), changes


def resolve_schedule(
    name_or_path: str,
    tasks: Iterable[str],
    *,
    fitting: str | LossWeights,
    begin_with: str = "proxy",
    loss_weights: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> TrainingConfig:
    """The schedule with everything that overrides it.

    Args:
        name_or_path: see `load_schedule`.
        tasks: tasks that are trained; the loss weights must cover them.
        fitting: weights, or preset of Table 8, that hold where neither the user nor the file names loss weights.
        begin_with: preset of a file that names none.
        loss_weights: what the user asks for, see `load_loss_weights`.
        changes: fields that the user asks for; they count more than those of the file.

    Raises:
        UsageError: something of it does not exist or is out of range, or a task would not be trained.
    """
    preset, found = load_schedule(name_or_path, begin_with=begin_with)
    found.setdefault("loss_weights", load_loss_weights(fitting) if isinstance(fitting, str) else fitting)
    if loss_weights is not None:
        found["loss_weights"] = load_loss_weights(loss_weights)
    config = load_training_preset(preset, **{**found, **(changes or {})})
    config.loss_weights.check_tasks(tasks)
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise no_such_file(path, "edgenas train --help") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the schedule {path}: {error}. See: {_COMMAND}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The schedule {path} is not valid TOML: {error}.") from error


def _check(name: str, value: Any, source: str) -> None:
    if name == "seed":
        raise UsageError(f"The schedule {source} has a seed. Leave it out and give it with --seed.")
    if name not in _FIELDS:
        raise unknown_name(f"field of the schedule {source}", name, [*_FIELDS, "loss_weights", "preset"])
    allowed, words = _TYPES[str(_FIELDS[name])]
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise UsageError(
            f"Invalid value for `{name}` in the schedule {source}. Expected {words}. Received {value!r}."
        )


def _loss_weights(value: Any, source: str) -> LossWeights:
    if isinstance(value, str):
        return load_loss_weights(value)
    if not isinstance(value, Mapping):
        raise UsageError(
            f"Invalid value for `loss_weights` in the schedule {source}. Expected a preset of Table 8 or a table of "
            f"{', '.join(TERMS)} and TASK.LOSS. Received {value!r}."
        )
    try:
        return LossWeights.from_dict(_flat(value))
    except UsageError as error:
        raise UsageError(f"The schedule {source}, [loss_weights]: {error}") from error


def _flat(weights: Mapping[str, Any]) -> dict[str, Any]:
    """`edges.BCE = 2` is a table in a table for TOML."""
    flat: dict[str, Any] = {}
    for name, value in weights.items():
        flat |= (
            {f"{name}.{loss}": w for loss, w in value.items()}
            if isinstance(value, Mapping)
            else {name: value}
        )
    return flat
