"""Rendering runs of frames, in this process or in child processes."""

from __future__ import annotations

import io
import logging
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.scenes.render import WORLDS, render_frame

__all__ = ["BLOCK_FRAMES", "LENGTH", "Block", "SceneSpec", "pack", "render_block", "render_blocks", "unpack"]

BLOCK_FRAMES = 32
"""Frames per cache file."""

LENGTH = struct.Struct("<Q")
"""What a child process writes before each block: its size in bytes."""

_FRAMES_WORTH_A_PROCESS = 16
_LOG = logging.getLogger("edgenas.datasets")

Block = dict[str, NDArray[Any]]
"""Stacked arrays in the compact form of `Frame.stored`."""


@dataclass(frozen=True)
class SceneSpec:
    """Names an endless sequence of procedural frames.

    Attributes:
        world: key of `WORLDS`.
        split: "train" or "validation".
        seed: seed of the data set.
        height: rows.
        width: columns.
    """

    world: str
    split: str
    seed: int
    height: int
    width: int


def render_block(spec: SceneSpec, start: int, stop: int) -> Block:
    """Renders the frames start to stop - 1 in this process."""
    world = WORLDS[spec.world]
    frames = [
        render_frame(world, spec.split, spec.seed, index, spec.height, spec.width).stored()
        for index in range(start, stop)
    ]
    return {key: np.stack([frame[key] for frame in frames]) for key in frames[0]}


def render_blocks(spec: SceneSpec, ranges: Iterable[tuple[int, int]]) -> Iterator[Block]:
    """Renders several ranges on every core, in their order.

    The children are plain `python -m` processes: nothing of the caller's main module is imported again, as
    `multiprocessing` would, and no child ever loads TensorFlow. A child that fails costs only time.
    """
    wanted = list(ranges)
    workers = min(_cores(), len(wanted))
    frames = sum(stop - start for start, stop in wanted)
    if workers < 2 or frames < _FRAMES_WORTH_A_PROCESS or not sys.executable:
        for start, stop in wanted:
            yield render_block(spec, start, stop)
        return
    largest_bytes = 16 * spec.height * spec.width * max(stop - start for start, stop in wanted) + 65536
    children = [_Child(spec, wanted[number::workers]) for number in range(workers)]
    try:
        for number, (start, stop) in enumerate(wanted):
            block = children[number % workers].next_block(largest_bytes)
            yield render_block(spec, start, stop) if block is None else block
    finally:
        for child in children:
            child.close()


class _Child:
    """A process that renders ranges one after the other and writes them to its stdout."""

    def __init__(self, spec: SceneSpec, ranges: list[tuple[int, int]]) -> None:
        names = [spec.world, spec.split, str(spec.seed), str(spec.height), str(spec.width)]
        spans = [f"{start}:{stop}" for start, stop in ranges]
        command = [sys.executable, "-m", "edgenas.datasets.scenes.worker", *names, *spans]
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except OSError as error:
            _LOG.warning("No rendering process could be started (%s); rendering here instead.", error)

    def next_block(self, largest_bytes: int) -> Block | None:
        """The next range's frames; None when the process has failed or announces more than `largest_bytes`."""
        if self._process is None or self._process.stdout is None:
            return None
        header = self._process.stdout.read(LENGTH.size)
        size = LENGTH.unpack(header)[0] if len(header) == LENGTH.size else 0
        data = self._process.stdout.read(size) if size <= largest_bytes else b""
        try:
            return unpack(data)
        except (ValueError, EOFError, zipfile.BadZipFile) as error:
            _LOG.warning("A rendering process failed (%s); rendering here instead.", error)
            self.close()
            return None

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pack(block: Block) -> bytes:
    """The block as the bytes of an .npz file."""
    buffer = io.BytesIO()
    # Without allow_pickle, which NumPy 1 would take for an array.
    np.savez(buffer, **block)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(data: bytes) -> Block:
    """The block behind the bytes of an .npz file; checksums are verified.

    Raises:
        ValueError: an array inside is malformed.
        zipfile.BadZipFile: the bytes are cut short or a checksum is wrong.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}
