"""How well the edges of two arrays of one frame lie on each other, in every orientation and at small shifts."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.inspection.edges import edge_map
from edgenas.datasets.inspection.orientation import IDENTITY, count_orientations, oriented
from edgenas.datasets.inspection.sample import Sample

__all__ = ["SHIFTS", "Alignment", "align", "peaks_between"]

SHIFTS = 10
"""Shifts tried, in pixels of the small frame, to each side."""


@dataclass(frozen=True)
class Alignment:
    """Agreement of edges over the frames of a sample.

    Attributes:
        keys: the K arrays compared, see `GEOMETRY`.
        edges: edge maps f32 [N, K, H, W].
        peaks: best correlation within one pixel, f32 [N, K, K, O]: the second array laid the O-th way upon the first;
            1 is perfect, 0 is none.
        shifts: (rows, columns) of the best correlation as it is, of all `SHIFTS`; i64 [N, K, K, 2].
        shifted: the correlation there, f32 [N, K, K].
    """

    keys: tuple[str, ...]
    edges: NDArray[np.float32]
    peaks: NDArray[np.float32]
    shifts: NDArray[np.int64]
    shifted: NDArray[np.float32]

    @property
    def upright(self) -> NDArray[np.float32]:
        """`peaks` as the arrays are, f32 [N, K, K]."""
        as_it_is: NDArray[np.float32] = self.peaks[..., IDENTITY]
        return as_it_is


def align(sample: Sample) -> Alignment | None:
    """Compares every pair of arrays of each frame; None where there are fewer than two, or no frames."""
    keys = sample.keys
    if len(keys) < 2 or min(sample.frames[0].arrays["image"].shape[:2]) < 16:
        return None
    edges = np.stack([np.stack([edge_map(k, f.arrays[k]) for k in keys]) for f in sample.frames])
    count, arrays, rows, columns = edges.shape
    ways = count_orientations(rows, columns)
    peaks = np.zeros((count, arrays, arrays, ways), np.float32)
    shifts = np.zeros((count, arrays, arrays, 2), np.int64)
    shifted = np.zeros((count, arrays, arrays), np.float32)
    for frame, (first, second) in itertools.product(range(count), itertools.combinations(range(arrays), 2)):
        laid = np.stack([oriented(edges[frame, second], way) for way in range(ways)])
        surface = _correlations(edges[frame, first], laid)
        # Laid upon each other the other way round, the turn by 90 degrees is its own inverse's name.
        found = _peak(surface)
        peaks[frame, first, second] = found
        peaks[frame, second, first] = found[[0, 1, 2, 3, 4, 6, 5, 7][:ways]]
        best = np.unravel_index(int(surface[IDENTITY].argmax()), surface.shape[1:])
        offset = np.array(best) - SHIFTS
        shifts[frame, first, second], shifts[frame, second, first] = offset, -offset
        shifted[frame, first, second] = shifted[frame, second, first] = surface[IDENTITY].max()
    return Alignment(keys, edges, peaks, shifts, shifted)


def peaks_between(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """`Alignment.peaks` of one edge map [H, W] with many [N, H, W], as they are; f32 [N]."""
    return _peak(_correlations(one, others))


def _peak(surface: NDArray[np.float32]) -> NDArray[np.float32]:
    near = slice(SHIFTS - 1, SHIFTS + 2)
    best: NDArray[np.float32] = surface[:, near, near].max(axis=(1, 2))
    return best


def _correlations(one: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlation of `one` with each of `others` at all shifts, f32 [N, 2 SHIFTS + 1, 2 SHIFTS + 1]."""
    size = (one.shape[0] + SHIFTS, one.shape[1] + SHIFTS)
    spectrum = np.fft.rfft2(one, size)[None] * np.conj(np.fft.rfft2(others, size))
    full = np.roll(np.fft.irfft2(spectrum, size), (SHIFTS, SHIFTS), axis=(1, 2))
    window: NDArray[np.float32] = full[:, : 2 * SHIFTS + 1, : 2 * SHIFTS + 1].astype(np.float32)
    return window
