"""What can be seen of labels without knowing what the classes look like."""

from __future__ import annotations

import numpy as np

from edgenas.datasets.classes import VOID
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding, listed
from edgenas.datasets.inspection.sample import Sample

__all__ = ["check_labels"]

_FEW_FRAMES = 16


def check_labels(sample: Sample) -> list[Finding]:
    """Labels outside of the classes, frames that are all void, classes never seen."""
    counts = [(f.name, f.label_counts) for f in sample.frames if f.label_counts is not None]
    if not counts:
        return []
    names = sample.info.class_names
    total = np.sum([c for _, c in counts], axis=0)
    findings = []
    outside = [i for i in np.flatnonzero(total).tolist() if len(names) <= i < VOID]
    if outside:
        findings.append(
            Finding(
                "label-range",
                ERROR,
                sample.split,
                f"Labels {listed([str(i) for i in outside])} are outside of the {len(names)} classes.",
                f"{int(total[outside].sum())} pixels of {int(total.sum())}.",
                f"Expected 0 to {len(names) - 1} and {VOID} for void.",
                tuple(n for n, c in counts if c[outside].any()),
                {"labels": outside},
            )
        )
    empty = [n for n, c in counts if c[:VOID].sum() == 0]
    if empty:
        findings.append(
            Finding(
                "label-empty",
                ERROR if len(empty) == len(counts) else WARNING,
                sample.split,
                f"{len(empty)} of {len(counts)} frames have no label at all: {listed(empty)}.",
                "Every pixel is void.",
                "Look at the files, or leave the frames out.",
                tuple(empty),
                {"frames": len(empty)},
            )
        )
    never = [names[i] for i in range(len(names)) if total[i] == 0]
    if never and len(counts) >= _FEW_FRAMES:
        findings.append(
            Finding(
                "class-never-seen",
                WARNING,
                sample.split,
                f"{len(never)} of {len(names)} classes are in none of the frames looked at: {listed(never)}.",
                f"{len(counts)} of {sample.length} frames were looked at.",
                "Look at more frames (--frames), or at the mapping of the label ids.",
                numbers={"classes": never},
            )
        )
    return findings
