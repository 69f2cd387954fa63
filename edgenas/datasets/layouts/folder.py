"""A user's own folder of frames, described by a dataset.toml in it (see `description`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID
from edgenas.datasets.layouts import pictures
from edgenas.datasets.layouts.description import AXES, Section, read_description
from edgenas.datasets.layouts.file_arrays import read_colours, read_numbers
from edgenas.datasets.layouts.layout import Layout
from edgenas.datasets.layouts.listing import matched
from edgenas.datasets.layouts.options import OpenOptions
from edgenas.datasets.layouts.patterns import SPLIT_WORD, files_of_pattern
from edgenas.datasets.layouts.release import Channel, FileRelease, FrameFiles, Release
from edgenas.datasets.layouts.surface_normals import Intrinsics, normals_from_depth
from edgenas.datasets.layouts.values import UNLISTED, as_depth, as_normals, lookup
from edgenas.errors import UsageError
from edgenas.tasks import TASKS

__all__ = ["Folder"]

_FILE = "dataset.toml"


class Folder(Layout):
    """Whatever the description says."""

    name = "folder"
    description = f"your own folders of images and targets, described in {_FILE}"

    def recognises(self, path: Path) -> bool:
        """It has a description."""
        return (path / _FILE).is_file()

    def label_sets(self, path: Path) -> tuple[str, ...]:
        """The one that is described."""
        return ("labels",) if "segmentation" in _described(path)[1] else ()

    def parts(self, path: Path, options: OpenOptions | None = None) -> dict[str, int]:
        """Frames of each split that the description names."""
        _, sections = _described(path)
        return {part: len(_frames(path, sections, folder)) for part, folder in _folders(sections).items()}

    def release(self, path: Path, part: str, options: OpenOptions) -> Release:
        """One of the described splits."""
        self.chosen_labels(path, options)
        name, sections = _described(path)
        channels = {"image": Channel(("image",), pictures.image)}
        class_names: tuple[str, ...] = ()
        if "segmentation" in sections:
            class_names = sections["segmentation"].names("classes")
            table = _table(sections["segmentation"], class_names)
            channels["segmentation"] = Channel(("segmentation",), partial(pictures.labels, table=table))
        unit = "m"
        if "depth" in sections:
            unit = sections["depth"].choice("unit", ("m", "1/m"))
            channels["depth"] = Channel(("depth",), _depth_reader(sections["depth"]))
        if "normals" in sections:
            channels["normals"] = _normals_channel(sections, unit)
        for task in sections.keys() & TASKS.keys() - channels.keys():
            channels[task] = Channel((task,), partial(_further, task=task))
        return FileRelease(
            name,
            _frames(path, sections, _folders(sections)[part]),
            channels,
            class_names=class_names,
            depth_unit=unit,
        )


def _described(path: Path) -> tuple[str, dict[str, Section]]:
    return read_description(path / _FILE, tuple(TASKS))


def _folders(sections: Mapping[str, Section]) -> dict[str, str]:
    """What "{split}" stands for in each part of the data."""
    splits = sections.get("splits")
    pattern = sections["image"].pattern()
    if (splits is not None) != (SPLIT_WORD in pattern):
        raise UsageError(
            f"{sections['image'].place} files = {pattern!r}: expected {SPLIT_WORD} in it, and a table [splits] that "
            "says what it stands for; or neither, so that every 8th frame validates."
        )
    if splits is None:
        return {"train": ""}
    for part, folder in splits.values.items():
        if not isinstance(folder, str) or not folder or ".." in Path(folder).parts or "*" in folder:
            raise UsageError(f"{splits.place} {part}: expected the name of a folder. Received {folder!r}.")
    return {part: str(folder) for part, folder in splits.values.items()}


def _frames(path: Path, sections: Mapping[str, Section], folder: str) -> list[FrameFiles]:
    listed = {
        key: files_of_pattern(path, section.pattern(), folder)
        for key, section in sections.items()
        if "files" in section.values or key == "image"
    }
    return matched(listed)


def _table(section: Section, class_names: tuple[str, ...]) -> NDArray[np.uint8]:
    """From stored ids to classes."""
    unlisted = section.choice("unlisted", ("error", "void"))
    ids = section.values.get("ids", {str(number): number for number in range(len(class_names))})
    classes: dict[int, int] = {}
    for stored, wanted in ids.items() if isinstance(ids, dict) else ():
        number = class_names.index(wanted) if wanted in class_names else wanted
        known = isinstance(number, int) and 0 <= number < len(class_names) and not isinstance(number, bool)
        if not known or not stored.lstrip("-").isdecimal() or not -1 <= int(stored) < 65535:
            raise UsageError(
                f"{section.place} ids: expected ID = CLASS, ids from -1 to 65534, {len(class_names)} classes. "
                f"Received {stored} = {wanted!r}."
            )
        classes[int(stored)] = int(number)
    if not classes:
        raise UsageError(f"{section.place} ids: expected a table {{ ID = CLASS }}. Received {ids!r}.")
    void = {int(number): VOID for number in section.numbers("void", [VOID])}
    return lookup({**void, **classes}, unlisted=VOID if unlisted == "void" else UNLISTED)


def _depth_reader(section: Section) -> partial[NDArray[np.float32]]:
    scale = section.number("scale", 1.0)
    if scale <= 0:
        raise UsageError(f"{section.place} scale: expected a number above 0. Received {scale:g}.")
    return partial(_depth, scale=scale, invalid=[float(value) for value in section.numbers("invalid", [0])])


def _normals_channel(sections: Mapping[str, Section], unit: str) -> Channel:
    section = sections["normals"]
    if "from" in section.values:
        section.choice("from", ("depth",))
        if "files" in section.values:
            raise UsageError(f"{section.place}: give either files or from, not both.")
        if "depth" not in sections or "intrinsics" not in sections:
            raise UsageError(f"{section.place} from = 'depth' needs the tables [depth] and [intrinsics].")
        camera = sections["intrinsics"].intrinsics()
        reader = partial(_computed_normals, depth=_depth_reader(sections["depth"]), unit=unit, camera=camera)
        return Channel(("depth",), reader)
    axes = section.values.get("axes", ["right", "up", "towards"])
    if not isinstance(axes, list) or sorted(AXES.get(str(axis), (9, 0))[0] for axis in axes) != [0, 1, 2]:
        raise UsageError(
            f"{section.place} axes: expected three of {', '.join(AXES)}, one for each direction. Received {axes!r}."
        )
    encoding = section.choice("encoding", ("unsigned", "signed"))
    invalid = section.numbers("invalid", [])
    if not all(isinstance(colour, list) for colour in invalid):
        raise UsageError(
            f"{section.place} invalid: expected colours [[255, 255, 255]]. Received {invalid!r}."
        )
    return Channel(
        ("normals",),
        partial(_normals, signed=encoding == "signed", axes=[AXES[axis] for axis in axes], invalid=invalid),
    )


def _depth(files: Mapping[str, Path], *, scale: float, invalid: list[float]) -> NDArray[np.float32]:
    return as_depth(read_numbers(files["depth"]), scale=scale, invalid=invalid)


def _computed_normals(
    files: Mapping[str, Path], *, depth: partial[NDArray[np.float32]], unit: str, camera: Intrinsics
) -> NDArray[np.int8]:
    metres = depth(files)
    if unit == "1/m":
        metres = np.divide(1, metres, out=np.zeros_like(metres), where=metres > 0)
    return as_normals(normals_from_depth(metres, camera))


def _normals(
    files: Mapping[str, Path], *, signed: bool, axes: list[tuple[int, int]], invalid: list[Any]
) -> NDArray[np.int8]:
    stored = read_colours(files["normals"])
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise ValueError(f"expected normals [H, W, 3]. Received {list(stored.shape)}")
    ignored = np.zeros(stored.shape[:2], np.bool_)
    for colour in invalid:
        ignored |= (stored == np.asarray(colour)).all(-1)
    values = stored.astype(np.float32)
    if not signed:
        highest = np.iinfo(stored.dtype).max if stored.dtype.kind in "iu" else 1
        values = values * np.float32(2 / highest) - 1
    ours = np.zeros_like(values)
    for channel, (axis, sign) in enumerate(axes):
        ours[..., axis] = sign * values[..., channel]
    return as_normals(ours, ignored)


def _further(files: Mapping[str, Path], *, task: str) -> NDArray[Any]:
    """The truth of a task that a user has added, stored as its `Target` says; a picture of it has the same numbers."""
    target = TASKS[task].target
    values = (read_colours if target.channels == 3 else read_numbers)(files[task])
    shape = values.shape[:2] + ((target.channels,) if target.channels else ())
    if values.ndim > 2 and values.shape[2:] == (1,) and not target.channels:
        values = values[..., 0]
    if values.shape != shape or not values.size:
        raise ValueError(f"expected {task} {list(shape)}. Received {list(values.shape)}")
    kept = values if values.dtype.name in target.accepted else values.astype(target.dtype)
    if kept.dtype.kind in "iu" and not (kept == values).all():
        raise ValueError(f"expected {task} that {target.dtype} can hold. Received {values.dtype}")
    found = target.wrong(kept[None], target.key)
    if found is not None and found[0].any():
        raise ValueError(f"{int(found[0].sum())} pixels of {task} are impossible. Expected {found[1]}")
    return kept
