"""Representative frames: which training frames set the activation ranges of an int8 file, and which may not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import Dataset
from edgenas.datasets.dataset import evenly_spread
from edgenas.datasets.layouts.resize import resize_image
from edgenas.errors import UsageError

__all__ = ["MIN_CALIBRATION_FRAMES", "Calibration", "calibrate_on", "network_input", "refuse_dummies"]

MIN_CALIBRATION_FRAMES = 100
"""Fewer frames see too little of the activations' ranges to set the int8 scales."""

_LEAST_RANGE = 8
"""Grey levels that a frame spans at least; a frame with fewer is one flat colour."""

_LEAST_NEIGHBOURS = 0.2
"""Correlation of neighbouring pixels. Random noise has 0; the frames of all releases that we have are above 0.8."""


@dataclass(frozen=True)
class Calibration:
    """The frames that set the activation ranges.

    Attributes:
        pixels: uint8 [N, H, W, 3] at the network's size.
        positions: their places in the training data.
        available: how many training frames there are.
        warnings: what makes the ranges doubtful, one sentence each.
    """

    pixels: NDArray[np.uint8]
    positions: tuple[int, ...]
    available: int
    warnings: tuple[str, ...] = ()

    @property
    def images(self) -> list[NDArray[np.float32]]:
        """[1, H, W, 3] each, as the network sees them."""
        return [network_input(image[None]) for image in self.pixels]

    def to_dict(self) -> dict[str, Any]:
        """The card's section."""
        return {
            "frames": len(self.pixels),
            "of": self.available,
            "choice": "evenly spread over the training data",
            "first": self.positions[0] if self.positions else None,
            "last": self.positions[-1] if self.positions else None,
            "warnings": list(self.warnings),
        }


def calibrate_on(train_set: Dataset, count: int, size: tuple[int, int]) -> Calibration:
    """Takes `count` frames evenly spread over the training data.

    Measured on one network (experiments/calibration_frames.json): from 64 frames on, spread frames, frames in a row and
    those of the largest activations differ by less than 0.3 dB; 16 frames in a row lose 5 dB, 16 spread ones 0.2.

    Args:
        train_set: what the network was trained on; never validation frames, which would flatter the metrics.
        count: how many; all where there are fewer. None of them are looked at where it is 0.
        size: rows and columns of the network's input; frames of another size are resized as for training.

    Raises:
        UsageError: the frames are no real images of the network's size.
    """
    if count == 0:
        return Calibration(np.zeros((0, *size, 3), np.uint8), (), len(train_set))
    positions = evenly_spread(min(count, len(train_set)), len(train_set))
    stored = train_set.stored_batch(positions, ["image"])["image"]
    images = np.stack([resize_image(image, *size) for image in stored])
    refuse_dummies(images, *size)
    warnings = []
    if len(images) < MIN_CALIBRATION_FRAMES:
        warnings.append(
            f"{len(images)} frames set the int8 scales; fewer than {MIN_CALIBRATION_FRAMES} calibration frames "
            "make them unreliable. Give more training frames, or a larger --calibration-frames."
        )
    return Calibration(
        images,
        tuple(int(p) for p in positions),
        len(train_set),
        tuple(warnings),
    )


def network_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0 to 255 as the networks see them, in [-1, 1]."""
    return (images.astype(np.float32) / np.float32(127.5) - np.float32(1.0)).astype(np.float32)


def refuse_dummies(images: NDArray[Any], height: int, width: int) -> None:
    """Refuses frames that say nothing about the activations of real images.

    Args:
        images: [N, H, W, 3].
        height: rows that the network takes.
        width: columns.

    Raises:
        UsageError: another size, element type or range; no frame; flat, random or equal frames.
    """
    expected = f"uint8 RGB images [N, {height}, {width}, 3] of 0 to 255"
    if images.ndim != 4 or images.shape[1:] != (height, width, 3) or len(images) == 0:
        raise _refused(f"Expected {expected}. Received shape {tuple(images.shape)}.")
    if images.dtype != np.uint8:
        raise _refused(f"Expected {expected}. Received {images.dtype}.")
    if int(images.max()) <= 1:
        raise _refused(f"Expected {expected}. Received values of 0 and 1 only: scale them by 255.")
    values = images.astype(np.float32)
    spans = values.max((1, 2, 3)) - values.min((1, 2, 3))
    flat = int((spans < _LEAST_RANGE).sum())
    if flat > len(images) // 2:
        raise _refused(
            f"{flat} of {len(images)} frames are one flat colour. Expected real images: the scales are set by what the "
            "network sees in use."
        )
    if _neighbour_correlation(values[spans >= _LEAST_RANGE]) < _LEAST_NEIGHBOURS:
        raise _refused(
            "Neighbouring pixels have nothing to do with each other: the frames are random noise. Expected real images."
        )
    different = len({image.tobytes() for image in images})
    if len(images) > 1 and different == 1:
        raise _refused(f"All {len(images)} frames are equal. Expected different images.")


def _neighbour_correlation(values: NDArray[np.float32]) -> float:
    """The median frame's correlation of each pixel with the one to its right."""
    grey = values.mean(-1)
    found = [float(np.corrcoef(g[:, :-1].ravel(), g[:, 1:].ravel())[0, 1]) for g in grey[:64]]
    return float(np.nanmedian(found)) if np.isfinite(found).any() else 1.0


def _refused(reason: str) -> UsageError:
    return UsageError(
        f"The calibration frames cannot set the scales of an int8 file. {reason} See: edgenas data inspect"
    )
