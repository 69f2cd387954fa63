"""Ranges of activations that cost least: rare far values are clipped where finer steps for the others gain more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.export.flat_file import FlatFile
from edgenas.export.operator_errors import trace

__all__ = ["least_error_range", "least_error_ranges"]

_FRAMES = 32
_BINS = 2048
_STEPS = 255
_SHARES = np.linspace(0.1, 1.0, 46)
# Their output has the scale of their input.
_PASSING = frozenset({"RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MAX_POOL_2D", "RESHAPE", "PAD"})


def least_error_ranges(
    float_file: bytes, images: Sequence[NDArray[np.float32]], ranges: Mapping[str, Any]
) -> dict[str, Any]:
    """Narrows the ranges of operators' outputs for 8-bit numbers.

    Args:
        float_file: the float32 file.
        images: calibration frames [1, H, W, 3] in [-1, 1]; at most 32 of them, evenly spread, are looked at.
        ranges: {tensor: {"min", "max"}}, the extremes over all frames.

    Returns:
        The same with other numbers; tensors without a range of their own stay.
    """
    file, found = FlatFile(float_file), dict(ranges)
    places = [i for i, op in enumerate(file.computing) if op.type not in _PASSING]
    names = {i: file.tensor_name(file.computing[i].output) for i in places}
    places = [i for i in places if names[i] in ranges]
    edges = {i: np.linspace(*_extremes(ranges[names[i]]), _BINS + 1) for i in places}
    counts = {i: np.zeros(_BINS) for i in places}
    shown = np.unique(np.linspace(0, len(images) - 1, min(_FRAMES, len(images))).astype(int))
    pixels = np.concatenate([np.rint((images[i] + 1.0) * 127.5) for i in shown]).astype(np.uint8)
    for values in trace(float_file, pixels):
        for i in places:
            counts[i] += np.histogram(values[i], edges[i])[0]
    for i in places:
        low, high = least_error_range(counts[i], edges[i])
        old = ranges[names[i]]
        found[names[i]] = {
            **old,
            "min": np.full_like(np.asarray(old["min"]), low),
            "max": np.full_like(np.asarray(old["max"]), high),
        }
    return found


def least_error_range(counts: NDArray[Any], edges: NDArray[Any]) -> tuple[float, float]:
    """The range whose 255 steps make the smallest sum of squared errors.

    Values outside are clipped; those inside are off by a twelfth of the squared step.

    Args:
        counts: how many values fall between two edges [N].
        edges: ascending [N + 1].

    Returns:
        Lower and upper end; zero is between them, as it must have a number of its own.
    """
    centres = (edges[:-1] + edges[1:]) / 2
    low, high = min(0.0, float(edges[0])), max(0.0, float(edges[-1]))
    best, least = (low, high), np.inf
    for a in low * _SHARES if low < 0 else (0.0,):
        below = np.square(np.minimum(centres - a, 0.0))
        for b in high * _SHARES if high > 0 else (0.0,):
            off = np.maximum(centres - b, 0.0)
            inside = np.square((b - a) / _STEPS) / 12
            outside = below + np.square(off)
            error = float((counts * np.where(outside > 0, outside, inside)).sum())
            if error < least:
                best, least = (float(a), float(b)), error
    return best


def _extremes(row: Mapping[str, Any]) -> tuple[float, float]:
    low, high = float(np.min(row["min"])), float(np.max(row["max"]))
    return low, max(high, np.nextafter(low, np.inf, dtype=np.float32).item())
