"""Checkpoints as .npz: everything that a training run needs to go on exactly, readable without pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.storage import atomic_path

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, arrays: Sequence[np.ndarray], meta: Mapping[str, Any]) -> None:
    """Writes the state in one step: a kill leaves the previous checkpoint.

    Args:
        path: file ending in .npz.
        arrays: weights, moving statistics and optimiser slots, in a fixed order.
        meta: JSON-ready; identifies the run and holds the step.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        named = {f"a{i:04d}": a for i, a in enumerate(arrays)}
        np.savez(file, meta=np.array(json.dumps(dict(meta))), **named)  # type: ignore[arg-type]


def load_checkpoint(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Reads what `save_checkpoint` wrote.

    Raises:
        UsageError: the file is damaged or is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            meta = json.loads(str(stored["meta"]))
            arrays = [stored[name] for name in sorted(stored.files) if name != "meta"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"The checkpoint {path} cannot be read: {error}. Delete it to train from the beginning."
        ) from error
    return arrays, meta
