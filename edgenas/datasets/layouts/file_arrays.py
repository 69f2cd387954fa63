"""Reads one picture or array file, believing nothing that it says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.npy_header import read_array_header
from edgenas.errors import MissingDependencyError, UsageError

__all__ = ["read_array", "read_colours", "read_numbers"]

_REMEDY = "Restore the file, or remove it and leave out frames that lack one with --skip-broken."


def read_colours(path: Path) -> NDArray[Any]:
    """A picture as RGB: u8 [H, W, 3] of a picture file; whatever a .npy file holds.

    Raises:
        UsageError: the file is missing, damaged or no picture.
        MissingDependencyError: Pillow is needed and not installed.
    """
    return read_array(path) if path.suffix == ".npy" else _picture(path, colours=True)


def read_numbers(path: Path) -> NDArray[Any]:
    """One number per pixel: [H, W], u8, u16, i32 or f32 as the picture file has it; whatever a .npy file holds.

    A picture with a palette gives the indices, not the colours.

    Raises:
        UsageError: the file is missing, damaged or has colours.
        MissingDependencyError: Pillow is needed and not installed.
    """
    return read_array(path) if path.suffix == ".npy" else _picture(path, colours=False)


def read_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file; Python objects in it are refused, not loaded.

    Raises:
        UsageError: the file is missing, damaged or cut short.
    """
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_array_header(file, path.stat().st_size)
            return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")
    # NumPy's header parser raises a dozen types on damaged bytes.
    except Exception as error:
        raise UsageError(f"{path} cannot be read as an array: {error}. {_REMEDY}") from error


def _picture(path: Path, *, colours: bool) -> NDArray[Any]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("pillow", "layouts", "Reading picture files") from error
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            if colours:
                return np.asarray(picture if mode == "RGB" else picture.convert("RGB"))
            values = np.asarray(picture)
    # Pillow raises OSError, SyntaxError, ValueError, struct.error and its own types on damaged bytes.
    except Exception as error:
        raise UsageError(f"{path} cannot be read as a picture: {error}. {_REMEDY}") from error
    if values.ndim != 2:
        raise UsageError(f"{path}: expected one number per pixel. Received a picture of mode {mode}.")
    return values
