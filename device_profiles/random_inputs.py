"""Random input values for measuring; what they are must not matter to the time, so zeros and NaN are avoided."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["random_input"]


def random_input(shape: tuple[int, ...], dtype: str, rng: np.random.Generator) -> npt.NDArray[Any]:
    """An array of shape `shape`: floats in [-1, 1), 8-bit integers over their range, other integers 0 or 1.

    Other integers are often indices, for which 0 and 1 are the safest guess.

    Raises:
        ValueError: a dimension is not positive or the type is not numeric.
    """
    if any(size < 0 for size in shape):
        raise ValueError(f"the shape {shape} is dynamic")
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return rng.uniform(-1.0, 1.0, shape).astype(kind)
    if kind in (np.dtype(np.int8), np.dtype(np.uint8)):
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    if kind.kind in "iub":
        return rng.integers(0, 2, shape).astype(kind)
    raise ValueError(f"there are no random values of type {dtype}")
