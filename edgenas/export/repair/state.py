"""What a repair works on, and what its steps get and give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets import Dataset
from edgenas.export.candidate import Candidate
from edgenas.export.choice import Compared
from edgenas.export.repair.folded import FoldedNetwork

__all__ = ["Ground", "Mended", "RepairContext", "Step"]

Drops = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Ground:
    """The float network that an integer file is made of.

    Attributes:
        model: Keras model.
        float_file: its float32 .tflite file.
        network: the same with its weights at hand; None where it has operators that the repair does not know.
        reason: why not.
    """

    model: Any
    float_file: bytes
    network: FoldedNetwork | None
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What users know the operators by; empty for those of the float32 file."""
        return tuple(part.name for part in self.network.parts) if self.network is not None else ()


@dataclass(frozen=True)
class Mended:
    """An int8 file on its way.

    Attributes:
        ground: what it was made of.
        compared: the file, run beside Keras.
        drops: percent that each metric of each head drops against float32 on the validation frames.
    """

    ground: Ground
    compared: Compared
    drops: Drops


@dataclass(frozen=True)
class RepairContext:
    """What the steps of a repair need.

    Attributes:
        train_set: training data; validation frames are only measured on.
        images: calibration frames [1, H, W, 3] float32 as the network sees them.
        frames: some of the same, uint8 [N, H, W, 3].
        convert: from a ground and calibration frames to the int8 file of the engine that was asked for.
        compare: runs another candidate.
        measure: drops of a file on the validation frames.
        predict_ms: predicted latency of a .tflite file on the device; None where nothing predicts.
        max_drop_percent: largest drop of a metric.
        allow_mixed: whether named operators may work on 16-bit activations.
        seed: of the fine-tuning's batches.
    """

    train_set: Dataset
    images: Sequence[NDArray[np.float32]]
    frames: NDArray[np.uint8]
    convert: Callable[[Ground, Sequence[NDArray[np.float32]]], Compared]
    compare: Callable[[Candidate], Compared]
    measure: Callable[[Compared], Drops]
    predict_ms: Callable[[bytes], float | None] | None = None
    max_drop_percent: float = 1.0
    allow_mixed: bool = False
    seed: int = 0

    def mended(self, ground: Ground, compared: Compared, note: str) -> Mended:
        """A file with its drops; `note` tells what was done to it."""
        notes = (*compared.candidate.notes, note)
        told = replace(compared, candidate=replace(compared.candidate, notes=notes))
        return Mended(ground, told, self.measure(told))


Step = Callable[[RepairContext, Mended], Mended | None]
"""From the best file so far to another one; None where the step does not apply."""
