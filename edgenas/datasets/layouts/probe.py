"""A quick look at a file: is it whole, and is it still the same?"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from edgenas.datasets.npy_header import read_array_header

__all__ = ["Probe", "probe_files"]

_SAMPLE_BYTES = 1024
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_THREADS = 8
_CHUNK = 128


@dataclass(frozen=True)
class Probe:
    """What a quick look tells.

    Attributes:
        bytes: size of the file.
        checksum: CRC-32 of its first, middle and last 1,024 bytes. A PNG file ends with the checksum of its last block,
            so other pixels there are seen too; a change elsewhere that keeps the size is not.
        fault: why the file cannot be whole; empty when nothing speaks against it.
    """

    bytes: int
    checksum: int
    fault: str = ""


def probe_files(paths: Iterable[Path]) -> dict[Path, Probe | None]:
    """Looks at every file; None for those that do not exist.

    A file that was looked at before in this process and has kept its size and time is not read again.
    """
    wanted = list(dict.fromkeys(paths))
    chunks = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    if len(chunks) <= 1:
        return {path: _probe(path) for path in wanted}
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda chunk: [(path, _probe(path)) for path in chunk], chunks)
        return {path: probe for chunk in found for path, probe in chunk}


def _probe(path: Path) -> Probe | None:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return None
    return _look(str(path), about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=1 << 17)
def _look(path: str, size: int, _mtime_ns: int) -> Probe:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - thousands of times: a Path would cost more than the reading
            samples = []
            for place in dict.fromkeys((0, max(0, size // 2), max(0, size - _SAMPLE_BYTES))):
                file.seek(place)
                samples.append(file.read(_SAMPLE_BYTES))
            fault = _fault(path, file, size, samples[0], samples[-1])
    except OSError as error:
        return Probe(size, 0, error.strerror or str(error))
    return Probe(size, zlib.crc32(b"".join(samples)), fault)


def _fault(path: str, file: IO[bytes], size: int, head: bytes, tail: bytes) -> str:
    if size == 0:
        return "it is empty"
    if path.endswith(".png"):
        if not head.startswith(_PNG_HEAD):
            return "it does not begin like a PNG file"
        return "" if _PNG_END in tail else "it is cut short: the end of the PNG file is missing"
    if path.endswith(".npy"):
        try:
            file.seek(0)
            read_array_header(file, size)
        # NumPy's header parser raises a dozen types on damaged bytes.
        except Exception as error:
            return f"it is no whole .npy file: {error}"
    return ""
