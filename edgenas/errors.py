"""Errors that a user meets: each says what happened, what was expected, what was got and what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["EdgenasError", "MissingDependencyError", "UsageError", "no_such_file", "unknown_name"]


class EdgenasError(Exception):
    """A failure with a message for the user; the command line prints it without a traceback.

    Attributes:
        exit_code: exit code of the process, 1 for failures.
    """

    exit_code = 1


class UsageError(EdgenasError):
    """What the user asked for or handed in is wrong (unknown name, malformed file); exit code 2."""

    exit_code = 2


class MissingDependencyError(EdgenasError):
    """An optional package is not installed; the message names the `pip install` line."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package '{package}', which is not installed.\n"
            f"Install it with: pip install 'edgenas[{extra}]'"
        )
        self._parts = (package, extra, purpose)

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str, str]]:
        """How it comes out of a worker process; an exception is else made again from its message alone."""
        return type(self), self._parts


def unknown_name(kind: str, got: str, known: Iterable[str], next_command: str = "") -> UsageError:
    """Builds the error for a name that does not exist, with the nearest names that do.

    Args:
        kind: what is named, e.g. "device".
        got: the name received.
        known: every valid name.
        next_command: a command that lists or explains the valid names.
    """
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(repr(n) for n in near)}?" if near else f"Known: {', '.join(names)}."
    tail = f"\nSee: {next_command}" if next_command else ""
    return UsageError(f"Unknown {kind} {got!r}. {hint}{tail}")


def no_such_file(path: Path, next_command: str = "") -> UsageError:
    """Builds the error for a file that does not exist, with the nearest names beside it and a command that makes one.

    Args:
        path: the file.
        next_command: a command that makes or lists such files; by default the usual one for the file's ending.
    """
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        beside = []
    near = difflib.get_close_matches(path.name, beside, n=3)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    command = next_command or _MAKES.get(path.suffix, "")
    return UsageError(f"No such file: {path}.{hint}" + (f"\nSee: {command}" if command else ""))


# What makes files of an ending, or lists them.
_MAKES = {
    ".tflite": "edgenas export --help",
    ".keras": "edgenas train --help",
    ".json": "edgenas space sample --help",
    ".npz": "edgenas data layouts",
}
