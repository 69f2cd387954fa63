"""Normals: angles by frame, and what AdaShare's code makes of 8-bit normals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.evaluation.frame_sums import FrameSums, Table, ratio
from edgenas.tasks.angles import angle_histogram, angles_between_deg, medians_deg, unit_vectors
from edgenas.tasks.normals import Normals

__all__ = ["NormalsSums"]

_LIMITS_DEG = {"within_11_25": 11.25, "within_22_5": 22.5, "within_30": 30.0}
_BINS = 1800  # of 0.1 degrees, per frame
_FINE_BINS = 18_000  # of 0.01 degrees, over all frames
_HEAD = 2 + len(_LIMITS_DEG)


class NormalsSums(FrameSums):
    """Angle sums and a histogram per frame; the median that follows from it is exact to 0.1 degrees."""

    def __init__(self) -> None:
        super().__init__()
        self._public = np.zeros(1 + len(_LIMITS_DEG))
        self._public_pixels = 0
        self._public_bins = np.zeros(_FINE_BINS, np.int64)

    def metrics(self, sums: Table) -> dict[str, Table]:
        """mean_angle_deg, median_angle_deg, within_11_25, within_22_5, within_30."""
        pixels = sums[:, 0]
        return {
            "mean_angle_deg": ratio(sums[:, 1], pixels),
            "median_angle_deg": medians_deg(sums[:, _HEAD:]),
            **{name: ratio(sums[:, 2 + i], pixels) for i, name in enumerate(_LIMITS_DEG)},
        }

    def adashare(self) -> dict[str, float]:
        """The same metrics between 8-bit pictures of the normals that are not mapped back to [-1, 1].

        All vectors then lie in the positive octant and angles shrink two to three times. Truth is rounded to
        bytes in AdaShare's channels (x, -z, y); a pixel with any channel at 255 is dropped with the invalid ones
        (255, 255, 255). A limit counts an angle equal to it. median_angle_deg is exact to 0.01 degrees.
        """
        if not self._public_pixels:
            return dict.fromkeys(("mean_angle_deg", "median_angle_deg", *_LIMITS_DEG), np.nan)
        mean, *within = (self._public / self._public_pixels).tolist()
        median = float(medians_deg(self._public_bins[None].astype(np.float64))[0])
        return {
            "mean_angle_deg": mean,
            "median_angle_deg": median,
            **dict(zip(_LIMITS_DEG, within, strict=True)),
        }

    def badness(self) -> Table:
        """Mean angle in degrees."""
        return ratio(self.table[:, 1], self.table[:, 0])

    def _row(self, target: NDArray[Any], output: NDArray[Any]) -> Table:
        valid = Normals.target.valid(target)
        truth, guess = unit_vectors(target[valid]), unit_vectors(output[valid])
        self._add_public(truth, guess)
        angles = angles_between_deg(truth, guess)
        within = [np.count_nonzero(angles < limit) for limit in _LIMITS_DEG.values()]
        return np.concatenate([[angles.size, angles.sum(), *within], angle_histogram(angles, _BINS)])

    def _add_public(self, truth: NDArray[Any], guess: NDArray[Any]) -> None:
        axes, signs = [0, 2, 1], np.array([1.0, -1.0, 1.0])
        pictured = np.rint((truth[:, axes] * signs + 1.0) * 127.5)
        kept = (pictured < 255).all(axis=1)
        angles = angles_between_deg(
            unit_vectors(pictured[kept]), unit_vectors((guess[kept][:, axes] * signs + 1.0) * 127.5)
        )
        self._public_pixels += angles.size
        self._public += [
            angles.sum(),
            *(np.count_nonzero(angles <= limit) for limit in _LIMITS_DEG.values()),
        ]
        self._public_bins += angle_histogram(angles, _FINE_BINS)
