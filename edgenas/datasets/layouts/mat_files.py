"""Small MATLAB files (up to version 7) as dictionaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgenas.errors import MissingDependencyError, UsageError

__all__ = ["read_mat"]

_MOST_BYTES = 64 * 2**20


def read_mat(path: Path, what: str, remedy: str) -> dict[str, Any]:
    """The variables of a .mat file.

    Args:
        path: the file.
        what: what it is, for errors, e.g. "official split".
        remedy: what to do where it is missing.

    Raises:
        UsageError: the file is missing, too large for such a file, or damaged.
        MissingDependencyError: SciPy is not installed.
    """
    if not path.is_file():
        raise UsageError(f"No {what} at {path}: the file does not exist. Put it there, or {remedy}.")
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path} has {path.stat().st_size:,} bytes, too many for the {what}.")
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingDependencyError("scipy", "layouts", f"Reading {path.name}") from error
    try:
        variables: dict[str, Any] = loadmat(path)
    # SciPy's reader raises ValueError, TypeError, NotImplementedError, zlib.error, ... on damaged bytes.
    except Exception as error:
        raise UsageError(f"{path} cannot be read as the {what}: {error}.") from error
    return variables
