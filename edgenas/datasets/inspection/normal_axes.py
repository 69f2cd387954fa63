"""Normals with exchanged or reversed axes: compared with those that follow from depth, in all 48 ways."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.inspection.depth_normals import FOCAL_LENGTHS, metres, normals_of_depth
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.sample import Sample

__all__ = ["AxisMatch", "best_axes", "check_normal_axes", "check_normal_directions", "match_axes"]

_AXES = "xyz"
_IN_WORDS = ("x (right)", "y (up)", "z (towards the camera)")
# In untouched NYUv2, rooms and streets our axes were the best of the 48 in every frame, by 0.046 or more; a component's
# correlation with that from depth was never below 0.7.
_MARGIN = 0.04
_SCORE = 0.5
_REVERSED = -0.3
_PIXELS = 200
_OCTANT = 0.97
_TOWARDS = 0.6

Ways = tuple[tuple[int, int, int], tuple[int, int, int]]
_WAYS: list[Ways] = [
    ((order[0], order[1], order[2]), (signs[0], signs[1], signs[2]))
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@dataclass(frozen=True)
class AxisMatch:
    """How the normals of one frame fit those from its depth.

    Attributes:
        pixels: pixels compared.
        score: mean dot product as the normals are, -1 to 1.
        best: the best of the 48 ways: component k is signs[k] times the stored component order[k].
        best_score: its mean dot product.
        correlations: of x, y and z with those from depth.
    """

    pixels: int
    score: float
    best: Ways
    best_score: float
    correlations: tuple[float, float, float]


def match_axes(normals: NDArray[Any], depth: NDArray[Any], unit: str) -> AxisMatch | None:
    """Compares normals [H, W, 3] with those from depth [H, W]; None where too little of both is valid.

    The focal length is taken to be the one that fits best.
    """
    distance = metres(depth, unit)
    found: AxisMatch | None = None
    for focal in FOCAL_LENGTHS:
        expected = normals_of_depth(distance, focal)
        valid = np.any(expected != 0, axis=-1) & np.any(normals != 0, axis=-1)
        pixels = int(valid.sum())
        if pixels < _PIXELS:
            return None
        stored, wanted = normals[valid].astype(np.float64), expected[valid]
        moments = stored.T @ wanted / pixels
        best, score = best_axes(moments)
        match = AxisMatch(pixels, float(np.trace(moments)), best, score, _correlations(stored, wanted))
        if found is None or match.best_score > found.best_score:
            found = match
    return found


def best_axes(moments: NDArray[np.float64]) -> tuple[Ways, float]:
    """The best of the 48 ways and its mean dot product.

    Args:
        moments: mean products of stored (rows) and expected (columns) components, [3, 3].
    """
    best = max(_WAYS, key=lambda way: _score(moments, way))
    return best, _score(moments, best)


def _score(moments: NDArray[np.float64], way: Ways) -> float:
    order, signs = way
    return float(sum(signs[k] * moments[order[k], k] for k in range(3)))


def _correlations(stored: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[float, float, float]:
    """Uncentred: the sign of a component is what matters."""
    size = np.sqrt(np.square(stored).sum(axis=0) * np.square(wanted).sum(axis=0))
    values = (stored * wanted).sum(axis=0) / np.maximum(size, 1e-12)
    return float(values[0]), float(values[1]), float(values[2])


def check_normal_axes(sample: Sample, frames: Sequence[int]) -> list[Finding]:
    """Finds exchanged or reversed axes.

    Args:
        sample: the frames.
        frames: positions of those whose normals and depth lie on each other.
    """
    if "normals" not in sample.keys or "depth" not in sample.keys:
        return []
    grouped: dict[Ways, list[tuple[int, AxisMatch]]] = defaultdict(list)
    compared = 0
    for position in frames:
        arrays = sample.frames[position].arrays
        match = match_axes(arrays["normals"], arrays["depth"], sample.info.depth_unit)
        if match is None:
            continue
        compared += 1
        if match.best == _WAYS[0] or match.best_score < _SCORE:
            continue
        if match.best_score - match.score > _MARGIN and _contradicted(match):
            grouped[match.best].append((position, match))
    return [_report(sample, way, members, compared) for way, members in sorted(grouped.items())]


def _contradicted(match: AxisMatch) -> bool:
    """Whether the components that change are clearly wrong as they are."""
    order, signs = match.best
    wrong = [k for k in range(3) if order[k] != k or signs[k] != 1]
    return min(match.correlations[k] for k in wrong) < (_REVERSED if len(wrong) == 1 else 0.3)


def _report(sample: Sample, way: Ways, members: list[tuple[int, AxisMatch]], compared: int) -> Finding:
    order, signs = way
    wrong = [k for k in range(3) if order[k] != k or signs[k] != 1]
    if all(order[k] == k for k in range(3)):
        words = " and ".join(_IN_WORDS[k] for k in wrong)
        fault = f"{words} {'has' if len(wrong) == 1 else 'have'} the wrong sign"
        if wrong == [0]:
            fault += ", as in a mirrored copy whose x was not negated"
    else:
        taken = ", ".join(
            f"{_AXES[k]} is {'-' if signs[k] < 0 else ''}{_AXES[order[k]]} of the file" for k in wrong
        )
        fault = f"axes are exchanged ({taken})"
    names = [sample.frames[position].name for position, _ in members]
    which = f"All {compared} frames compared" if len(names) == compared > 1 else f"Frame {listed(names)}"
    before = float(np.mean([match.score for _, match in members]))
    after = float(np.mean([match.best_score for _, match in members]))
    formula = ", ".join(f"{'-' if signs[k] < 0 else ''}{_AXES[order[k]]}" for k in range(3))
    return Finding(
        "normal-axes",
        ERROR,
        sample.split,
        f"{which}: in the normals {fault}.",
        f"Mean dot product with the normals that follow from depth: {before:.2f} as they are, {after:.2f} as "
        f"({formula}); right axes give above 0.8.",
        f"Store normals as ({formula}) of what the file has now: x right, y up, z towards the camera.",
        tuple(names),
        {
            "order": list(order),
            "signs": list(signs),
            "score": round(before, 4),
            "best_score": round(after, 4),
        },
    )


def check_normal_directions(sample: Sample) -> list[Finding]:
    """What can be seen of normals without depth: all in one octant, or turned away from the camera."""
    if "normals" not in sample.keys:
        return []
    vectors = [f.arrays["normals"][np.any(f.arrays["normals"] != 0, axis=-1)] for f in sample.frames]
    stacked = np.concatenate(vectors) if vectors else np.zeros((0, 3))
    if len(stacked) < _PIXELS:
        return []
    findings = []
    octant = float((stacked >= -0.01).all(axis=-1).mean())
    if octant > _OCTANT:
        findings.append(
            Finding(
                "normal-octant",
                ERROR,
                sample.split,
                "All normals point into one octant: bytes of 0 to 255 were taken as vectors without mapping them back.",
                f"{octant:.1%} of the normals have no negative component.",
                "Decode stored bytes as value / 127.5 - 1 before they are made unit vectors.",
                numbers={"share": round(octant, 4)},
            )
        )
    facing = float((stacked[:, 2] > 0).mean())
    if facing < _TOWARDS and octant <= _OCTANT:
        findings.append(
            Finding(
                "normal-facing",
                WARNING,
                sample.split,
                "Many normals point away from the camera, where no surface can be seen.",
                f"z, which points towards the camera, is positive in {facing:.0%} of the pixels; usual is above 90%.",
                "Look at the order and the signs of the axes: x right, y up, z towards the camera.",
                numbers={"share": round(facing, 4)},
            )
        )
    return findings
