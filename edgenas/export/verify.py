"""Compares exported files with the Keras model: raw outputs per head, metrics, leftover float tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log10

import numpy as np

from edgenas.errors import EdgenasError

__all__ = ["FLOAT32_TOLERANCE", "HeadError", "Predict", "compare_heads", "require_float_agreement"]

FLOAT32_TOLERANCE = 1e-4
"""Largest difference of the float32 file from Keras, relative to the largest output of the head."""

Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass
class HeadError:
    """Difference of one head's raw output from Keras over some frames.

    Attributes:
        max_abs: largest absolute difference, in the output's unit.
        largest: largest absolute output of Keras, in the output's unit.
        signal: sum of squares of Keras' outputs.
        noise: sum of squared differences.
        same_argmax: pixels with the same largest channel.
        pixels: all pixels.
    """

    max_abs: float = 0.0
    largest: float = 0.0
    signal: float = 0.0
    noise: float = 0.0
    same_argmax: int = 0
    pixels: int = field(default=0)

    def add(self, reference: np.ndarray, output: np.ndarray) -> None:
        """Takes in one batch [B, H, W, C]."""
        difference = output.astype(np.float64) - reference
        # np.maximum keeps NaN, which max() may drop.
        self.max_abs = float(np.maximum(self.max_abs, np.abs(difference).max()))
        self.largest = max(self.largest, float(np.abs(reference).max()))
        self.signal += float(np.square(reference, dtype=np.float64).sum())
        self.noise += float(np.square(difference).sum())
        self.same_argmax += int((reference.argmax(-1) == output.argmax(-1)).sum())
        self.pixels += int(np.prod(reference.shape[:3]))

    @property
    def sqnr_db(self) -> float | None:
        """Signal to quantisation noise ratio; None where the outputs are equal or all zero."""
        return 10.0 * log10(self.signal / self.noise) if self.signal > 0 and self.noise > 0 else None

    @property
    def argmax_agreement(self) -> float:
        """Share of pixels with the same largest channel."""
        return self.same_argmax / max(1, self.pixels)


def compare_heads(
    reference: Predict, candidates: Mapping[str, Predict], images: np.ndarray
) -> dict[str, dict[str, HeadError]]:
    """Runs all on the same images.

    Args:
        reference: the Keras model.
        candidates: {"float32": file, "int8": file}.
        images: uint8 [N, H, W, 3], real frames.

    Returns:
        {candidate: {head: error}}.
    """
    errors: dict[str, dict[str, HeadError]] = {name: {} for name in candidates}
    for start in range(0, len(images), 8):
        batch = images[start : start + 8]
        expected = reference(batch)
        for name, predict in candidates.items():
            outputs = predict(batch)
            if set(outputs) != set(expected):
                raise EdgenasError(
                    f"The {name} file has the outputs {sorted(outputs)}; expected {sorted(expected)}."
                )
            for head, values in expected.items():
                errors[name].setdefault(head, HeadError()).add(values, outputs[head])
    return errors


def require_float_agreement(errors: Mapping[str, HeadError]) -> None:
    """Refuses a float32 file that does not compute what Keras computes.

    Raises:
        EdgenasError: a head differs by more than `FLOAT32_TOLERANCE` of its largest output.
    """
    for head, error in errors.items():
        if not error.max_abs <= FLOAT32_TOLERANCE * max(error.largest, 1e-6):
            raise EdgenasError(
                f"The float32 file differs from Keras in head '{head}': by {error.max_abs:.3g} where the largest "
                f"output is {error.largest:.3g}; expected at most {FLOAT32_TOLERANCE:g} of it. "
                "The conversion is wrong; nothing was written."
            )
