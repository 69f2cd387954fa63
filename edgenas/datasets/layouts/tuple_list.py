"""The lists of AdaShare's releases: a JSON file {part: [[path, path, ...], ...]} with paths relative to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgenas.datasets.layouts.release import FrameFiles
from edgenas.errors import UsageError
from edgenas.storage import read_json

__all__ = ["count_tuples", "read_tuples"]


def count_tuples(file: Path) -> dict[str, int]:
    """Frames of "train" and "test", as far as they have any.

    Raises:
        UsageError: the file is no such list.
    """
    stored = _parts(file)
    return {part: len(stored[part]) for part in ("train", "test") if stored.get(part)}


def read_tuples(file: Path, part: str, kinds: Sequence[str]) -> list[FrameFiles]:
    """The frames of one part.

    Args:
        file: the list.
        part: "train" or "test".
        kinds: what the places of a tuple hold, the image first; a tuple may be shorter.

    Raises:
        UsageError: the file is no such list, or a path leaves its folder.
    """
    frames = []
    for number, row in enumerate(_parts(file).get(part, [])):
        if not isinstance(row, list) or not row or not all(isinstance(name, str) and name for name in row):
            raise UsageError(
                f"{file}: entry {number} of {part!r} is {row!r}. Expected paths of {', '.join(kinds)}."
            )
        for name in row:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise UsageError(
                    f"{file}: entry {number} of {part!r} leaves the folder of the list: {name!r}."
                )
        files = {kind: file.parent / name for kind, name in zip(kinds, row, strict=False)}
        frames.append(FrameFiles(Path(row[0]).stem, files))
    return frames


def _parts(file: Path) -> dict[str, list[object]]:
    stored = read_json(file, "list of frames")
    if not isinstance(stored, dict) or not all(isinstance(rows, list) for rows in stored.values()):
        raise UsageError(f'{file}: expected {{"train": [[path, ...], ...], "test": [...]}}.')
    return stored
