"""Bilinear resizing of outputs, as two small matrices; images are resized by `edgenas.datasets.layouts.resize`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["resize_maps"]


def resize_maps(values: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Maps float [B, H, W, C] at another size, f32; pixel centres are aligned, edges repeat."""
    batch, rows, columns, channels = values.shape
    if (rows, columns) == (height, width):
        return np.asarray(values, np.float32)
    tall = np.tensordot(_weights(rows, height), values.astype(np.float32), axes=(1, 1))  # [h, B, W, C]
    wide = np.matmul(_weights(columns, width), tall)
    resized: NDArray[np.float32] = np.moveaxis(wide, 0, 1).reshape(batch, height, width, channels)
    return resized


@lru_cache(maxsize=8)
def _weights(before: int, after: int) -> NDArray[np.float32]:
    """[after, before]: the triangle filter, as wide as a pixel of the coarser of both grids."""
    scale = before / after
    support = max(scale, 1.0)
    centres = (np.arange(after) + 0.5) * scale - 0.5
    distance = np.abs(np.clip(centres, 0, before - 1)[:, None] - np.arange(before)[None])
    weights = np.maximum(1.0 - distance / support, 0.0)
    normed: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed
