"""Which network files a run, a folder or a file name stands for, and what is known of their training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError, no_such_file
from edgenas.export.output_pictures import describes, find_card, read_card
from edgenas.space import Architecture
from edgenas.storage import read_json
from edgenas.tasks.plugins import restore
from edgenas.workflow.runs import RunFolder
from edgenas.workflow.train import load_trained

__all__ = ["Subject", "find_subjects"]

_SHOWN_FIRST = ("int8", "float32")


@dataclass(frozen=True)
class Subject:
    """One network file.

    Attributes:
        label: short name in tables.
        model: the file.
        architecture: what it is; None where nothing says so.
        data: how its training's data were opened (`OpenData.describe`); empty where nothing says so.
        config: its training configuration; empty where nothing says so.
    """

    label: str
    model: Path
    architecture: Architecture | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        restore(self.data.get("task_modules") or {})  # or its outputs would be of unknown tasks

    @property
    def folder(self) -> Path:
        """Where its evaluations are stored."""
        return self.model.parent


def find_subjects(path: Path) -> list[Subject]:
    """The networks behind a path.

    Args:
        path: a run folder of `edgenas search` (its trained winner); a folder of `edgenas train --out`; a folder with
            one such training per seed, seed-0, seed-1, ...; an export folder (every file of its card, the int8 one
            first); or a .keras or .tflite file.

    Raises:
        UsageError: it is none of these, or its training is unfinished.
    """
    if path.is_file():
        return [_of_file(path)]
    if not path.is_dir():
        raise no_such_file(path, "edgenas evaluate --help")
    if (path / "metrics.json").exists() or (path / "checkpoint.npz").exists():
        return [_trained(path)]
    if (path / "config.json").exists():
        return [_trained(RunFolder(path).train)]
    seeds = sorted(p.parent for p in path.glob("seed-*/metrics.json"))
    if seeds:
        return [_trained(folder) for folder in sorted(seeds, key=_number)]
    exported = _exported(path)
    if exported:
        return exported
    raise UsageError(
        f"{path} holds no network. Expected a run of edgenas search, a folder of edgenas train or edgenas export, or a "
        ".keras or .tflite file."
    )


def _trained(folder: Path) -> Subject:
    network = load_trained(folder)
    if not network.model_path.is_file():
        raise UsageError(f"{folder} has lost its model.keras. Train it again with: edgenas train --restart")
    stored = read_json(folder / "metrics.json", "training result")
    identity = stored["identity"]
    data = stored.get("data") or _data_of_run(folder.parent, identity.get("data"))
    return Subject(
        _name(folder), network.model_path, network.architecture, data, identity.get("config") or {}
    )


def _data_of_run(folder: Path, fingerprint: object) -> Mapping[str, Any]:
    """Trainings of older versions do not say how their data were opened; the run around them does."""
    if not (folder / "config.json").is_file():
        return {}
    config = read_json(folder / "config.json", "run configuration")
    data = config.get("data") if isinstance(config, dict) else None
    return data if isinstance(data, dict) and data.get("fingerprint") == fingerprint else {}


def _of_file(path: Path) -> Subject:
    if path.name == "model.keras" and (path.parent / "metrics.json").exists():
        return _trained(path.parent)
    card_path = find_card(path) if path.suffix == ".tflite" else None
    card = read_card(card_path) if card_path else None
    if card is None or not describes(card, path):
        return Subject(path.stem, path)
    return Subject(path.stem, path, _architecture(card, card_path), card["data"])


def _exported(folder: Path) -> list[Subject]:
    for card_path in sorted(folder.glob("*.json")):
        try:
            card = read_card(card_path)
        except UsageError:
            continue
        files = card.get("files")
        if not isinstance(files, dict):
            continue
        kinds = sorted(
            files, key=lambda kind: (_SHOWN_FIRST.index(kind) if kind in _SHOWN_FIRST else 9, kind)
        )
        found = {kind: folder / str(files[kind].get("path")) for kind in kinds}
        architecture = _architecture(card, card_path)
        return [Subject(kind, p, architecture, card["data"], {}) for kind, p in found.items() if p.is_file()]
    return []


def _architecture(card: Mapping[str, Any], source: Path | None) -> Architecture | None:
    stored = card.get("architecture")
    return None if stored is None else Architecture.from_dict(stored, str(source))


def _name(folder: Path) -> str:
    """A run's own training is named after the run."""
    whole = folder.resolve()
    return (
        whole.parent.name if whole.name == "train" and (whole.parent / "config.json").exists() else whole.name
    )


def _number(folder: Path) -> tuple[int, str]:
    digits = folder.name.removeprefix("seed-")
    return (int(digits) if digits.isdigit() else 1 << 30, folder.name)
