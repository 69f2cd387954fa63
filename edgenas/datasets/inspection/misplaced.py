"""Targets that do not lie on their image: mirrored, upside down, shifted, or of another frame.

Edges of images, labels, depth and normals of one frame fall together. Where they do so only after one of them is
mirrored, or only with another frame, the frame is wrong; which of the arrays is the odd one follows from the others.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import numpy as np

from edgenas.datasets.inspection.alignment import SHIFTS, Alignment, align, peaks_between
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.orientation import IDENTITY, name_of, relative
from edgenas.datasets.inspection.sample import Sample

__all__ = ["WORDS", "check_misplaced", "sound_frames"]

WORDS = {"image": "image", "segmentation": "labels", "depth": "depth", "normals": "normals"}
"""How texts call an array."""

# By how much the correlations, summed over the pairs of arrays, must grow for one frame. The largest growth in 793
# untouched NYUv2 frames is 0.05 with two arrays and below 0 with three and four.
_CERTAIN = 0.09
_CERTAIN_ALL = 0.05
# Edges of two frames that have nothing to do with each other correlate by 0.03, 99 of 100 by less than 0.1; of an
# array with at least two others of its frame the best of NYUv2's is 0.09 at least.
_UNRELATED = 0.08
_UNRELATED_PAIR = 0.04
_FEW = 8
_STRAY_SHARE = 0.05
_SHIFT_FRAMES = 0.6
_SHIFT_GAIN = 0.15

Assignment = tuple[int, ...]


def check_misplaced(sample: Sample, alignment: Alignment | None = None) -> list[Finding]:
    """Finds frames whose arrays do not lie on each other."""
    alignment = alignment or align(sample)
    if alignment is None:
        return []
    shifted = _report_shifted(sample, alignment, list(range(len(sample.frames))))
    if shifted:
        return shifted
    turned = _turned(alignment)
    findings = _report_turned(sample, alignment, turned)
    upright = [i for i in range(len(sample.frames)) if i not in turned]
    exchanged = _exchanged(alignment, upright)
    findings += _report_exchanged(sample, alignment, exchanged)
    return findings + _report_unrelated(
        sample, alignment, [i for i in upright if i not in {frame for _, frame in exchanged}]
    )


def sound_frames(alignment: Alignment) -> list[int]:
    """Positions of the frames that lie as they should, as far as edges tell."""
    turned = _turned(alignment)
    return [i for i in range(len(alignment.edges)) if i not in turned]


def _turned(alignment: Alignment) -> dict[int, tuple[Assignment, float]]:
    """Frames that fit better another way: {position: (orientation of each array, growth of the correlation)}."""
    arrays, ways = len(alignment.keys), alignment.peaks.shape[-1]
    laid: list[Assignment] = [(IDENTITY, *rest) for rest in itertools.product(range(ways), repeat=arrays - 1)]
    pairs = list(itertools.combinations(range(arrays), 2))
    scores = np.stack(
        [
            sum(alignment.peaks[:, a, b, relative(way[a], way[b])] for a, b in pairs)  # type: ignore[misc]
            for way in laid
        ],
        axis=1,
    )
    growth = scores - scores[:, :1]
    found: dict[int, tuple[Assignment, float]] = {}
    # One fault in every frame is seen where single frames leave a doubt.
    whole = int(growth.mean(axis=0).argmax())
    everywhere = whole != 0 and len(growth) > 1 and float(growth[:, whole].mean()) > _CERTAIN_ALL
    for frame, row in enumerate(growth):
        best = int(row.argmax())
        if everywhere and row[whole] > 0:
            best = whole
        elif row[best] <= _CERTAIN:
            continue
        if best:
            way = _simplest(laid[best])
            across = [(a, b) for a, b in pairs if (way[a] == IDENTITY) != (way[b] == IDENTITY)]
            # Arrays of different frames fit nowhere, and somewhere a little better than elsewhere.
            fit = [alignment.peaks[frame, a, b, relative(way[a], way[b])] for a, b in across]
            if max(fit) > _UNRELATED:
                found[frame] = (way, float(row[best]))
    return found


def _simplest(way: Assignment) -> Assignment:
    """The same relations with the fewest arrays turned: the odd one out is named, not the others."""
    same = [way, *(tuple(relative(turn, one) for one in way) for turn in way)]
    return min(same, key=lambda one: (sum(w != IDENTITY for w in one), one[0] != IDENTITY, one))


def _report_turned(
    sample: Sample, alignment: Alignment, turned: dict[int, tuple[Assignment, float]]
) -> list[Finding]:
    grouped: dict[Assignment, list[int]] = defaultdict(list)
    for frame, (way, _) in turned.items():
        grouped[way].append(frame)
    findings = []
    for way, frames in sorted(grouped.items()):
        odd = [i for i, orientation in enumerate(way) if orientation != IDENTITY]
        upright = [i for i in range(len(way)) if i not in odd]
        kinds = sorted({way[i] for i in odd})
        names = " and ".join(WORDS[alignment.keys[i]] for i in odd)
        others = " and ".join(WORDS[alignment.keys[i]] for i in upright)
        how = " or ".join(name_of(kind) for kind in kinds)
        pairs = list(itertools.product(odd, upright))
        before = float(np.mean([alignment.peaks[f, a, b, IDENTITY] for f in frames for a, b in pairs]))
        after = float(
            np.mean([alignment.peaks[f, b, a, relative(way[b], way[a])] for f in frames for a, b in pairs])
        )
        findings.append(
            Finding(
                "mirrored" if kinds == [1] else "turned",
                ERROR,
                sample.split,
                f"{_which(sample, frames)}: {names} {_is(odd, alignment)} {how} against {others}.",
                f"Edges of {names} and of {others} correlate by {before:.2f} as they are, by {after:.2f} when "
                f"{names} {_is(odd, alignment)} {how}.",
                _fix_turned(alignment, odd, kinds),
                _names(sample, frames),
                {
                    "arrays": [alignment.keys[i] for i in odd],
                    "orientation": how,
                    "correlation": round(before, 4),
                    "correlation_turned": round(after, 4),
                    "sampled_frames": len(sample.frames),
                },
            )
        )
    return findings


def _fix_turned(alignment: Alignment, odd: list[int], kinds: list[int]) -> str:
    names = " and ".join(WORDS[alignment.keys[i]] for i in odd)
    back = name_of(kinds[0]).replace("mirrored left-right", "mirror them left-right")
    how = back if len(kinds) == 1 and back.startswith("mirror") else "turn them back"
    normals = "normals" in [alignment.keys[i] for i in odd]
    return f"Write {names} anew: {how}" + (
        "; the x component of mirrored normals changes its sign." if normals else "."
    )


def _exchanged(alignment: Alignment, frames: list[int]) -> dict[tuple[int, int], tuple[int, float]]:
    """{(array, frame): (the frame that it belongs to, growth)}; an array that fits another frame far better."""
    arrays = range(len(alignment.keys))
    found: dict[tuple[int, int], tuple[int, float]] = {}
    for array in arrays:
        others = [k for k in arrays if k != array]
        doubtful = [
            i
            for i in frames
            if len(frames) <= _FEW or alignment.upright[i, array, others].max() < 2 * _UNRELATED
        ]
        for frame in doubtful:
            fit = np.sum(
                [peaks_between(alignment.edges[frame, array], alignment.edges[:, k]) for k in others], axis=0
            )
            best = int(fit.argmax())
            growth = float(fit[best] - fit[frame])
            related = alignment.upright[frame, array, others].max()
            if best != frame and growth > _CERTAIN and related < 2 * _UNRELATED:
                found[array, frame] = (best, growth)
    return found


def _report_exchanged(
    sample: Sample, alignment: Alignment, exchanged: dict[tuple[int, int], tuple[int, float]]
) -> list[Finding]:
    """An array is named only where it is the odd one: with all others exchanged, those would be named."""
    per_frame: dict[int, dict[int, tuple[int, float]]] = defaultdict(dict)
    for (array, frame), match in exchanged.items():
        per_frame[frame][array] = match
    grouped: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for frame, arrays in per_frame.items():
        array = max(arrays, key=lambda one: arrays[one][1])
        grouped[array].append((frame, arrays[array][0]))
    findings = []
    for odd, pairs in sorted(grouped.items()):
        word = WORDS[alignment.keys[odd]]
        told = [f"{sample.frames[a].name} has {word} of {sample.frames[b].name}" for a, b in pairs]
        own = np.mean([np.delete(alignment.upright[a, odd], odd).max() for a, _ in pairs])
        growth = min(exchanged[odd, a][1] for a, _ in pairs)
        findings.append(
            Finding(
                "exchanged",
                ERROR,
                sample.split,
                f"Files of different frames are mixed up: frame {listed(told)}.",
                f"Edges of {word} correlate by {own:.2f} at best with the rest of their own frame, by "
                f"{growth:.2f} or more better in sum with that of the other.",
                f"Give each frame its own {word} file: look at how the names are matched or sorted.",
                _names(sample, [a for a, _ in pairs]),
                {"array": alignment.keys[odd], "belongs_to": [sample.frames[b].name for _, b in pairs]},
            )
        )
    return findings


def _report_unrelated(sample: Sample, alignment: Alignment, frames: list[int]) -> list[Finding]:
    """Arrays whose edges lie on nothing in their frame, in whatever orientation."""
    arrays = range(len(alignment.keys))
    drawn = np.abs(alignment.edges).max(axis=(2, 3)) > 0
    grouped: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for frame in frames:
        for size in range(1, len(arrays) // 2 + 1):
            found = False
            for group in itertools.combinations(arrays, size):
                rest = [k for k in arrays if k not in group]
                pairs = [(a, b) for a in group for b in rest if drawn[frame, a] and drawn[frame, b]]
                limit = _UNRELATED if len(pairs) > 1 else _UNRELATED_PAIR
                if pairs and max(alignment.upright[frame, a, b] for a, b in pairs) < limit:
                    odd = group if 0 not in group or (size == 1 and len(rest) > 1) else tuple(rest)
                    grouped[odd].append(frame)
                    found = True
                    break
            if found:
                break
    findings = []
    for group, members in sorted(grouped.items()):
        share = len(members) / len(sample.frames)
        rest = [k for k in arrays if k not in group]
        certain = (
            len(arrays) > 2 and (share >= _STRAY_SHARE) and (len(members) > 1 or len(sample.frames) <= _FEW)
        )
        names = " and ".join(WORDS[alignment.keys[i]] for i in group)
        others = " and ".join(WORDS[alignment.keys[i]] for i in rest)
        value = float(np.mean([alignment.upright[f][np.ix_(group, rest)].max() for f in members]))
        findings.append(
            Finding(
                "unrelated",
                ERROR if certain else WARNING,
                sample.split,
                f"{_which(sample, members)}: {names} {_are(group, alignment)} nothing to do with {others}.",
                f"Their edges correlate by {value:.2f} at best, as those of different frames do; usual is 0.2 to 0.5.",
                "Look at the picture (--picture FILE.png); the files may belong to other frames.",
                _names(sample, members),
                {"arrays": [alignment.keys[i] for i in group], "correlation": round(value, 4)},
            )
        )
    return findings


def _report_shifted(sample: Sample, alignment: Alignment, frames: list[int]) -> list[Finding]:
    """An array that lies some pixels beside the others in most frames."""
    if not frames:
        return []
    arrays = range(len(alignment.keys))
    for array in sorted(arrays, reverse=True):
        others = [k for k in arrays if k != array]
        moved: dict[tuple[int, int], list[int]] = defaultdict(list)
        for frame in frames:
            offsets = {tuple(alignment.shifts[frame, k, array].tolist()) for k in others}
            gain = sum(
                alignment.shifted[frame, array, k] - alignment.upright[frame, array, k] for k in others
            )
            # A turned array has some best shift as well.
            turned = alignment.peaks[frame, array, others, 1:].sum(axis=0).max()
            fits = alignment.shifted[frame, array, others].sum() > turned + _CERTAIN
            if len(offsets) == 1 and gain > _SHIFT_GAIN * len(others) and fits:
                moved[offsets.pop()].append(frame)
        if not moved or (len(others) == 1 and len(frames) < 2):
            continue
        offset, members = max(moved.items(), key=lambda item: len(item[1]))
        if len(members) < _SHIFT_FRAMES * len(frames):
            continue
        factor = sample.info.width / sample.frames[0].arrays["image"].shape[1]
        down, right = (round(-step * factor) for step in offset)
        word = WORDS[alignment.keys[array]]
        limit = " or more" if SHIFTS in (abs(offset[0]), abs(offset[1])) else ""
        return [
            Finding(
                "shifted",
                ERROR,
                sample.split,
                f"{_which(sample, members)}: {word} lie about {abs(down)} pixels {'below' if down > 0 else 'above'} "
                f"and {abs(right)} pixels {'right' if right > 0 else 'left'} of where they belong{limit}.",
                f"Edges fit best at that shift in {len(members)} of {len(frames)} frames.",
                "Crop and resize images and targets alike.",
                _names(sample, members),
                {"array": alignment.keys[array], "rows": down, "columns": right},
            )
        ]
    return []


def _which(sample: Sample, frames: list[int]) -> str:
    if len(frames) == len(sample.frames) > 1:
        return f"All {len(frames)} frames looked at"
    label = "Frame" if len(frames) == 1 else "Frames"
    return f"{label} {listed([sample.frames[i].name for i in frames])}"


def _names(sample: Sample, frames: list[int]) -> tuple[str, ...]:
    return tuple(sample.frames[i].name for i in frames)


def _plural(group: Any, alignment: Alignment) -> bool:
    return len(group) > 1 or alignment.keys[group[0]] in ("segmentation", "normals")


def _is(group: Any, alignment: Alignment) -> str:
    return "are" if _plural(group, alignment) else "is"


def _are(group: Any, alignment: Alignment) -> str:
    return "have" if _plural(group, alignment) else "has"
