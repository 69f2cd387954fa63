"""Reading arrays from an .npz file that may be cut short, wrong or hostile."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.npy_header import read_array_header
from edgenas.errors import UsageError, no_such_file

__all__ = ["ArchiveFile"]

T = TypeVar("T")


class ArchiveFile:
    """An .npz file whose headers are believed only as far as the file's real size supports them.

    Args:
        path: the file.

    Raises:
        UsageError: the file is missing or is not a readable zip archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise no_such_file(path)
        self._members = self._guarded("central directory", lambda: self._list())

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the arrays inside."""
        return tuple(self._members)

    @property
    def checksums(self) -> tuple[tuple[str, int, int], ...]:
        """(key, CRC-32, bytes) of every array, from the central directory; reads no data."""
        return tuple((key, m.CRC, m.file_size) for key, m in sorted(self._members.items()))

    def size(self, key: str) -> int:
        """Bytes of an array when it is unpacked."""
        return self._members[key].file_size

    def header(self, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype of an array; reads no data.

        Raises:
            UsageError: the header is malformed, or declares more or fewer bytes than the array has.
        """
        return self._guarded(key, lambda: self._open(key, lambda _, shape, __, dtype: (shape, dtype)))

    def read(self, key: str) -> NDArray[Any]:
        """One array, read-only; its checksum is verified.

        Raises:
            UsageError: as `header`, or the data are damaged or larger than the machine's memory.
        """

        def load(
            stream: IO[bytes], shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]
        ) -> NDArray[Any]:
            flat = np.frombuffer(stream.read(), dtype=dtype)
            return flat.reshape(shape, order="F" if fortran else "C")

        size, memory = self._members[key].file_size, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if size > memory // 2:
            raise UsageError(
                f"{self.path}: key '{key}' unpacks to {size / 2**30:.1f} GiB, more than half of this machine's "
                f"memory ({memory / 2**30:.1f} GiB). Split the archive or store a smaller one."
            )
        return self._guarded(key, lambda: self._open(key, load))

    def chunks(self, key: str, rows: int) -> Iterator[NDArray[Any]]:
        """An array from its first frame on, so many frames at a time; its checksum is verified at its end.

        Raises:
            UsageError: as `header`; or the data are damaged, or stored column by column (Fortran order).
        """
        member = self._members[key]
        shape, dtype = self.header(key)
        frame_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        with zipfile.ZipFile(self.path) as archive, archive.open(member) as stream:
            if read_array_header(stream, member.file_size)[1]:
                raise UsageError(
                    f"{self.path}: key '{key}' is stored column by column and too large for the memory. Store it again "
                    "with numpy.ascontiguousarray."
                )
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                data = self._guarded(key, partial(_exactly, stream, count * frame_bytes))
                yield np.frombuffer(data, dtype).reshape(count, *shape[1:])

    def _list(self) -> dict[str, zipfile.ZipInfo]:
        with zipfile.ZipFile(self.path) as archive:
            return {
                m.filename.removesuffix(".npy"): m for m in archive.infolist() if m.filename.endswith(".npy")
            }

    def _open(self, key: str, use: Callable[[IO[bytes], tuple[int, ...], bool, np.dtype[Any]], T]) -> T:
        member = self._members[key]
        with zipfile.ZipFile(self.path) as archive, archive.open(member) as stream:
            shape, fortran, dtype = read_array_header(stream, member.file_size)
            return use(stream, shape, fortran, dtype)

    def _guarded(self, key: str, action: Callable[[], T]) -> T:
        try:
            return action()
        # zipfile, zlib and NumPy's header parser raise a dozen types on damaged bytes (BadZipFile, zlib.error,
        # EOFError, NotImplementedError, struct.error, TokenError, SyntaxError, MemoryError, ...).
        except Exception as error:
            raise UsageError(
                f"{self.path} cannot be read as an .npz archive: {key}: {error}. Expected a file written by "
                "numpy.savez or numpy.savez_compressed; was it cut short while it was copied?"
            ) from error


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError(f"it ends after {len(data)} of {count} bytes")
    return data
