"""Label ids that are mixed up: off by one, permuted, or of another label set.

For the label sets of NYUv2 and Cityscapes it is known where a class usually lies, which way it faces and how far it
is (`label_priors.json`, made by `benchmarks/fit_label_priors.py`): floors are at the bottom and face up, the sky is at
the top and has no depth. Where other names fit the regions far better than their own, the ids are mixed up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.classes import CITYSCAPES_7, CITYSCAPES_19
from edgenas.datasets.inspection.findings import ERROR, Finding
from edgenas.datasets.inspection.regions import FEATURES, describe_regions
from edgenas.datasets.inspection.sample import Sample

__all__ = ["Order", "check_label_order", "label_order"]

_WEIGHTS = {"row": 2.0, "area": 1.0, "edge": 1.0, "up": 2.0, "depth": 1.5}
# Share of the evenly spread part in a prior: our streets are not Cityscapes.
_DOUBT = {CITYSCAPES_19: 0.25, CITYSCAPES_7: 0.25}
_DOUBT_ELSE = 0.1
# Gain per frame of the best order over the stored one, limit a + b / frames^0.75. The gains of untouched data are below
# 9.3 for 1 frame, 4.6 for 2, 1.7 for 8 and 0.3 for 64 (NYUv2), and 2.0, 1.4, 0.4 and 0.1 (streets); random orders
# give 8 to 16. Off by one is not fitted to the frames: at most 2.95 for 1 frame, 0.7 for 2.
_LIMIT = {CITYSCAPES_19: (1.6, 3.0), CITYSCAPES_7: (1.6, 3.0)}
_LIMIT_ELSE = (0.8, 9.0)
_LIMIT_SHIFT = (0.3, 3.5)
_TOLD = 4


@dataclass(frozen=True)
class Order:
    """How well names fit labels.

    Attributes:
        gain: how much better the best order fits than the stored one, log likelihood per frame.
        best: class that each label looks like, i64 [K].
        shift: gain per frame of the better of "every label is one too high" and "one too low".
        step: +1 where labels are one too high, -1 where they are one too low.
        weights: how much each label counted, f64 [K].
    """

    gain: float
    best: NDArray[np.int64]
    shift: float
    step: int
    weights: NDArray[np.float64]


def label_order(sample: Sample, use: tuple[str, ...] = tuple(FEATURES)) -> Order | None:
    """Compares the regions with what is known of the classes; None for unknown label sets.

    Args:
        sample: the frames.
        use: features to compare, see `FEATURES`.
    """
    priors = _priors().get(sample.info.class_names)
    if priors is None or "segmentation" not in sample.keys:
        return None
    names = sample.info.class_names
    doubt = _DOUBT.get(names, _DOUBT_ELSE)
    logs = {name: np.log((1 - doubt) * table + doubt / table.shape[1]) for name, table in priors.items()}
    fit, weights = np.zeros((len(names), len(names))), np.zeros(len(names))
    for frame in sample.frames:
        for label, region in describe_regions(frame, sample.info.depth_unit, use).items():
            if label >= len(names):
                continue
            weight = float(np.sqrt(region["share"][0]))
            weights[label] += weight
            for name in use:
                if name in region:
                    fit[label] += weight * _WEIGHTS[name] * (logs[name] @ region[name])
    count = len(sample.frames)
    own = float(np.trace(fit))
    best = _best_order(fit)
    shifts = {
        # Of a shifted set one label has no class to go to; it keeps its own.
        1: float(np.trace(fit, offset=-1)) + fit[0, 0],
        -1: float(np.trace(fit, offset=1)) + fit[-1, -1],
    }
    step = max(shifts, key=lambda way: shifts[way])
    gain = (float(fit[np.arange(len(fit)), best].sum()) - own) / count
    return Order(gain, best, (shifts[step] - own) / count, step, weights)


def check_label_order(sample: Sample, use: tuple[str, ...] = tuple(FEATURES)) -> list[Finding]:
    """Finds label ids that are mixed up."""
    order = label_order(sample, use)
    if order is None:
        return []
    count = len(sample.frames)
    names = sample.info.class_names
    low, high = _LIMIT_SHIFT
    if order.shift > _limit(low, high, count):
        way, names_are = ("high", "one below") if order.step > 0 else ("low", "one above")
        limit = _limit(low, high, count)
        return [
            Finding(
                "label-order",
                ERROR,
                sample.split,
                f"Labels look off by one: every id is one too {way}, {_told(order, names)}.",
                f"Position, size, direction and depth of the regions fit the names that are "
                f"{names_are} better by {order.shift:.1f} per frame (log likelihood; untouched data stay below "
                f"{limit:.1f}).",
                f"{'Subtract 1 from' if order.step > 0 else 'Add 1 to'} the labels; do the files count void as 0?",
                numbers={"gain": round(order.shift, 3), "step": order.step, "frames": count},
            )
        ]
    low, high = _LIMIT.get(names, _LIMIT_ELSE)
    limit = _limit(low, high, count)
    if order.gain <= limit:
        return []
    return [
        Finding(
            "label-order",
            ERROR,
            sample.split,
            f"Labels look permuted, or of another label set: {_told(order, names)}.",
            "Position, size, direction and depth of the regions fit other names better by "
            f"{order.gain:.1f} per frame (log likelihood; untouched data stay below {limit:.1f}).",
            f"Map the ids of the files to {', '.join(f'{i} {n}' for i, n in enumerate(names[:3]))} and so on.",
            numbers={"gain": round(order.gain, 3), "limit": round(limit, 3), "frames": count},
        )
    ]


def _limit(low: float, high: float, frames: int) -> float:
    return float(low + high / frames**0.75)


def _told(order: Order, names: tuple[str, ...]) -> str:
    moved = [i for i in np.argsort(-order.weights).tolist() if order.weights[i] > 0 and order.best[i] != i]
    told = [f"label {i} ({names[i]}) looks like {names[order.best[i]]}" for i in moved[:_TOLD]]
    return ", ".join(told) or "in small regions"


def _best_order(fit: NDArray[np.float64]) -> NDArray[np.int64]:
    """The order from which no exchange of two names gains anything, beginning with the stored one."""
    order = np.arange(len(fit))
    while True:
        now = fit[:, order]
        own = np.diag(now)
        gains = now + now.T - own[:, None] - own[None, :]
        first, second = np.unravel_index(int(gains.argmax()), gains.shape)
        if gains[first, second] <= 1e-9:
            return order
        order[[first, second]] = order[[second, first]]


@lru_cache(maxsize=1)
def _priors() -> dict[tuple[str, ...], dict[str, NDArray[np.float64]]]:
    text = resources.files("edgenas.datasets.inspection").joinpath("label_priors.json").read_text("utf-8")
    return {
        tuple(one["class_names"]): {name: np.array(table) for name, table in one["features"].items()}
        for one in json.loads(text)
    }
