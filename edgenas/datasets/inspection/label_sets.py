"""Labels that a release holds more than once: they must say the same.

Official Cityscapes may have labelIds and labelTrainIds, MTAN's and AdaShare's have label_19, label_7 and label,
an archive seg13 and seg40.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.archive import ArchiveDataset
from edgenas.datasets.archive_file import ArchiveFile
from edgenas.datasets.classes import (
    CITYSCAPES_7,
    CITYSCAPES_7_OF_19,
    CITYSCAPES_19,
    NYUV2_13,
    NYUV2_13_OF_40,
    NYUV2_40,
    VOID,
)
from edgenas.datasets.dataset import Dataset
from edgenas.datasets.inspection.findings import ERROR, Finding, listed
from edgenas.datasets.inspection.label_order import check_label_order
from edgenas.datasets.inspection.labels import check_labels
from edgenas.datasets.inspection.misplaced import check_misplaced
from edgenas.datasets.inspection.orientation import name_of, oriented
from edgenas.datasets.inspection.sample import Sample, SampledFrame, shrink, take_sample
from edgenas.datasets.inspection.splits import Source
from edgenas.datasets.layouts.file_arrays import read_numbers
from edgenas.datasets.layouts.layout_dataset import LayoutDataset
from edgenas.datasets.load import load_dataset
from edgenas.errors import UsageError

__all__ = ["check_label_sets"]

_DIFFERENT = 0.02
_SAME = 0.98
_TRAIN_IDS = "labelTrainIds"
_COARSER = (
    (CITYSCAPES_19, CITYSCAPES_7, CITYSCAPES_7_OF_19),
    (NYUV2_40, NYUV2_13, NYUV2_13_OF_40),
)


def check_label_sets(
    source: Source, dataset: Dataset, sample: Sample, known: Sequence[Finding]
) -> list[Finding]:
    """Looks at the label sets that were not opened, and compares them with the one that was.

    Args:
        source: where they lie.
        dataset: the split with the label set that was opened.
        sample: its frames.
        known: what was found in them, which is not said again.
    """
    if source.path is None or "segmentation" not in sample.keys:
        return []
    try:
        if source.layout is not None and source.layout.name == "cityscapes":
            return _train_ids(dataset, sample)
        findings = []
        names = _label_sets(source, dataset)
        for name in names:
            other = _opened(source, name, names, sample)
            if other is not None:
                found = [f for check in _CHECKS for f in check(other) if f.severity == ERROR]
                findings += [replace(f, what=f"{name}: {f.what}") for f in found if not _among(f, known)]
                findings += _compared(sample, other, name)
        return findings
    except UsageError as error:
        return [
            Finding(
                "label-sets",
                ERROR,
                sample.split,
                "A further label set of the release cannot be read.",
                str(error),
                "Copy these files again, or remove them.",
            )
        ]


_CHECKS = (check_labels, check_misplaced, check_label_order)


def _among(finding: Finding, known: Sequence[Finding]) -> bool:
    """Whether the same fault of the same frames is known already."""
    what = (finding.check, finding.frames, finding.numbers.get("arrays"))
    return any(what == (one.check, one.frames, one.numbers.get("arrays")) for one in known)


def _label_sets(source: Source, dataset: Dataset) -> tuple[str, ...]:
    """The label sets of a release or an archive, the one opened by default first."""
    if source.layout is not None and source.path is not None:
        return source.layout.label_sets(source.path)
    if not isinstance(dataset, ArchiveDataset) or source.path is None:
        return ()  # a prepared folder has one; a large archive would be unpacked once more for each
    own = f"seg{len(dataset.info.class_names)}"
    keys = (key for key in ArchiveFile(source.path).keys if re.fullmatch(r"seg[1-9]\d*", key))
    return (own, *sorted(key for key in keys if key != own))


def _opened(source: Source, name: str, names: Sequence[str], sample: Sample) -> Sample | None:
    """The same frames with that label set; None where they are opened already."""
    if _is_default(source, name, names):
        return None
    layout = f"{source.layout.name}:" if source.layout is not None else ""
    dataset = load_dataset(f"{layout}{source.path}#{name}", sample.split)
    other = take_sample(dataset, sample.split, len(sample.frames) + len(sample.broken))
    if other.broken:
        raise UsageError(other.broken[0][1])
    return other


def _is_default(source: Source, name: str, names: Sequence[str]) -> bool:
    wanted = source.text.rpartition("#")[2].partition(",")[0] if "#" in source.text else ""
    return name == (wanted if wanted in names else names[0])


def _train_ids(dataset: Dataset, sample: Sample) -> list[Finding]:
    """labelTrainIds, which are not read where there are labelIds, against those."""
    if not isinstance(dataset, LayoutDataset) or sample.info.class_names != CITYSCAPES_19:
        return []
    frames = []
    for frame in sample.frames:
        files = dataset.frame_files(frame.index)
        if "labelIds" not in files or _TRAIN_IDS not in files:
            return []
        stored = read_numbers(files[_TRAIN_IDS])
        labels = np.where((stored < 0) | (stored > VOID), VOID, stored).astype(np.uint8)
        blank = np.zeros((*labels.shape[:2], 3), np.uint8)
        small = shrink({"image": blank, "segmentation": labels})["segmentation"]
        frames.append(
            SampledFrame(
                frame.index, frame.name, dict(frame.arrays) | {"segmentation": small}, frame.thumbnail
            )
        )
    return _compared(sample, replace(sample, frames=tuple(frames)), _TRAIN_IDS)


def _compared(sample: Sample, other: Sample, name: str) -> list[Finding]:
    own, others = _categories(sample, other)
    if own is None or others is None:
        return []
    grouped: dict[int, list[tuple[str, float]]] = defaultdict(list)
    matching = {frame.name: frame for frame in other.frames}
    for frame in sample.frames:
        if frame.name not in matching:
            continue
        first, second = own[frame.arrays["segmentation"]], others[matching[frame.name].arrays["segmentation"]]
        if first.shape != second.shape:
            continue
        share = _agreement(first, second)
        if 1 - share > _DIFFERENT:
            ways = [way for way in (1, 2, 3) if _agreement(first, oriented(second, way)) > _SAME]
            grouped[ways[0] if ways else 0].append((frame.name, share))
    findings = []
    for way, members in sorted(grouped.items()):
        frames = tuple(n for n, _ in members)
        mean = float(np.mean([s for _, s in members]))
        how = f"; laid {name_of(way)} they agree" if way else ""
        findings.append(
            Finding(
                "label-sets",
                ERROR,
                sample.split,
                f"Frame {listed(frames)}: {name} and the labels that are read say different things{how}.",
                f"They agree in {mean:.0%} of the labelled pixels; above {_SAME:.0%} is expected.",
                "Write one of the two anew from the other.",
                frames,
                {"label_set": name, "agreement": round(mean, 4), "orientation": name_of(way) if way else ""},
            )
        )
    return findings


def _agreement(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    both = (first != VOID) & (second != VOID)
    # Void in one of them only is no contradiction, unless nearly everything is.
    if both.sum() < 0.25 * max(int((first != VOID).sum()), 1):
        return 0.0
    return float((first == second)[both].mean())


def _categories(sample: Sample, other: Sample) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """Tables that bring the labels of both to the same classes; None where no relation is known."""
    names = (sample.info.class_names, other.info.class_names)
    same = np.arange(VOID + 1, dtype=np.uint8)
    if names[0] == names[1]:
        return same, same
    for fine, coarse, groups in _COARSER:
        table = np.full(VOID + 1, VOID, np.uint8)
        table[: len(groups)] = groups
        if names == (fine, coarse):
            return table, same
        if names == (coarse, fine):
            return same, table
    return None, None
