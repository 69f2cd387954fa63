"""Search spaces from TOML: the shipped presets and a user's own files."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file, unknown_name
from edgenas.space.architecture import BLOCK_TYPES
from edgenas.space.space import Choices, SearchSpace, StageSpace, scaled_width

__all__ = ["DEFAULT_TASKS", "list_presets", "load_space"]

DEFAULT_TASKS = ("depth", "normals", "segmentation")
_STAGE_CHOICES = ("width_multiplier", "depth", "type", "kernel", "expansion")
_TOP_KEYS = {
    "name",
    "version",
    "description",
    "activation",
    "stem_width",
    "stage_defaults",
    "stages",
    "fusion",
    "head",
}
_COMMAND = "edgenas space list"


def list_presets() -> dict[str, str]:
    """Names of the shipped spaces with their descriptions."""
    found = {}
    for entry in sorted(_preset_folder().iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = str(tomllib.loads(entry.read_text())["description"])
    return found


def load_space(name_or_path: str, tasks: Iterable[str] = DEFAULT_TASKS) -> SearchSpace:
    """Loads a preset by name, or a space from a .toml file.

    Args:
        name_or_path: "declared", "demo", "edgetpu", or a path that ends in .toml.
        tasks: tasks that get a head.

    Raises:
        UsageError: no such preset, or the file is malformed; the message names the decision.
    """
    if name_or_path.endswith(".toml"):
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise no_such_file(Path(name_or_path), _COMMAND) from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"Cannot read the search space {name_or_path}: {error}. See: {_COMMAND}"
            ) from error
    else:
        presets = list_presets()
        if name_or_path not in presets:
            raise unknown_name("search space", name_or_path, presets, _COMMAND)
        text = (_preset_folder() / f"{name_or_path}.toml").read_text()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"Search space {name_or_path} is not valid TOML: {error}.") from error
    return _space_from_toml(data, name_or_path, tuple(sorted(set(tasks))))


def _preset_folder() -> Any:
    return resources.files("edgenas.space").joinpath("presets")


def _space_from_toml(data: Mapping[str, Any], source: str, tasks: tuple[str, ...]) -> SearchSpace:
    where = f"search space {source}"
    _refuse_unknown(data, _TOP_KEYS, where)
    defaults = _table(data, "stage_defaults", where, required=False)
    _refuse_unknown(defaults, set(_STAGE_CHOICES), f"{where}, [stage_defaults]")
    entries = data.get("stages")
    if (
        not isinstance(entries, list)
        or not 2 <= len(entries) <= 6
        or not all(isinstance(e, dict) for e in entries)
    ):
        raise UsageError(f"In {where}: expected 2 to 6 [[stages]] tables. Received {entries!r}.")
    if not tasks:
        raise UsageError(f"In {where}: at least one task is needed.")
    fusion = _table(data, "fusion", where)
    head = _table(data, "head", where)
    _refuse_unknown(fusion, {"width", "repeats"}, f"{where}, [fusion]")
    _refuse_unknown(head, {"width", "depth"}, f"{where}, [head]")
    activation = data.get("activation", "relu6")
    if activation not in ("relu6", "relu"):
        raise UsageError(f"In {where}: `activation` must be 'relu6' or 'relu'. Received {activation!r}.")
    return SearchSpace(
        name=str(data.get("name", source)),
        version=_positive(data.get("version", 1), "version", where),
        tasks=tasks,
        stem_width=_positive(data.get("stem_width"), "stem_width", where),
        activation=activation,
        stages=tuple(_stage({**defaults, **e}, f"stage{i}", where) for i, e in enumerate(entries, start=1)),
        fusion_width=_integers(fusion.get("width"), "fusion.width", where),
        fusion_repeats=_integers(fusion.get("repeats"), "fusion.repeats", where),
        head_width=_integers(head.get("width"), "head.width", where),
        head_depth=_integers(head.get("depth"), "head.depth", where, minimum=0),
    )


def _stage(entry: Mapping[str, Any], name: str, where: str) -> StageSpace:
    _refuse_unknown(entry, {"width", *_STAGE_CHOICES}, f"{where}, {name}")
    width = _positive(entry.get("width"), f"{name}.width", where)
    multiplier = _choices(entry.get("width_multiplier"), f"{name}.width_multiplier", where)
    if not all(
        isinstance(v, int | float) and not isinstance(v, bool) and 0 < v <= 16 for v in multiplier.values
    ):
        raise UsageError(
            f"In {where}: `{name}.width_multiplier` needs numbers in (0, 16]. Received {multiplier.values}."
        )
    widths = [scaled_width(width, float(v)) for v in multiplier.values]
    if len(set(widths)) < len(widths):
        raise UsageError(
            f"In {where}: `{name}.width_multiplier` {list(multiplier.values)} on width {width} gives the channels "
            f"{widths}; each must differ (widths are rounded to multiples of 8). Use a larger width or fewer "
            "multipliers."
        )
    kernel = _integers(entry.get("kernel"), f"{name}.kernel", where)
    if any(int(k) % 2 == 0 for k in kernel.values):
        raise UsageError(f"In {where}: `{name}.kernel` needs odd sizes. Received {list(kernel.values)}.")
    block_type = _choices(entry.get("type"), f"{name}.type", where)
    for value in block_type.values:
        if value not in BLOCK_TYPES:
            raise unknown_name(f"block type in {where}, `{name}.type`:", str(value), BLOCK_TYPES)
    return StageSpace(
        width=width,
        width_multiplier=multiplier,
        depth=_integers(entry.get("depth"), f"{name}.depth", where),
        type=block_type,
        kernel=kernel,
        expansion=_integers(entry.get("expansion"), f"{name}.expansion", where),
    )


def _choices(value: Any, name: str, where: str) -> Choices:
    example = f"{name.rsplit('.', 1)[-1]} = {{ choices = [...], default = ... }}"
    if not isinstance(value, dict) or set(value) != {"choices", "default"}:
        raise UsageError(f"In {where}: decision `{name}` must read: {example}. Received {value!r}.")
    values, default = value["choices"], value["default"]
    if (
        not isinstance(values, list)
        or not values
        or not all(isinstance(v, str | int | float) for v in values)
    ):
        raise UsageError(f"In {where}: `{name}` needs a non-empty list of choices. Received {values!r}.")
    if len(set(values)) != len(values):
        raise UsageError(f"In {where}: `{name}` names a choice twice: {values!r}.")
    if default not in values:
        raise UsageError(
            f"In {where}: the default of `{name}` must be one of {values}. Received {default!r}."
        )
    return Choices(tuple(values), default)


def _integers(value: Any, name: str, where: str, minimum: int = 1) -> Choices:
    choices = _choices(value, name, where)
    for v in choices.values:
        if not isinstance(v, int) or isinstance(v, bool) or not minimum <= v <= 4096:
            raise UsageError(
                f"In {where}: `{name}` needs whole numbers from {minimum} to 4096. Received {v!r}."
            )
    return choices


def _positive(value: Any, name: str, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"In {where}: `{name}` must be a positive whole number. Received {value!r}.")
    return value


def _table(data: Mapping[str, Any], key: str, where: str, *, required: bool = True) -> Mapping[str, Any]:
    value = data.get(key, None if required else {})
    if not isinstance(value, dict):
        raise UsageError(f"In {where}: expected a table [{key}]. Received {value!r}.")
    return value


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise unknown_name(f"key in {where}:", key, known)
