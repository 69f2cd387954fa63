"""evaluation.json beside a network: what it scored, on which data, by fingerprints of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.errors import UsageError
from edgenas.storage import read_json, write_json

__all__ = ["EVALUATION_FILE", "find_evaluation", "read_stored", "same_subject", "store_evaluation"]

EVALUATION_FILE = "evaluation.json"

_FORMAT = "edgenas.evaluation"
_KEY = ("model_sha256", "data_fingerprint", "split", "frames", "tasks")


def read_stored(folder: Path) -> list[dict[str, Any]]:
    """Every stored evaluation of the networks in a folder, in the order in which they were made; [] where none is.

    Raises:
        UsageError: the file is damaged or of another kind.
    """
    path = folder / EVALUATION_FILE
    if not path.exists():
        return []
    stored = read_json(path, "evaluation")
    rows = stored.get("evaluations") if isinstance(stored, dict) else None
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT or not isinstance(rows, list):
        raise UsageError(
            f'{path} holds no evaluations. Expected "format": "{_FORMAT}". Remove it and evaluate again.'
        )
    return [row for row in rows if isinstance(row, dict) and all(key in row for key in _KEY)]


def find_evaluation(folder: Path, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The stored evaluation of the same weights on the same frames; None where there is none."""
    return next((row for row in read_stored(folder) if same_subject(row, wanted)), None)


def same_subject(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two evaluations are of the same weights on the same frames."""
    return all(one.get(key) == other.get(key) for key in _KEY)


def store_evaluation(folder: Path, result: Mapping[str, Any]) -> Path:
    """Adds a result, in place of an earlier one of the same weights on the same frames.

    Raises:
        EdgenasError: the folder cannot be written.
    """
    path = folder / EVALUATION_FILE
    kept = [row for row in read_stored(folder) if not same_subject(row, result)]
    write_json(path, {"format": _FORMAT, "version": 1, "evaluations": [*kept, dict(result)]})
    return path
