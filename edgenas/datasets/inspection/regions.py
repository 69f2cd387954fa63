"""What a class looks like in a frame: where it lies, which way it faces, how far it is, how much there is of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID
from edgenas.datasets.inspection.depth_normals import metres
from edgenas.datasets.inspection.sample import SampledFrame

__all__ = ["FEATURES", "describe_regions"]

FEATURES: Mapping[str, int] = {"row": 8, "area": 6, "edge": 5, "up": 7, "depth": 8}
"""Histogram bins per feature: height in the frame, share of the labelled pixels, share of pixels at its own border,
upward component of the normals, and depth against the frame's median (the last bin: invalid)."""

_AREAS = (0.003, 0.01, 0.03, 0.1, 0.3)
_BORDERS = (0.05, 0.12, 0.25, 0.5)
_UP = (-0.75, -0.4, -0.12, 0.12, 0.4, 0.75)
_DEPTHS = (-0.9, -0.45, -0.15, 0.15, 0.45, 0.9)
_LEAST_PIXELS = 12


def describe_regions(
    frame: SampledFrame, depth_unit: str, use: tuple[str, ...] = tuple(FEATURES)
) -> dict[int, dict[str, NDArray[Any]]]:
    """Histograms (summing to 1) of every label in a frame: {label: {feature: f64 [bins]}} and {"share": [1]}.

    Labels of fewer than 12 pixels of the small frame, and void, are left out, as are features whose arrays are missing.
    """
    labels = frame.arrays["segmentation"]
    rows = labels.shape[0]
    bins: dict[str, NDArray[np.int64]] = {
        "row": np.broadcast_to((np.arange(rows) * FEATURES["row"] // rows)[:, None], labels.shape)
    }
    if "normals" in frame.arrays and "up" in use:
        normals = frame.arrays["normals"]
        known = np.any(normals != 0, axis=-1)
        bins["up"] = np.where(known, np.digitize(normals[..., 1], _UP), -1)
    if "depth" in frame.arrays and "depth" in use:
        distance = metres(frame.arrays["depth"], depth_unit)
        valid = distance > 0
        if valid.any():
            relative = np.log(np.where(valid, distance, 1.0) / np.median(distance[valid]))
            bins["depth"] = np.where(valid, np.digitize(relative, _DEPTHS), FEATURES["depth"] - 1)
    border = _border(labels)
    total = max(int((labels != VOID).sum()), 1)
    found = {}
    for label in np.unique(labels).tolist():
        inside = labels == label
        count = int(inside.sum())
        if label == VOID or count < _LEAST_PIXELS:
            continue
        share = count / total
        described = {"share": np.array([share]), "area": _one_hot("area", int(np.digitize(share, _AREAS)))}
        described["edge"] = _one_hot("edge", int(np.digitize(float(border[inside].mean()), _BORDERS)))
        for name, values in bins.items():
            counted = np.bincount(values[inside & (values >= 0)], minlength=FEATURES[name]).astype(np.float64)
            if counted.sum() >= _LEAST_PIXELS // 2:
                described[name] = counted / counted.sum()
        found[label] = described
    return found


def _border(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels with a neighbour of another label."""
    border = np.zeros(labels.shape, bool)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return border


def _one_hot(name: str, place: int) -> NDArray[np.float64]:
    found = np.zeros(FEATURES[name])
    found[place] = 1.0
    return found
