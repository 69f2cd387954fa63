"""Procedural textures: a few patterns over metres on a face, and tiled noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["PATTERNS", "noise"]

_Array = NDArray[np.float32]
_TILE = 256


@lru_cache(maxsize=1)
def _tiles() -> tuple[_Array, _Array]:
    """Smooth noise with a 1/f spectrum and white noise, both [256 * 256] in 0..1, tileable."""
    random = np.random.Generator(np.random.PCG64(20240521)).random((2, _TILE, _TILE))
    frequency = np.fft.fftfreq(_TILE) * _TILE
    radius = np.hypot(frequency[:, None], frequency[None, :])
    spectrum = np.fft.fft2(random[0] - 0.5) / np.maximum(radius, 2.0) ** 1.1
    smooth = np.fft.ifft2(spectrum).real
    smooth = np.clip(0.5 + 0.22 * smooth / smooth.std(), 0, 1)
    return smooth.astype(np.float32).ravel(), random[1].astype(np.float32).ravel()


def noise(u: _Array, v: _Array, texel_m: float | _Array, seed: NDArray[np.int32]) -> _Array:
    """Smooth noise in 0..1 with structure from `texel_m` up to some 100 texels.

    Args:
        u: first coordinate, metres.
        v: second coordinate, metres.
        texel_m: size of the finest detail, metres.
        seed: shifts the noise, per point.
    """
    row = (u / texel_m).astype(np.int32) + seed * 71
    column = (v / texel_m).astype(np.int32) + seed * 113
    return _tiles()[0][(row & (_TILE - 1)) * _TILE + (column & (_TILE - 1))]


def _hash(i: NDArray[np.int32], j: NDArray[np.int32], seed: NDArray[np.int32]) -> _Array:
    row, column = i * 37 + j * 11 + seed * 29, j * 57 + i * 5 + seed * 17
    return _tiles()[1][(row & (_TILE - 1)) * _TILE + (column & (_TILE - 1))]


def _cell(x: _Array) -> tuple[NDArray[np.int32], _Array]:
    index = np.floor(x)
    return index.astype(np.int32), x - index


def _windows(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    (i, a), (j, b) = _cell(u), _cell(v)
    pane = (np.abs(a - 0.5) < 0.28) & (np.abs(b - 0.52) < 0.3)
    light: _Array = np.float32(0.65) + np.float32(0.35) * _hash(i, j, seed)
    return np.where(pane, light, np.float32(0))


def _stripes(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    return (_cell(u)[1] < 0.5).astype(np.float32)


def _planks(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    j, b = _cell(v)
    i, a = _cell(u * np.float32(0.2) + j * np.float32(0.37))
    joint = (b < 0.06) | (a < 0.012)
    return np.where(joint, np.float32(1), np.float32(0.55) * _hash(i, j, seed))


def _tiles_pattern(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    (i, a), (j, b) = _cell(u), _cell(v)
    joint = (a < 0.06) | (b < 0.06)
    return np.where(joint, np.float32(1), np.float32(0.35) * _hash(i, j, seed))


def _checks(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    return ((_cell(u)[0] + _cell(v)[0]) & 1).astype(np.float32)


def _bricks(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    j, b = _cell(v)
    i, a = _cell(u + np.float32(0.5) * (j & 1))
    joint = (a < 0.05) | (b < 0.14)
    return np.where(joint, np.float32(1), np.float32(0.4) * _hash(i, j, seed))


def _patches(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    return _hash(_cell(u)[0], _cell(v)[0], seed)


def _dashes(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    """Lane markings along v: solid lines at |u| near 0.93, dashes on the middle line (u in half widths)."""
    across = np.abs(u)
    edge = np.abs(across - 0.93) < 0.012
    middle = (across < 0.013) & (_cell(v)[1] < 0.5)
    return (edge | middle).astype(np.float32)


def _clouds(u: _Array, v: _Array, seed: NDArray[np.int32]) -> _Array:
    cover: _Array = np.clip((noise(u, v, 0.02, seed) - 0.3) * 2.2, 0, 1)
    return cover


PATTERNS: dict[str, Callable[[_Array, _Array, NDArray[np.int32]], _Array] | None] = {
    "plain": None,
    "windows": _windows,
    "stripes": _stripes,
    "planks": _planks,
    "tiles": _tiles_pattern,
    "checks": _checks,
    "bricks": _bricks,
    "patches": _patches,
    "dashes": _dashes,
    "clouds": _clouds,
}
"""Pattern name -> share of the second colour at (u, v), given in periods of the pattern; None means none."""
