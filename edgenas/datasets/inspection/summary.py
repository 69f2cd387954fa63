"""What a sample holds, in numbers: classes, colours, depth, normals."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgenas.datasets.classes import VOID
from edgenas.datasets.inspection.sample import Sample
from edgenas.tasks.depth import DEPTH_MIN

__all__ = ["summarise"]


def summarise(sample: Sample) -> dict[str, Any]:
    """Value ranges of the frames looked at; JSON values.

    Returns:
        "image" (mean and darkest to brightest, 0 to 255), "segmentation" (share per class of the labelled pixels, void
        share, classes never seen), "depth" (unit, percentiles, valid share), "normals" (valid share, mean components):
        those that there are.
    """
    if not sample.frames:
        return {}
    found: dict[str, Any] = {"image": _image(sample)}
    for key, describe in (("segmentation", _labels), ("depth", _depth), ("normals", _normals)):
        if key in sample.keys:
            found[key] = describe(sample)
    return found


def _image(sample: Sample) -> dict[str, Any]:
    images = [f.arrays["image"] for f in sample.frames]
    mean = np.mean([i.mean(axis=(0, 1)) for i in images], axis=0)
    return {
        "mean_rgb": [round(float(v), 1) for v in mean],
        "darkest": round(min(float(i.min()) for i in images), 1),
        "brightest": round(max(float(i.max()) for i in images), 1),
    }


def _labels(sample: Sample) -> dict[str, Any]:
    total = np.sum([f.label_counts for f in sample.frames if f.label_counts is not None], axis=0)
    labelled = max(int(total[:VOID].sum()), 1)
    names = sample.info.class_names
    return {
        "classes": {name: round(float(total[i] / labelled), 6) for i, name in enumerate(names)},
        "void_share": round(float(total[VOID] / max(int(total.sum()), 1)), 6),
        "never_seen": [name for i, name in enumerate(names) if total[i] == 0],
    }


def _depth(sample: Sample) -> dict[str, Any]:
    values = np.concatenate([f.arrays["depth"].ravel() for f in sample.frames])
    valid = values[values > DEPTH_MIN]
    found: dict[str, Any] = {
        "unit": sample.info.depth_unit,
        "valid_share": round(float(valid.size / max(values.size, 1)), 6),
    }
    if valid.size:
        marks = np.percentile(valid, (0, 1, 50, 99, 100))
        names = ("min", "p1", "median", "p99", "max")
        found |= {name: float(f"{v:.6g}") for name, v in zip(names, marks.tolist(), strict=True)}
    return found


def _normals(sample: Sample) -> dict[str, Any]:
    vectors = np.concatenate([f.arrays["normals"].reshape(-1, 3) for f in sample.frames])
    valid = vectors[np.any(vectors != 0, axis=-1)]
    found: dict[str, Any] = {"valid_share": round(len(valid) / max(len(vectors), 1), 6)}
    if len(valid):
        found["mean_xyz"] = [round(float(v), 4) for v in valid.mean(axis=0)]
        found["towards_camera_share"] = round(float((valid[:, 2] > 0).mean()), 6)
    return found
