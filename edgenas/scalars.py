"""Curves for TensorBoard: a folder with one event file, written without TensorFlow, rebuilt rather than continued."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.errors import MissingDependencyError

__all__ = ["ScalarFile", "open_scalars"]

_LOG = logging.getLogger(__name__)
_SUFFIX = ".edgenas"


class ScalarFile:
    """The event file of a run in `folder`, in the place of those that earlier sessions left there.

    Whoever opens it writes every point once more, from what the run has stored: so a kill can neither lose points nor
    double them. The earlier file stays until the first points of this one are written. A disk that is full, or a
    folder that may not be written, is said once and ends nothing; the points wait in memory for the next attempt.

    Points must come by rising step: TensorBoard drops what has a higher step than a point after it.

    Args:
        folder: folder of the run; `tensorboard --logdir` takes it or any folder above it.

    Raises:
        MissingDependencyError: the package `tensorboard` is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise MissingDependencyError("tensorboard", "tensorboard", "Curves of a run") from error
        self._event, self._record_writer = Event, RecordWriter
        self._folder = folder
        self._pending = bytearray()
        self._handle: int | None = None
        self._written_bytes = 0
        self._complained = False
        self._put(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float | None], *, wall_time: float | None = None) -> None:
        """Adds the points of one step and writes them; values that are None or not finite are left out.

        Args:
            step: place on the horizontal axis.
            values: {tag: value}; TensorBoard groups tags by what stands before the first slash.
            wall_time: seconds since 1970; now without it.
        """
        self.put(step, values, wall_time=wall_time)
        self.flush()

    def put(self, step: int, values: Mapping[str, float | None], *, wall_time: float | None = None) -> None:
        """As `add`, but what is added stays in memory until `flush`."""
        event = self._event(step=step, wall_time=time.time() if wall_time is None else wall_time)
        for tag, value in values.items():
            if value is not None and math.isfinite(value):
                event.summary.value.add(tag=tag, simple_value=value)
        if event.summary.value:
            self._put(event)

    def flush(self) -> None:
        """Writes what is in memory."""
        try:
            if self._handle is None:
                self._begin()
            self._append()
        except OSError as error:
            if not self._complained:
                _LOG.warning(
                    f"The curves in {self._folder} cannot be written: {error.strerror or error}. "
                    "The run goes on, and writes them when it can."
                )
            self._complained = True

    def close(self) -> None:
        """Writes what is in memory and closes the file."""
        self.flush()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _put(self, event: Any) -> None:
        buffer = io.BytesIO()
        self._record_writer(buffer).write(event.SerializeToString())
        self._pending += buffer.getvalue()

    def _begin(self) -> None:
        """Puts a new file in the place of the earlier ones."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}{_SUFFIX}"
        path = self._folder / name
        earlier = list(self._folder.glob(f"*tfevents*{_SUFFIX}"))
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._handle, self._written_bytes = handle, 0
        try:
            self._append()
        except OSError:
            os.close(handle)
            self._handle = None
            path.unlink(missing_ok=True)
            raise
        for file in earlier:
            file.unlink(missing_ok=True)

    def _append(self) -> None:
        """Writes all of the pending bytes or none: half a record would hide everything behind it."""
        if self._handle is None:
            return
        rest = memoryview(bytes(self._pending))
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._written_bytes)
            raise
        self._written_bytes += len(self._pending)
        self._pending.clear()


def open_scalars(folder: Path) -> ScalarFile | None:
    """The event file of a run, or None with one line that says why: curves are no reason not to run."""
    try:
        return ScalarFile(folder)
    except Exception as error:  # An unfit protobuf raises errors of its own.
        _LOG.warning("No curves for TensorBoard: %s", str(error).replace("\n", " "))
        return None
