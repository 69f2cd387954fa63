"""Images that show nothing, and images that are there twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.sample import Sample

__all__ = ["check_blank_images", "check_duplicates"]

_FLAT = 1.0
_SAME = 1.0


def check_blank_images(sample: Sample) -> list[Finding]:
    """Images of one colour, and images that were scaled to 0 to 1 and then cut to bytes."""
    flat = [f for f in sample.frames if float(np.ptp(f.arrays["image"])) <= _FLAT]
    if not flat:
        return []
    everything = len(flat) == len(sample.frames)
    brightest = max(float(f.arrays["image"].max()) for f in flat)
    return [
        Finding(
            "blank-image",
            ERROR if everything or len(flat) > 1 else WARNING,
            sample.split,
            f"{len(flat)} of {len(sample.frames)} images looked at have one colour: frame "
            f"{listed([f.name for f in flat])}.",
            f"Their brightest value is {brightest:.0f} of 255.",
            "Were values of 0 to 1 stored as bytes? Multiply them by 255 first."
            if brightest <= 1
            else "Leave these frames out.",
            tuple(f.name for f in flat),
            {"frames": len(flat), "brightest": brightest},
        )
    ]


def check_duplicates(samples: Sequence[Sample]) -> list[Finding]:
    """The same picture twice in a split, or in two splits, also mirrored; by thumbnails of the frames looked at."""
    findings = []
    for number, first in enumerate(samples):
        for second in samples[number:]:
            pairs = _pairs(first, second)
            if pairs:
                findings.append(_report(first, second, pairs))
    return findings


def _pairs(first: Sample, second: Sample) -> list[tuple[str, str, bool]]:
    """(name, name, whether mirrored) of frames with the same picture."""
    one, other = _thumbnails(first), _thumbnails(second)
    if not len(one) or not len(other):
        return []
    found = []
    for mirrored in (False, True):
        laid = other[:, :, ::-1] if mirrored else other
        # Pictures of one colour are reported on their own.
        drawn = np.ptp(one, axis=(1, 2)) > _FLAT
        for i in np.flatnonzero(drawn).tolist():
            same = np.flatnonzero(np.abs(laid - one[i]).max(axis=(1, 2)) < _SAME).tolist()
            found += [
                (first.frames[i].name, second.frames[j].name, mirrored)
                for j in same
                if first is not second or j > i
            ]
    return found


def _thumbnails(sample: Sample) -> NDArray[np.float32]:
    if not sample.frames:
        return np.zeros((0, 1, 1), np.float32)
    return np.stack([f.thumbnail for f in sample.frames])


def _report(first: Sample, second: Sample, pairs: list[tuple[str, str, bool]]) -> Finding:
    told = [f"{a} and {b}{' (mirrored)' if mirrored else ''}" for a, b, mirrored in pairs]
    across = first is not second
    where = f"{first.split} and {second.split}" if across else first.split
    return Finding(
        "leak" if across else "duplicate",
        ERROR if across else WARNING,
        where,
        f"{'Both splits have' if across else 'The split has twice'} the same picture: frames {listed(told)}.",
        f"{len(pairs)} pairs whose thumbnails of 16x16 differ by less than {_SAME:g} of 255 everywhere.",
        "Take these frames out of one of the splits, or scores on it say nothing."
        if across
        else "Leave one of each pair out.",
        tuple(dict.fromkeys(name for a, b, _ in pairs for name in (a, b))),
        {"pairs": len(pairs)},
    )
