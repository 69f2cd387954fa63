"""Files that survive a kill at any moment: atomic writes and append-only JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError, UsageError, no_such_file

__all__ = [
    "append_jsonl",
    "atomic_path",
    "read_file",
    "read_json",
    "read_jsonl",
    "require_writable",
    "write_bytes_atomic",
    "write_json",
    "write_text_atomic",
]


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path` that takes its name only when the block ends without an error.

    Raises:
        EdgenasError: the folder cannot be written or the disk is full; nothing stands under `path` then but
            what stood there before.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Makes a folder and tries to write into it, so that hours of work do not end at a folder that nobody may write.

    Raises:
        EdgenasError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
    except OSError as error:
        raise _cannot_write(folder, error) from error


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Writes `data` to `path` in one step."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text_atomic(path: Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8 in one step."""
    write_bytes_atomic(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON in one step.

    Raises:
        ValueError: `value` holds NaN or infinity, which JSON does not have.
    """
    write_text_atomic(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path, what: str) -> Any:
    """Reads a JSON file; `what` names it in errors, e.g. "run configuration".

    Raises:
        UsageError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"No {what} at {path}: the file does not exist.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as the {what}: {error}.") from error


def read_file(path: Path, *, most_bytes: int) -> bytes:
    """Reads a user's file whole; devices and pipes, which may never end, and files that are too large are not opened.

    Raises:
        UsageError: the file is missing, no plain file, larger than `most_bytes`, or cannot be read.
    """
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise UsageError(f"Cannot read {path}: it is a folder. Name a file in it.")
        if not stat.S_ISREG(about.st_mode):
            raise UsageError(
                f"Cannot read {path}: it is a device or a pipe. Copy its content into a file first."
            )
        if about.st_size > most_bytes:
            raise UsageError(
                f"Cannot read {path}: it has {about.st_size:,} bytes, and such files have {most_bytes:,} at most."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise no_such_file(path) from error
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UsageError(f"Cannot read {path}: {reason}.") from error


def append_jsonl(path: Path, record: dict[str, Any]) -> None:
    """Appends one record as a line and waits until it is on the disk.

    A line that an earlier kill cut short is ended first, so it never swallows the new record.
    """
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(path, error) from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Reads every whole record; lines cut short by a kill are left out. A missing file is an empty list."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            records.append(value)
    return records


def _cannot_write(path: Path, error: OSError) -> EdgenasError:
    return EdgenasError(
        f"Cannot write {path}: {error.strerror or error}. What was stored before is unchanged. "
        "Free some space or choose another folder, then run the same command again."
    )
