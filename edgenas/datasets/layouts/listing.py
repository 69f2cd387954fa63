"""Lists folders once and matches the files of a frame by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from edgenas.datasets.layouts.release import FrameFiles
from edgenas.errors import UsageError

__all__ = ["list_files", "matched"]


def list_files(folder: Path, suffix: str, *, nested: bool = False) -> dict[str, Path]:
    """Files of a folder whose names end with `suffix`, by what stands before it; empty where there is no folder.

    Args:
        folder: where to look; links are followed.
        suffix: e.g. "_leftImg8bit.png".
        nested: look into its sub-folders instead, one level deep; names are then "SUBFOLDER/NAME".
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"Cannot list {folder}: {error.strerror}.") from error
    if not nested:
        return {name.removesuffix(suffix): folder / name for name in names if name.endswith(suffix)}
    return {
        f"{name}/{stem}": path for name in names for stem, path in list_files(folder / name, suffix).items()
    }


def matched(
    listed: Mapping[str, Mapping[str, Path]], order: Callable[[str], Any] | None = None
) -> list[FrameFiles]:
    """One frame per name that any of the listings has, so that no missing file goes unseen.

    Args:
        listed: {kind of file: {frame's name: path}}.
        order: key to sort the names by.
    """
    names: Iterable[str] = {name for files in listed.values() for name in files}
    return [
        FrameFiles(name, {kind: files[name] for kind, files in listed.items() if name in files})
        for name in sorted(names, key=order)
    ]
