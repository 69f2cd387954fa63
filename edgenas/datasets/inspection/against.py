"""Comparison with a copy that is trusted: the same pictures must have the same targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import VOID
from edgenas.datasets.inspection.depth_normals import metres
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.misplaced import WORDS
from edgenas.datasets.inspection.normal_axes import best_axes
from edgenas.datasets.inspection.orientation import count_orientations, name_of, oriented
from edgenas.datasets.inspection.sample import Sample, SampledFrame

__all__ = ["compare_samples"]

_ALIKE = 0.97
_BETTER = 0.1
_MAJORITY = 0.6
_LEAST_PIXELS = 30
_FACTOR = 0.05
_AXES_MARGIN = 0.05


@dataclass(frozen=True)
class _Pair:
    """The same picture here and there; its arrays there brought to the size they have here."""

    here: SampledFrame
    there: SampledFrame
    arrays: dict[str, NDArray[Any]]


def compare_samples(sample: Sample, trusted: Sequence[Sample]) -> list[Finding]:
    """Matches frames by their pictures, also mirrored ones, and compares every target.

    Args:
        sample: the frames in doubt.
        trusted: frames of the trusted copy, of any of its splits.
    """
    pairs, mirrored = _matched(sample, [f for other in trusted for f in other.frames])
    findings = []
    if mirrored:
        findings.append(
            _finding(
                sample,
                "mirrored",
                mirrored,
                "image is mirrored left-right",
                "Its thumbnail fits mirrored only.",
            )
        )
    if not pairs:
        if not mirrored:
            findings.append(
                Finding(
                    "no-match",
                    WARNING,
                    sample.split,
                    "No picture is in the trusted copy, so nothing could be compared.",
                    f"{len(sample.frames)} frames here, {sum(len(o.frames) for o in trusted)} there were looked at.",
                    "Look at more frames (--frames), or at another copy.",
                )
            )
        return findings
    there = trusted[0].info
    findings += _channels(sample, pairs)
    if sample.info.class_names == there.class_names:
        findings += _labels(sample, pairs)
    findings += _depths(sample, pairs, there.depth_unit)
    return findings + _normals(sample, pairs)


def _matched(sample: Sample, others: list[SampledFrame]) -> tuple[list[_Pair], list[SampledFrame]]:
    """Pairs, and frames that fit the trusted copy only mirrored."""
    pairs: list[_Pair] = []
    mirrored: list[SampledFrame] = []
    if not others:
        return pairs, mirrored
    known = np.stack([_normalised(f.thumbnail) for f in others])
    for frame in sample.frames:
        plain = (known * _normalised(frame.thumbnail)).sum(axis=(1, 2))
        flipped = (known * _normalised(frame.thumbnail[:, ::-1])).sum(axis=(1, 2))
        if max(plain.max(), flipped.max()) < _ALIKE:
            continue
        if flipped.max() > plain.max() + 0.01:
            mirrored.append(frame)
            continue
        other = others[int(plain.argmax())]
        shape = frame.arrays["image"].shape[:2]
        pairs.append(_Pair(frame, other, {key: _resized(a, shape) for key, a in other.arrays.items()}))
    return pairs, mirrored


def _normalised(thumbnail: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = thumbnail - thumbnail.mean()
    scaled: NDArray[np.float32] = raised / max(float(np.sqrt(np.square(raised).sum())), 1e-6)
    return scaled


def _resized(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """By the nearest pixel."""
    rows, columns = ((np.arange(n) + 0.5) * m // n for n, m in zip(shape, array.shape[:2], strict=True))
    picked: NDArray[Any] = array[rows.astype(int)[:, None], columns.astype(int)[None, :]]
    return picked


def _channels(sample: Sample, pairs: list[_Pair]) -> list[Finding]:
    swapped = []
    for pair in pairs:
        here, there = pair.here.arrays["image"], pair.arrays["image"]
        if float(np.abs(here - there).mean()) > 2 * float(np.abs(here[..., ::-1] - there).mean()) + 1:
            swapped.append(pair.here)
    if not swapped:
        return []
    return [
        _finding(
            sample, "channels", swapped, "red and blue are exchanged", "The picture there fits as BGR only."
        )
    ]


def _turned(pairs: list[_Pair], key: str, fit: Callable[[Any, Any], float]) -> dict[int, list[SampledFrame]]:
    """Frames whose target fits better another way."""
    found: dict[int, list[SampledFrame]] = defaultdict(list)
    for pair in pairs:
        here, there = pair.here.arrays[key], pair.arrays[key]
        scores = [fit(oriented(here, way), there) for way in range(count_orientations(*here.shape[:2]))]
        if max(scores) > scores[0] + _BETTER:
            found[int(np.argmax(scores))].append(pair.here)
    return found


def _orientation(
    sample: Sample, pairs: list[_Pair], key: str, fit: Callable[[Any, Any], float]
) -> tuple[list[Finding], list[_Pair]]:
    """What is laid another way, and the pairs that are not."""
    turned = _turned(pairs, key, fit)
    findings = [
        _finding(
            sample,
            "mirrored" if way == 1 else "turned",
            frames,
            f"{WORDS[key]} of the trusted copy fit when laid {name_of(way)}",
            "As they are they fit worse by more than 0.1.",
        )
        for way, frames in sorted(turned.items())
    ]
    wrong = {frame.name for frames in turned.values() for frame in frames}
    return findings, [pair for pair in pairs if pair.here.name not in wrong]


def _labels(sample: Sample, pairs: list[_Pair]) -> list[Finding]:
    pairs = [p for p in pairs if "segmentation" in p.here.arrays and "segmentation" in p.arrays]

    def structure(here: NDArray[Any], there: NDArray[Any]) -> float:
        # The share of pixels whose label there is the usual one of their label here: permuted ids do not matter.
        table = np.zeros((VOID + 1, VOID + 1))
        np.add.at(table, (here.ravel(), there.ravel()), 1)
        return float(table.max(axis=1).sum() / table.sum())

    findings, upright = _orientation(sample, pairs, "segmentation", structure)
    table = np.zeros((VOID + 1, VOID + 1))
    for pair in upright:
        np.add.at(table, (pair.here.arrays["segmentation"].ravel(), pair.arrays["segmentation"].ravel()), 1)
    names = (*sample.info.class_names, *["?"] * (VOID - len(sample.info.class_names)), "void")
    moved = []
    for label in np.flatnonzero(table.sum(axis=1) >= _LEAST_PIXELS).tolist():
        usual = int(table[label].argmax())
        if usual != label and table[label, usual] > _MAJORITY * table[label].sum():
            moved.append(f"label {label} ({names[label]}) here is {usual} ({names[usual]}) there")
    if moved:
        agreement = float(np.trace(table) / table.sum())
        findings.append(
            Finding(
                "label-order",
                ERROR,
                sample.split,
                f"Labels have other ids than the trusted copy: {listed(moved)}.",
                f"{agreement:.0%} of the pixels of {len(upright)} matched frames agree.",
                "Map the ids to those of the trusted copy.",
                numbers={"agreement": round(agreement, 4), "moved": moved},
            )
        )
    return findings


def _depths(sample: Sample, pairs: list[_Pair], unit: str) -> list[Finding]:
    pairs = [p for p in pairs if "depth" in p.here.arrays and "depth" in p.arrays]

    def logs(here: NDArray[Any], there: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first, second = metres(here, sample.info.depth_unit), metres(there, unit)
        valid = (first > 0) & (second > 0)
        return np.log(first[valid]), np.log(second[valid])

    def correlation(here: NDArray[Any], there: NDArray[Any]) -> float:
        first, second = logs(here, there)
        if len(first) < _LEAST_PIXELS or first.std() < 1e-6 or second.std() < 1e-6:
            return 0.0
        return float(np.corrcoef(first, second)[0, 1])

    # Inverse depth in the place of depth correlates as well, negatively.
    findings, upright = _orientation(sample, pairs, "depth", lambda a, b: abs(correlation(a, b)))
    inverse = [p.here for p in upright if correlation(p.here.arrays["depth"], p.arrays["depth"]) < -0.5]
    if inverse:
        findings.append(
            _finding(
                sample, "depth-kind", inverse, "depth is large where it is small there", "Store 1 / value."
            )
        )
    ratios = [
        float(np.median(first - second))
        for p in upright
        if p.here not in inverse and len((both := logs(p.here.arrays["depth"], p.arrays["depth"]))[0])
        for first, second in [both]
    ]
    if ratios and abs(float(np.median(ratios))) > np.log1p(_FACTOR) and sample.info.depth_unit == unit:
        factor = float(np.exp(np.median(ratios)))
        findings.append(
            Finding(
                "depth-unit",
                # MTAN's Cityscapes has inverse depth without a scale.
                ERROR if unit == "m" else WARNING,
                sample.split,
                f"Distances are {factor:.4g} times those of the trusted copy.",
                f"Median ratio of {len(ratios)} matched frames.",
                "Bring both to one unit.",
                numbers={"factor": round(factor, 6)},
            )
        )
    return findings


def _normals(sample: Sample, pairs: list[_Pair]) -> list[Finding]:
    pairs = [p for p in pairs if "normals" in p.here.arrays and "normals" in p.arrays]

    def best(here: NDArray[Any], there: NDArray[Any]) -> float:
        return best_axes(_moments(here, there))[1]

    findings, upright = _orientation(sample, pairs, "normals", best)
    grouped: dict[tuple[Any, ...], list[SampledFrame]] = defaultdict(list)
    for pair in upright:
        moments = _moments(pair.here.arrays["normals"], pair.arrays["normals"])
        way, score = best_axes(moments)
        if score > float(np.trace(moments)) + _AXES_MARGIN:
            grouped[way].append(pair.here)
    for (order, signs), frames in sorted(grouped.items()):
        formula = ", ".join(f"{'-' if s < 0 else ''}{'xyz'[o]}" for o, s in zip(order, signs, strict=True))
        findings.append(
            _finding(
                sample,
                "normal-axes",
                frames,
                f"normals of the trusted copy are ({formula}) of these",
                "Reorder.",
            )
        )
    return findings


def _moments(here: NDArray[Any], there: NDArray[Any]) -> NDArray[np.float64]:
    valid = np.any(here != 0, axis=-1) & np.any(there != 0, axis=-1)
    first, second = here[valid].astype(np.float64), there[valid].astype(np.float64)
    moments: NDArray[np.float64] = first.T @ second / max(len(first), 1)
    return moments


def _finding(sample: Sample, check: str, frames: list[SampledFrame], what: str, evidence: str) -> Finding:
    return Finding(
        check,
        ERROR,
        sample.split,
        f"Against the trusted copy, frame {listed([f.name for f in frames])}: {what}.",
        evidence,
        "Write the files anew from the trusted copy.",
        tuple(f.name for f in frames),
        {"frames": len(frames), "against": True},
    )
