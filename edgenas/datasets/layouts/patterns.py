"""Files by a pattern such as "{split}/labels/*_gt.png": what the stars stand for is the name of the frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from edgenas.errors import UsageError

__all__ = ["SPLIT_WORD", "check_pattern", "files_of_pattern"]

SPLIT_WORD = "{split}"


def check_pattern(pattern: object, place: str) -> str:
    """A pattern, if it is one.

    Args:
        pattern: what stands in the description.
        place: where, for errors.

    Raises:
        UsageError: it is no text, has no star, or leaves the folder.
    """
    if not isinstance(pattern, str) or "*" not in pattern or "**" in pattern:
        raise UsageError(
            f"{place}: expected a pattern with a star where the name of the frame stands, e.g. "
            f"'{SPLIT_WORD}/image/*.png'. Received {pattern!r}."
        )
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{place}: the pattern {pattern!r} leaves the folder of the description.")
    return pattern


def files_of_pattern(root: Path, pattern: str, folder: str) -> Mapping[str, Path]:
    """The files that a pattern matches, by the name of their frame: the texts of its stars, joined by "/".

    Args:
        root: folder of the description.
        pattern: see `check_pattern`.
        folder: what "{split}" stands for.
    """
    concrete = pattern.replace(SPLIT_WORD, folder)
    expression = re.compile("([^/]*)".join(re.escape(part) for part in concrete.split("*")))
    found = {}
    for path in root.glob(concrete):
        match = expression.fullmatch(path.relative_to(root).as_posix())
        if match and not path.name.startswith("."):
            found["/".join(match.groups())] = path
    return found
