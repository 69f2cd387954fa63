"""`inspect_data`: everything that can be found out about a data set by looking at some of its frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgenas.datasets.inspection.against import compare_samples
from edgenas.datasets.inspection.alignment import align
from edgenas.datasets.inspection.camera_border import check_camera_border
from edgenas.datasets.inspection.depth_kind import check_depth_kind, check_depth_unit
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.images import check_blank_images, check_duplicates
from edgenas.datasets.inspection.label_order import check_label_order
from edgenas.datasets.inspection.label_sets import check_label_sets
from edgenas.datasets.inspection.labels import check_labels
from edgenas.datasets.inspection.misplaced import check_misplaced, sound_frames
from edgenas.datasets.inspection.normal_axes import check_normal_axes, check_normal_directions
from edgenas.datasets.inspection.regions import FEATURES
from edgenas.datasets.inspection.sample import Sample, take_sample
from edgenas.datasets.inspection.splits import Source, find_source
from edgenas.datasets.inspection.summary import summarise
from edgenas.errors import UsageError

__all__ = ["DEFAULT_FRAMES", "Inspection", "check_sample", "inspect_data"]

DEFAULT_FRAMES = 64
"""Frames looked at per split."""

_ALONE: tuple[Callable[[Sample], list[Finding]], ...] = (
    check_labels,
    check_depth_unit,
    check_depth_kind,
    check_normal_directions,
    check_blank_images,
)


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        source: the data set as it was named.
        kind: layout.
        counts: frames per split; of a split that cannot be opened None.
        samples: the frames looked at, per split.
        findings: what is wrong, errors first.
    """

    source: str
    kind: str
    counts: dict[str, int | None]
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> bool:
        """Whether something is wrong with certainty."""
        return any(finding.severity == ERROR for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        info = self.samples[0].info if self.samples else None
        return {
            "source": self.source,
            "layout": self.kind,
            "ok": not self.wrong,
            "height": info.height if info else None,
            "width": info.width if info else None,
            "tasks": list(info.tasks) if info else [],
            "class_names": list(info.class_names) if info else [],
            "splits": {
                name: {"frames": count, **self._looked_at(name)} for name, count in self.counts.items()
            },
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def _looked_at(self, split: str) -> dict[str, Any]:
        found = [s for s in self.samples if s.split == split]
        return {"sampled_frames": len(found[0].frames), "values": summarise(found[0])} if found else {}


def inspect_data(
    source: str, *, split: str | None = None, frames: int = DEFAULT_FRAMES, against: str | None = None
) -> Inspection:
    """Looks at a data set.

    Args:
        source: what `load_dataset` takes.
        split: only this split; every frame's split when None.
        frames: frames looked at per split, evenly spread.
        against: a copy that is trusted; frames with the same picture must have the same targets. Of it four times as
            many frames are read, for they may lie in another order.

    Raises:
        UsageError: the source does not exist, or nothing reads it. Faults inside of it are findings.
    """
    found = find_source(source)
    counts = dict(found.counts)
    samples: list[Sample] = []
    findings = _empty(found) if split is None else []
    for name in found.chosen(split):
        try:
            dataset = found.open(name)
        except UsageError as error:
            findings.append(_unreadable(name, str(error)))
            continue
        counts[name] = len(dataset)
        sample = take_sample(dataset, name, frames)
        samples.append(sample)
        in_split = check_sample(sample)
        findings += in_split + check_label_sets(found, dataset, sample, in_split)
    findings += _pooled(samples, findings) + check_duplicates(samples)
    if against is not None:
        trusted = find_source(against)
        there = [take_sample(trusted.open(name), name, 4 * frames) for name in trusted.chosen(None)]
        for sample in samples:
            findings += compare_samples(sample, there)
    if not samples and not findings:
        findings.append(_unreadable(split or "every split", "There are no frames."))
    findings.sort(key=lambda finding: finding.severity != ERROR)
    return Inspection(source, found.kind, counts, tuple(samples), tuple(findings))


def _pooled(samples: list[Sample], found: list[Finding]) -> list[Finding]:
    """Label ids are the same in every split, and more frames say more."""
    few = [s for s in samples if s.frames]
    if len(few) < 2 or any(f.check == "label-order" for f in found):
        return []
    together = " and ".join(s.split for s in few)
    frames = tuple(f for s in few for f in s.frames)
    return check_label_order(Sample(few[0].info, together, len(frames), frames), _trusted(found))


def check_sample(sample: Sample) -> list[Finding]:
    """Every check that needs one split only."""
    findings = [_broken(sample)] if sample.broken else []
    if not sample.frames:
        return findings
    for check in _ALONE:
        findings += check(sample)
    alignment = align(sample)
    if alignment is not None:
        findings += check_misplaced(sample, alignment)
        findings += check_normal_axes(sample, sound_frames(alignment))
    displaced = {name for f in findings if f.check in ("mirrored", "turned") for name in f.frames}
    findings += check_camera_border(sample, displaced)
    return findings + check_label_order(sample, _trusted(findings))


def _trusted(findings: list[Finding]) -> tuple[str, ...]:
    """What labels may be compared with: nothing that is itself wrong."""
    wrong = {finding.check for finding in findings if finding.severity == ERROR}
    for finding in findings:
        if finding.check == "turned" and "segmentation" in finding.numbers["arrays"]:
            return ()
    spoilt = {
        "up": {"normal-axes", "normal-octant", "mirrored", "turned", "exchanged", "unrelated"},
        "depth": {"depth-kind", "depth-constant", "mirrored", "turned", "exchanged", "unrelated"},
    }
    return tuple(name for name in FEATURES if not wrong & spoilt.get(name, set()))


def _unreadable(split: str, message: str) -> Finding:
    return Finding(
        "unreadable",
        ERROR,
        split,
        f"The split {split} cannot be opened.",
        message,
        "Put right what the message names.",
    )


def _empty(source: Source) -> list[Finding]:
    """Parts that the release has, and this copy has not."""
    if source.layout is None or source.path is None:
        return []
    present = source.layout.parts(source.path)
    return [
        Finding(
            "empty-split",
            ERROR if folder.is_dir() else WARNING,
            part,
            f"There are no {part} frames.",
            f"{folder} {'is empty' if folder.is_dir() else 'does not exist'}.",
            "Copy it again, unless it was left out on purpose.",
        )
        for part, folder in source.layout.part_folders(source.path).items()
        if part not in present
    ]


def _broken(sample: Sample) -> Finding:
    names = [name for name, _ in sample.broken]
    looked_at = len(sample.broken) + len(sample.frames)
    return Finding(
        "broken-frame",
        ERROR,
        sample.split,
        f"{len(names)} of {looked_at} frames looked at cannot be read: frame {listed(names)}.",
        sample.broken[0][1],
        "Copy these files again, or leave the frames out.",
        tuple(names),
        {"messages": [message for _, message in sample.broken[:20]]},
    )
