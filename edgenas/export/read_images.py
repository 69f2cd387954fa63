"""Reads pictures and arrays as images of the size that a network takes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenas.errors import MissingDependencyError, UsageError, no_such_file

__all__ = ["InputImage", "read_images"]

_ARRAYS = (".npy", ".npz")
_IMAGE_KEY = "image"
_MOST_ARRAY_BYTES = 2 * 2**30


@dataclass(frozen=True)
class InputImage:
    """One image.

    Attributes:
        label: file name without its ending, with the number of the frame where a file has several.
        path: the file.
        pixels: uint8 [H, W, C] in 0 to 255, or float [H, W, C] that is the network's input already.
        resized_from: (height, width) before it was resized, None where it was not.
    """

    label: str
    path: Path
    pixels: np.ndarray
    resized_from: tuple[int, int] | None = None


def read_images(path: Path, height: int, width: int, channels: int) -> Iterator[InputImage]:
    """Reads a picture, or all frames of an array file.

    Args:
        path: .png, .jpg or whatever Pillow reads; .npy; or .npz with an array `image` or only one array. Arrays are
            [H, W, C] or [N, H, W, C], uint8 for images of any size and float for network inputs as they are.
        height: rows that the network takes; images are resized to them without keeping the aspect.
        width: columns that it takes.
        channels: 3 (RGB) or 1 (grey).

    Raises:
        UsageError: the file is missing or is no image.
        MissingDependencyError: Pillow is needed and not installed.
    """
    if not path.is_file():
        raise no_such_file(path)
    if path.suffix.lower() not in _ARRAYS:
        yield _fitted(path.stem, path, _read_picture(path, channels), height, width, channels)
        return
    frames = _read_array(path)
    if frames.ndim == 3:
        frames = frames[None]
    if frames.ndim != 4 or frames.shape[3] != channels or not frames.size:
        raise UsageError(
            f"{path}: expected an array [H, W, {channels}] or [N, H, W, {channels}]. Received {list(frames.shape)}."
        )
    if frames.dtype != np.uint8 and not np.issubdtype(frames.dtype, np.floating):
        raise UsageError(
            f"{path}: expected uint8 (an image) or float (a network input). Received {frames.dtype}."
        )
    for number, frame in enumerate(frames):
        label = f"{path.stem}_{number:04d}" if len(frames) > 1 else path.stem
        yield _fitted(label, path, frame, height, width, channels)


def _read_picture(path: Path, channels: int) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise MissingDependencyError("pillow", "device", "Reading pictures") from error
    try:
        with Image.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(upright.convert("RGB" if channels == 3 else "L")).reshape(
                upright.height, upright.width, channels
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{path} cannot be read as a picture: {error}.") from error


def _read_array(path: Path) -> np.ndarray:
    try:
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > _MOST_ARRAY_BYTES:
                raise ValueError(f"it unpacks to more than {_MOST_ARRAY_BYTES} bytes")
        with np.load(path, allow_pickle=False) as arrays:
            names = arrays.files
            name = _IMAGE_KEY if _IMAGE_KEY in names else names[0] if len(names) == 1 else ""
            if not name:
                raise ValueError(f"it holds {sorted(names)[:8]}; expected an array 'image' or only one array")
            return np.asarray(arrays[name])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path} cannot be read as images: {error}.") from error


def _fitted(label: str, path: Path, pixels: np.ndarray, height: int, width: int, channels: int) -> InputImage:
    size = (int(pixels.shape[0]), int(pixels.shape[1]))
    if size == (height, width):
        return InputImage(label, path, pixels)
    if pixels.dtype != np.uint8:
        raise UsageError(
            f"{path}: a network input must have the network's size, {height}x{width}. Received {size[0]}x{size[1]}."
        )
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError("pillow", "device", f"Resizing {path} to {height}x{width}") from error
    picture = Image.fromarray(pixels if channels == 3 else pixels[..., 0])
    resized = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    return InputImage(label, path, resized.reshape(height, width, channels), size)
