"""Depth in another unit, or inverse depth in the place of depth.

On a plane, inverse depth is an affine function of the pixel, whatever the camera; depth is not. Small windows without
edges therefore tell which of the two a file holds, without knowing its unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgenas.datasets.classes import NYUV2_13, NYUV2_40
from edgenas.datasets.inspection.findings import ERROR, WARNING, Finding
from edgenas.datasets.inspection.sample import Sample
from edgenas.tasks.depth import DEPTH_MIN

__all__ = ["Kind", "check_depth_kind", "check_depth_unit", "kind_of"]

_WINDOW = 10
_JUMP = 0.12
_SLOPE = 0.03
_FLOOR = 1e-6
_MIN_WINDOWS = 8
# One frame: windows and rows must both speak against the unit. Of 793 NYUv2 frames none does, nor of rooms or streets.
_PLANES, _ROWS = 0.02, 0.3
_PLANES_ALL = 0.05
_INDOOR_MAX_M, _ANY_MAX_M, _INVERSE_MAX = 30.0, 500.0, 1.0
_CENTIMETRES_BELOW = 700.0
_INDOOR_MIN_M = 0.5


@dataclass(frozen=True)
class Kind:
    """What speaks for depth (positive) and for inverse depth (negative).

    Attributes:
        planes: mean log ratio of how badly planes fit the values and their inverse, weighted by slope.
        rows: minus the correlation of the logarithm with the row: the ground is near at the bottom, far above.
        windows: windows compared.
    """

    planes: float
    rows: float
    windows: int


def kind_of(depth: NDArray[Any]) -> Kind:
    """Looks at one frame [H, W]."""
    values = np.where(depth > DEPTH_MIN, depth, np.nan).astype(np.float64)
    valid = np.isfinite(values)
    rows = np.broadcast_to(np.arange(len(values))[:, None], values.shape)[valid]
    logs = np.log(values[valid])
    spread = float(rows.std() * logs.std()) if len(rows) else 0.0
    trend = 0.0 if spread < 1e-9 else -float(((rows - rows.mean()) * (logs - logs.mean())).mean()) / spread
    planes, windows = _planes(values)
    return Kind(planes, trend, windows)


def _planes(values: NDArray[np.float64]) -> tuple[float, int]:
    if min(values.shape) < _WINDOW:
        return 0.0, 0
    step = _WINDOW // 2
    windows = sliding_window_view(values, (_WINDOW, _WINDOW))[::step, ::step].reshape(-1, _WINDOW, _WINDOW)
    windows = windows[np.isfinite(windows).all(axis=(1, 2))]
    if not len(windows):
        return 0.0, 0
    logs = np.log(windows)
    jump = np.maximum(np.abs(np.diff(logs, axis=1)).max((1, 2)), np.abs(np.diff(logs, axis=2)).max((1, 2)))
    slope = logs.std(axis=(1, 2))
    kept = (jump < _JUMP) & (slope > _SLOPE)
    flat, weights = windows[kept].reshape(-1, _WINDOW**2), np.square(slope[kept])
    if not len(flat):
        return 0.0, 0
    v, u = np.mgrid[:_WINDOW, :_WINDOW].reshape(2, -1) - (_WINDOW - 1) / 2
    design = np.stack([np.ones_like(u), u, v], axis=1)
    rest = np.eye(_WINDOW**2) - design @ np.linalg.pinv(design)

    def misfit(of: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = of / of.mean(axis=1, keepdims=True)
        squared: NDArray[np.float64] = np.square(scaled @ rest).mean(axis=1) + _FLOOR
        return squared

    ratio = np.log(misfit(flat) / misfit(1.0 / flat))
    return float(np.average(ratio, weights=weights)), len(flat)


def check_depth_kind(sample: Sample) -> list[Finding]:
    """Finds depth where the data set says inverse depth, and the other way round."""
    if "depth" not in sample.keys:
        return []
    says = 1.0 if sample.info.depth_unit == "m" else -1.0
    kinds = [kind_of(f.arrays["depth"]) for f in sample.frames]
    usable = [(f, k) for f, k in zip(sample.frames, kinds, strict=True) if k.windows >= _MIN_WINDOWS]
    if not usable:
        return []
    planes, rows = (np.array([getattr(k, key) for _, k in usable]) * says for key in ("planes", "rows"))
    whole = len(usable) > 1 and planes.mean() < -_PLANES_ALL and rows.mean() < -_PLANES_ALL
    wrong = (planes < 0) if whole else (planes < -_PLANES) & (rows < -_ROWS)
    if not wrong.any():
        return []
    held, said = ("inverse depth", "depth in m") if says > 0 else ("depth", "inverse depth in 1/m")
    names = tuple(f.name for (f, _), bad in zip(usable, wrong, strict=True) if bad)
    which = "Depth" if len(names) == len(usable) else f"The depth of frame {', '.join(names[:8])}"
    return [
        Finding(
            "depth-kind",
            ERROR,
            sample.split,
            f"{which} is {held}, but the data set says {said}.",
            f"Planes fit the {'values' if says > 0 else 'inverse of the values'} better than "
            f"{'their inverse' if says > 0 else 'the values'} (log ratio {abs(planes[wrong].mean()):.2f}) in "
            f"{int(wrong.sum())} of {len(usable)} frames, and the bottom rows hold the "
            f"{'larger' if says > 0 else 'smaller'} values (correlation {abs(rows[wrong].mean()):.2f}).",
            "Store 1 / value, or declare the other unit."
            if says > 0
            else "Store 1 / value, or declare depth in m.",
            names,
            {"planes": round(float(planes[wrong].mean()), 4), "rows": round(float(rows[wrong].mean()), 4)},
        )
    ]


def check_depth_unit(sample: Sample) -> list[Finding]:
    """Finds values that cannot be metres (or 1/m), depth of one value, and frames without any."""
    if "depth" not in sample.keys:
        return []
    valid = [(f, v) for f in sample.frames if (v := f.arrays["depth"][f.arrays["depth"] > DEPTH_MIN]).size]
    empty = [f.name for f in sample.frames if f.name not in {g.name for g, _ in valid}]
    findings = []
    if empty:
        findings.append(
            Finding(
                "depth-empty",
                ERROR if not valid else WARNING,
                sample.split,
                f"{len(empty)} of {len(sample.frames)} frames have no valid depth: {', '.join(empty[:8])}.",
                f"No value above {DEPTH_MIN:g}.",
                "Look at the files, or leave the frames out.",
                tuple(empty),
                {"frames": len(empty)},
            )
        )
    if not valid:
        return findings
    flat = [f.name for f, v in valid if float(v.max()) <= float(v.min()) * (1 + 1e-6) and v.size > 16]
    if flat:
        findings.append(
            Finding(
                "depth-constant",
                ERROR,
                sample.split,
                f"The depth of {len(flat)} of {len(sample.frames)} frames has one value only: {', '.join(flat[:8])}.",
                f"Its value is {float(valid[0][1].max()):g}."
                if len(flat) == len(valid)
                else "Smallest equals largest.",
                "Look at how the depth files were written.",
                tuple(flat),
                {"frames": len(flat)},
            )
        )
    medians = np.array([float(np.median(v)) for _, v in valid])
    return findings + _unit(sample, tuple(f.name for f, _ in valid), medians)


def _unit(sample: Sample, names: tuple[str, ...], medians: NDArray[np.float64]) -> list[Finding]:
    indoor = sample.info.class_names in (NYUV2_13, NYUV2_40)
    metric = sample.info.depth_unit == "m"
    limit = _INVERSE_MAX if not metric else _INDOOR_MAX_M if indoor else _ANY_MAX_M
    high = medians > limit
    low = medians < _INDOOR_MIN_M if metric and indoor else np.zeros(len(medians), bool)
    findings = []
    if high.any():
        typical = float(np.median(medians[high]))
        if not metric:
            guess, fix = "depth in m or a disparity in pixels", "Store 1 / metres, or declare another unit."
        elif indoor and typical < _CENTIMETRES_BELOW:
            guess, fix = "centimetres", "Multiply the values by 0.01."
        else:
            guess, fix = "millimetres", "Multiply the values by 0.001."
        which = "Depth" if high.all() else f"The depth of {int(high.sum())} of {len(medians)} frames"
        findings.append(
            Finding(
                "depth-unit",
                ERROR,
                sample.split,
                f"{which} cannot be in {sample.info.depth_unit}: it looks like {guess}.",
                f"The median of the frames is {typical:.4g}, expected below {limit:g}.",
                fix,
                tuple(n for n, bad in zip(names, high, strict=True) if bad),
                {"median": round(typical, 6), "limit": limit},
            )
        )
    if low.any():
        which = "Depth" if low.all() else f"The depth of {int(low.sum())} of {len(medians)} frames"
        typical = float(np.median(medians[low]))
        findings.append(
            Finding(
                "depth-unit",
                ERROR if low.all() else WARNING,
                sample.split,
                f"{which} is too small for metres in a room: it may be inverse depth, scaled to 0 to 1, or in another "
                "unit.",
                f"The median of the frames is {typical:.4g}, expected above {_INDOOR_MIN_M:g}.",
                "Look up the unit that the files were written in.",
                tuple(n for n, bad in zip(names, low, strict=True) if bad),
                {"median": round(typical, 6), "limit": _INDOOR_MIN_M},
            )
        )
    return findings
