"""Headers of NumPy's array format, believed only as far as the bytes behind them support."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, Any

import numpy as np

__all__ = ["ArrayHeader", "read_array_header"]

ArrayHeader = tuple[tuple[int, ...], bool, "np.dtype[Any]"]
"""Shape, whether it is in Fortran order, dtype."""

_HEADER_BYTES = 4096
_READERS: dict[tuple[int, int], Callable[..., ArrayHeader]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array_header(stream: IO[bytes], total_bytes: int) -> ArrayHeader:
    """Reads the header of a .npy stream and leaves the stream where the data begin; nothing is ever unpickled.

    Args:
        stream: at its beginning.
        total_bytes: bytes that the stream has, header and data.

    Raises:
        ValueError: the header is malformed, declares objects, or declares more or fewer bytes than there are.
            NumPy's parser raises further types on damaged bytes.
    """
    version = np.lib.format.read_magic(stream)
    if version not in _READERS:
        raise ValueError(f"array format {version} is not supported, expected 1.0 or 2.0")
    shape, fortran, dtype = _READERS[version](stream, max_header_size=_HEADER_BYTES)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, expected numbers")
    if any(side < 0 for side in shape):
        raise ValueError(f"its header declares the shape {shape}")
    declared = math.prod(shape) * dtype.itemsize
    present = total_bytes - stream.tell()
    if declared != present:
        raise ValueError(f"its header declares {declared} bytes ({dtype} {shape}), the file holds {present}")
    return shape, fortran, dtype
