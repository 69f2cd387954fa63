"""dataset.toml: how a user's own folder of frames is to be read.

name = "my rooms"                 # optional

[splits]                          # what {split} stands for; without validation, every 8th training frame validates
train = "train"
validation = "val"
test = "test"

[image]
files = "{split}/image/*.png"     # *: the name of the frame, the same for all its files

[segmentation]
files = "{split}/label/*_gt.png"
classes = ["floor", "wall"]       # names, or how many
void = [255]                      # ids that belong to no class
ids = { 7 = 0, 8 = "wall" }       # stored id = class; without it they are the same
unlisted = "error"                # or "void": ids that are named nowhere

[depth]
files = "{split}/depth/*.png"
unit = "m"                        # of the values once they are scaled: "m", or "1/m" for inverse depth
scale = 0.001                     # millimetres
invalid = [0]                     # stored values that mean nothing

[normals]
files = "{split}/normal/*.png"    # or: from = "depth"
encoding = "unsigned"             # (n + 1) / 2 of the range of the file; "signed": n itself
axes = ["right", "up", "towards"] # where each channel points: right, left, up, down, towards or into
invalid = [[255, 255, 255]]       # stored colours that mean nothing; (0, 0, 0) of signed ones always does

[intrinsics]                      # pixels of the stored size; needed for normals from depth
fx = 518.8
fy = 519.4
cx = 325.5
cy = 253.7
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.datasets.layouts.patterns import check_pattern
from edgenas.datasets.layouts.surface_normals import Intrinsics
from edgenas.errors import UsageError, unknown_name
from edgenas.storage import read_file

__all__ = ["AXES", "Section", "read_description"]

AXES: Mapping[str, tuple[int, int]] = {
    "right": (0, 1),
    "left": (0, -1),
    "up": (1, 1),
    "down": (1, -1),
    "towards": (2, 1),
    "into": (2, -1),
}
"""Our axis that a direction lies on, and its sign."""

_MOST_BYTES = 2**20
_KEYS: Mapping[str, tuple[str, ...]] = {
    "splits": ("train", "validation", "test"),
    "image": ("files",),
    "segmentation": ("files", "classes", "void", "ids", "unlisted"),
    "depth": ("files", "unit", "scale", "invalid"),
    "normals": ("files", "from", "encoding", "axes", "invalid"),
    "intrinsics": ("fx", "fy", "cx", "cy"),
}


class Section:
    """One table of the description, whose values are checked as they are taken.

    Args:
        path: the file, for errors.
        name: name of the table.
        values: what is in it.
    """

    def __init__(self, path: Path, name: str, values: Mapping[str, Any]) -> None:
        self.place = f"{path}, [{name}]"
        self.values = values
        for key in values:
            if key not in _KEYS.get(name, ("files",)):
                raise unknown_name(f"key of {self.place}", key, _KEYS.get(name, ("files",)))

    def pattern(self) -> str:
        """The pattern of the files."""
        return check_pattern(self.values.get("files"), f"{self.place} files")

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """One of some words, the first by default."""
        value = self.values.get(key, known[0])
        if value not in known:
            raise unknown_name(f"value of {self.place} {key}", str(value), known)
        return str(value)

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number other than 0 (0 is the value of nothing here but cx and cy)."""
        value = self.values.get(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise UsageError(f"{self.place} {key}: expected a number. Received {value!r}.")
        return float(value)

    def numbers(self, key: str, default: list[Any]) -> list[Any]:
        """A list of numbers, or of lists of 3; a single one may stand alone."""
        value = self.values.get(key, default)
        listed = value if isinstance(value, list) else [value]
        for item in listed:
            parts = item if isinstance(item, list) and len(item) == 3 else [item]
            if not all(isinstance(part, int | float) and not isinstance(part, bool) for part in parts):
                raise UsageError(f"{self.place} {key}: expected numbers. Received {value!r}.")
        return listed

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names, or how many there are."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 1 < value < 254:
            return tuple(f"class {number}" for number in range(value))
        if isinstance(value, list) and 1 < len(value) < 254 and all(isinstance(n, str) and n for n in value):
            return tuple(value)
        raise UsageError(f"{self.place} {key}: expected 2 to 253 names, or their number. Received {value!r}.")

    def intrinsics(self) -> Intrinsics:
        """The camera."""
        camera = Intrinsics(*(self.number(key) for key in ("fx", "fy", "cx", "cy")))
        if camera.fx <= 0 or camera.fy <= 0:
            raise UsageError(
                f"{self.place}: expected fx and fy above 0. Received {camera.fx:g}, {camera.fy:g}."
            )
        return camera


def read_description(path: Path, further: tuple[str, ...] = ()) -> tuple[str, dict[str, Section]]:
    """The name and the tables of a description.

    Args:
        path: dataset.toml.
        further: tables that may be there too, tasks that users have added.

    Raises:
        UsageError: it is missing, is no TOML, or has unknown tables or keys.
    """
    try:
        stored = tomllib.loads(read_file(path, most_bytes=_MOST_BYTES).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML file: {error}.") from error
    name = stored.pop("name", path.resolve().parent.name)
    for key, value in stored.items():
        if key not in (*_KEYS, *further):
            raise unknown_name(f"table of {path}", key, (*_KEYS, *further))
        if not isinstance(value, dict):
            raise UsageError(f"{path}: expected a table [{key}]. Received {key} = {value!r}.")
    if "image" not in stored:
        raise UsageError(
            f"{path}: the table [image] is missing. Expected files = '{{split}}/image/*.png' in it."
        )
    return str(name), {key: Section(path, key, value) for key, value in stored.items()}
