"""Shards: .npy files of records, one record a frame, written once and read at random."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import UsageError
from edgenas.storage import atomic_path

__all__ = ["SHARD_BYTES", "Form", "header_of", "read_record", "record_dtype", "write_shard"]

SHARD_BYTES = 2**26
"""Size that shards have at most, unless one frame is larger: what a kill loses, and what is written again."""

_CHECK = "crc32"

Form = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]
"""Shape and dtype of every array of a frame, in the order in which they are stored."""


def record_dtype(form: Form) -> np.dtype[Any]:
    """The arrays of a frame one after the other, little-endian and without gaps, then the CRC-32 of them all."""
    fields: list[tuple[str, Any, tuple[int, ...]]] = [
        (key, dtype.newbyteorder("<"), shape) for key, (shape, dtype) in form.items()
    ]
    return np.dtype([*fields, (_CHECK, np.dtype("<u4"), ())])


def header_of(form: Form, frames: int) -> bytes:
    """What stands before the records of a shard: the header of the .npy format, version 1.0."""
    stream = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(record_dtype(form))
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": (frames,)})
    return stream.getvalue()


def write_shard(path: Path, form: Form, frames: int, stored: Iterable[Mapping[str, NDArray[Any]]]) -> str:
    """Writes a shard in one step; a kill leaves no part of it under its name.

    Args:
        path: the file.
        form: what every frame must have.
        frames: how many frames come.
        stored: the frames in compact form.

    Returns:
        SHA-256 of the file.

    Raises:
        EdgenasError: the disk is full or the folder cannot be written.
        ValueError: the source gave another number of frames, or one of another shape or dtype.
    """
    digest = hashlib.sha256()
    with atomic_path(path) as temporary, temporary.open("wb") as file:

        def put(data: bytes | memoryview) -> None:
            file.write(data)
            digest.update(data)

        put(header_of(form, frames))
        count = 0
        for frame in stored:
            check = 0
            for key, (shape, dtype) in form.items():
                array = frame[key]
                if array.shape != shape or array.dtype != dtype:
                    raise ValueError(
                        f"{key} is {array.dtype} {array.shape}, that of the first frame {dtype} {shape}"
                    )
                data = np.ascontiguousarray(array, dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
                check = zlib.crc32(data, check)
                put(data)
            put(check.to_bytes(4, "little"))
            count += 1
        if count != frames:
            raise ValueError(f"the source gave {count} frames, expected {frames}")
    return digest.hexdigest()


def read_record(path: Path, form: Form, offset: int, into: Mapping[str, NDArray[Any]]) -> None:
    """Reads one frame straight into arrays, with one call of the system, and checks it.

    Args:
        path: the shard.
        form: the shard's arrays.
        offset: where the record begins, in bytes.
        into: a writeable contiguous array of the right shape and dtype for each key that is wanted.

    Raises:
        UsageError: the file is missing, cut short or damaged.
    """
    parts: list[memoryview] = []
    for key, (shape, dtype) in form.items():
        array = into[key] if key in into else np.empty(shape, dtype)
        parts.append(array.reshape(-1).view(np.uint8).data)
    stored = bytearray(4)
    expected = sum(part.nbytes for part in parts) + len(stored)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            got = os.preadv(handle, [*parts, stored], offset)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if got != expected:
        raise _unreadable(path, f"it is cut short: {got} of {expected} bytes at {offset}")
    check = 0
    for part in parts:
        check = zlib.crc32(part, check)
    if check != int.from_bytes(stored, "little"):
        raise _unreadable(path, f"the frame at byte {offset} is damaged, its CRC-32 differs")


def _unreadable(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"Cannot read {path}: {reason}. Find what else is damaged by: edgenas data prepare --verify {path.parent}\n"
        "The `edgenas data prepare` that made the folder writes what is missing or damaged again."
    )
