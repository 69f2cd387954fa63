"""Normals: angles by frame, and what AdaShare's code makes of 8-bit normals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.evaluation.frame_sums import FrameSums, Table, ratio
from edgenas.tasks.normals import MIN_TARGET_LENGTH

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
            "median_angle_deg": _medians(sums[:, _HEAD:]),
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
        median = float(_medians(self._public_bins[None].astype(np.float64))[0])
        return {
            "mean_angle_deg": mean,
            "median_angle_deg": median,
            **dict(zip(_LIMITS_DEG, within, strict=True)),
        }

    def badness(self) -> Table:
        """Mean angle in degrees."""
        return ratio(self.table[:, 1], self.table[:, 0])

    def _row(self, target: NDArray[Any], output: NDArray[Any]) -> Table:
        squared = np.square(target, dtype=np.float64).sum(-1)
        valid = np.isfinite(squared) & (squared >= MIN_TARGET_LENGTH**2)
        truth, guess = _unit(target[valid]), _unit(output[valid])
        self._add_public(truth, guess)
        angles = _angles_deg(truth, guess)
        within = [np.count_nonzero(angles < limit) for limit in _LIMITS_DEG.values()]
        return np.concatenate([[angles.size, angles.sum(), *within], _histogram(angles, _BINS)])

    def _add_public(self, truth: NDArray[Any], guess: NDArray[Any]) -> None:
        axes, signs = [0, 2, 1], np.array([1.0, -1.0, 1.0])
        pictured = np.rint((truth[:, axes] * signs + 1.0) * 127.5)
        kept = (pictured < 255).all(axis=1)
        angles = _angles_deg(_unit(pictured[kept]), _unit((guess[kept][:, axes] * signs + 1.0) * 127.5))
        self._public_pixels += angles.size
        self._public += [
            angles.sum(),
            *(np.count_nonzero(angles <= limit) for limit in _LIMITS_DEG.values()),
        ]
        self._public_bins += _histogram(angles, _FINE_BINS)


def _unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Vectors of length 1; one without direction faces the camera, as `Normals.decode` has it."""
    vectors = vectors.astype(np.float64)
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    unit: NDArray[np.float64] = np.where(
        length > 0, vectors / np.where(length > 0, length, 1), (0.0, 0.0, 1.0)
    )
    return unit


def _angles_deg(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    angles: NDArray[np.float64] = np.degrees(np.arccos(np.clip((a * b).sum(axis=-1), -1.0, 1.0)))
    return angles


def _histogram(angles_deg: NDArray[Any], bins: int) -> NDArray[np.int64]:
    places = np.minimum((angles_deg * (bins / 180.0)).astype(np.int64), bins - 1)
    return np.bincount(places, minlength=bins)


def _medians(histograms: Table) -> Table:
    """The median of each histogram [selections, bins] over 0 to 180 degrees, to a bin's width; NaN of an empty one."""
    below = np.cumsum(histograms, axis=1)
    count = below[:, -1]
    # Of an even number the median is the mean of the middle two, which may lie far apart.
    middle = [_value_at(histograms, below, np.floor(rank)) for rank in ((count - 1) / 2, count / 2)]
    return np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)


def _value_at(histograms: Table, below: Table, rank: Table) -> Table:
    """The angle of that rank, counted from 0; those of one bin are taken as evenly spread."""
    place = np.minimum((below <= rank[:, None]).sum(axis=1), histograms.shape[1] - 1)
    row = np.arange(len(histograms))
    inside = histograms[row, place]
    share = ratio(rank - (below[row, place] - inside) + 0.5, inside)
    angles_deg: Table = (place + share) * (180.0 / histograms.shape[1])
    return angles_deg
