"""Checkpoints as .npz: everything that a training run needs to go on exactly, readable without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.storage import atomic_path

__all__ = ["load_checkpoint", "pack_checkpoint", "save_checkpoint", "unpack_checkpoint"]


def save_checkpoint(path: Path, arrays: Sequence[np.ndarray], meta: Mapping[str, Any]) -> None:
    """Writes the state in one step: a kill leaves the previous checkpoint.

    Args:
        path: file ending in .npz.
        arrays: weights, moving statistics and optimiser slots, in a fixed order.
        meta: JSON-ready; identifies the run and holds the step.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        _write(file, arrays, meta)


def load_checkpoint(path: Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Reads what `save_checkpoint` wrote.

    Raises:
        UsageError: the file is damaged or is something else.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"The checkpoint {path} cannot be read: {error}. Delete it to train from the beginning."
        ) from error


def pack_checkpoint(arrays: Sequence[np.ndarray], meta: Mapping[str, Any]) -> bytes:
    """The content of the file that `save_checkpoint` would write, to be sent to another process."""
    file = io.BytesIO()
    _write(file, arrays, meta)
    return file.getvalue()


def unpack_checkpoint(content: bytes) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Reads what `pack_checkpoint` gave.

    Raises:
        UsageError: it is damaged or is something else.
    """
    try:
        return _read(io.BytesIO(content))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"The state of a training run cannot be read: {error}.") from error


def _write(file: IO[bytes], arrays: Sequence[np.ndarray], meta: Mapping[str, Any]) -> None:
    named = {f"a{i:04d}": a for i, a in enumerate(arrays)}
    np.savez(file, meta=np.array(json.dumps(dict(meta))), **named)  # type: ignore[arg-type]


def _read(file: IO[bytes]) -> tuple[list[np.ndarray], dict[str, Any]]:
    with np.load(file, allow_pickle=False) as stored:
        meta = json.loads(str(stored["meta"]))
        return [stored[name] for name in sorted(stored.files) if name != "meta"], meta
