"""Other calibration frames: four times as many, and all but those that reach furthest."""

from __future__ import annotations

import numpy as np

from edgenas.datasets.dataset import evenly_spread
from edgenas.datasets.layouts.resize import resize_image
from edgenas.export.calibration import network_input
from edgenas.export.operator_errors import trace
from edgenas.export.repair.state import Mended, RepairContext

__all__ = ["more_frames", "without_extremes"]

_TIMES = 4
_DROPPED = 0.05


def more_frames(context: RepairContext, best: Mended) -> Mended | None:
    """Four times as many frames, evenly spread: rare activations are not cut off."""
    count = min(_TIMES * len(context.images), len(context.train_set))
    if count < 2 * len(context.images):
        return None
    height, width = context.frames.shape[1:3]
    positions = evenly_spread(count, len(context.train_set))
    images = context.train_set.stored_batch(positions, ["image"])["image"]
    seen = [network_input(resize_image(image, height, width)[None]) for image in images]
    compared = context.convert(best.ground, seen)
    return context.mended(
        best.ground, compared, f"ranges from {count} instead of {len(context.images)} frames"
    )


def without_extremes(context: RepairContext, best: Mended) -> Mended | None:
    """All but the twentieth of the frames whose activations reach furthest: finer steps for everything else."""
    pixels = np.concatenate([np.rint((image + 1.0) * 127.5) for image in context.images]).astype(np.uint8)
    reach = np.array([[np.abs(v).max() for v in values] for values in trace(best.ground.float_file, pixels)])
    # How often a frame holds one of the largest values of an operator.
    leading = (reach >= np.quantile(reach, 1.0 - _DROPPED, axis=0)).sum(1)
    dropped = set(np.argsort(-leading, kind="stable")[: int(_DROPPED * len(pixels))].tolist())
    if not dropped:
        return None
    kept = [image for i, image in enumerate(context.images) if i not in dropped]
    compared = context.convert(best.ground, kept)
    note = f"ranges without the {len(dropped)} frames that reach furthest"
    return context.mended(best.ground, compared, note)
