"""What the channels of every operator's output hold on real frames: largest values and means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.export.operator_errors import trace

__all__ = ["ChannelFacts", "channel_facts"]


@dataclass(frozen=True)
class ChannelFacts:
    """Facts of one operator's output per channel, over some frames.

    Attributes:
        largest: largest absolute value, [channels].
        mean: mean over frames and pixels, [channels].
    """

    largest: NDArray[np.float64]
    mean: NDArray[np.float64]


def channel_facts(data: bytes, images: NDArray[np.uint8]) -> list[ChannelFacts]:
    """Runs a file and looks at every computing operator's output.

    Args:
        data: a .tflite file.
        images: real frames, uint8 [N, H, W, 3].
    """
    largest: list[NDArray[np.float64]] = []
    sums: list[NDArray[np.float64]] = []
    for values in trace(data, images):
        rows = [v.reshape(-1, v.shape[-1]) for v in values]
        maxima = [np.abs(r).max(0).astype(np.float64) for r in rows]
        means = [r.mean(0, dtype=np.float64) for r in rows]
        largest = [np.maximum(a, b) for a, b in zip(largest, maxima, strict=True)] if largest else maxima
        sums = [a + b for a, b in zip(sums, means, strict=True)] if sums else means
    return [ChannelFacts(a, b / len(images)) for a, b in zip(largest, sums, strict=True)]
