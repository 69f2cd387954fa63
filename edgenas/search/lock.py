"""One search at a time in a run folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edgenas.errors import EdgenasError, UsageError

__all__ = ["run_lock"]

_LOCK_FILE = ".search.lock"


@contextlib.contextmanager
def run_lock(run_dir: Path) -> Iterator[None]:
    """Makes the folder and holds it; the system lets go of the lock when the process dies, however it dies.

    Raises:
        UsageError: another process searches in the folder.
        EdgenasError: the folder cannot be made or written.
    """
    path = run_dir / _LOCK_FILE
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise EdgenasError(
            f"Cannot write into the run folder {run_dir}: {error.strerror or error}. "
            "Choose a folder you may write to."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise UsageError(
                f"Another search is running in {run_dir} (process {owner}). "
                "Wait for it, or name another folder."
            ) from error
        with contextlib.suppress(
            OSError
        ):  # the number is for the message only; a full disk shows itself elsewhere
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
