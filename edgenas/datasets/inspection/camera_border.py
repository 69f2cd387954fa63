"""Whole frames of NYUv2 that are mirrored or upside down: the border of the camera lies the wrong way round.

Its targets are valid in rows 44 to 470 and columns 40 to 600 of 480x640 (the crop of the toolbox and of the common
evaluation), one column off the middle: where all files of a frame are mirrored together, normals' x with them, nothing
else shows it.
"""

from __future__ import annotations

from collections.abc import Collection

from edgenas.datasets.classes import NYUV2_13, NYUV2_40
from edgenas.datasets.inspection.findings import ERROR, Finding, listed
from edgenas.datasets.inspection.sample import Sample, SampledFrame

__all__ = ["check_camera_border"]

_ROWS, _COLUMNS = 480, 640
_ABOVE, _BELOW, _LEFT, _RIGHT = 44, 9, 40, 39


def check_camera_border(sample: Sample, displaced: Collection[str] = ()) -> list[Finding]:
    """Frames whose border is that of a mirrored or upside down frame, to the pixel.

    Args:
        sample: the frames.
        displaced: names of frames of which single arrays are known to be mirrored; their border says no more.
    """
    if sample.info.class_names not in (NYUV2_13, NYUV2_40):
        return []
    findings = []
    for word, check in (("mirrored left-right", _mirrored), ("upside down", _upside_down)):
        frames = tuple(frame.name for frame in sample.frames if check(frame) and frame.name not in displaced)
        if frames:
            findings.append(
                Finding(
                    "camera-border",
                    ERROR,
                    sample.split,
                    f"Whole frames are {word}: frame {listed(frames)}.",
                    f"The invalid border of {len(frames)} of {len(sample.frames)} frames is that of NYUv2's camera, "
                    f"{word}.",
                    "Lay every file of these frames the other way round, and negate the normals' "
                    f"{'x' if check is _mirrored else 'y'}.",
                    frames,
                    {"frames": len(frames)},
                )
            )
    return findings


def _mirrored(frame: SampledFrame) -> bool:
    """The border on the right is wider than on the left, everything else is as it must be."""
    if frame.margins is None:
        return False
    above, below, left, right, height, width = frame.margins
    return (
        left < right
        and _near((above, below), (_ABOVE, _BELOW), height, _ROWS)
        and (_near((left, right), (_RIGHT, _LEFT), width, _COLUMNS))
    )


def _upside_down(frame: SampledFrame) -> bool:
    if frame.margins is None:
        return False
    above, below, left, right, height, width = frame.margins
    return (
        below - above > 2
        and _near((above, below), (_BELOW, _ABOVE), height, _ROWS)
        and (_near((left, right), (_LEFT, _RIGHT), width, _COLUMNS))
    )


def _near(found: tuple[int, int], expected: tuple[int, int], side: int, native: int) -> bool:
    """Whether both margins are within a pixel of what they are at this size."""
    return all(abs(f - e * side / native) <= 1 for f, e in zip(found, expected, strict=True))
