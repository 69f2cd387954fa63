"""Depth beyond the paper's metrics: logarithmic RMSE, squared relative error, and AdaShare's variants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.evaluation.frame_sums import FrameSums, Table, ratio
from edgenas.tasks.depth import DEPTH_MIN, Depth

__all__ = ["DepthSums"]

_THRESHOLDS = (1.25, 1.25**2, 1.25**3)
_DELTAS = ("delta1", "delta2", "delta3")


class DepthSums(FrameSums):
    """Error sums of predictions clipped to `DEPTH_MIN` (as the accumulator has them) and of raw ones."""

    def metrics(self, sums: Table) -> dict[str, Table]:
        """abs_error, rel_error, rmse, delta1 to 3; rmse_log (natural logarithm) and sq_rel = mean (d - d')^2 / d."""
        pixels = sums[:, 0]
        absolute, relative, squared, squared_log, squared_relative, *within = sums[:, 1:9].T
        return {
            "abs_error": ratio(absolute, pixels),
            "rel_error": ratio(relative, pixels),
            "rmse": np.sqrt(ratio(squared, pixels)),
            **{name: ratio(count, pixels) for name, count in zip(_DELTAS, within, strict=True)},
            "rmse_log": np.sqrt(ratio(squared_log, pixels)),
            "sq_rel": ratio(squared_relative, pixels),
        }

    def adashare(self) -> dict[str, float]:
        """abs_error, rel_error, sq_rel, rmse, delta1 to 3 as the public code has them.

        The first three are means over frames of each frame's mean, so that a frame with few valid pixels counts as
        much as any other (its batch means, at batch size 1). Predictions are not clipped: a negative one has a
        negative ratio, which passes every delta threshold as right.
        """
        table = self.table
        table = table[table[:, 0] > 0]
        if not len(table):
            return dict.fromkeys(("abs_error", "rel_error", "sq_rel", "rmse", *_DELTAS), np.nan)
        pixels = table[:, 0]
        absolute, relative, squared_relative, squared, *within = table[:, 9:].T
        total = float(pixels.sum())
        return {
            "abs_error": float((absolute / pixels).mean()),
            "rel_error": float((relative / pixels).mean()),
            "sq_rel": float((squared_relative / pixels).mean()),
            "rmse": float(np.sqrt(squared.sum() / total)),
            **{name: float(count.sum() / total) for name, count in zip(_DELTAS, within, strict=True)},
        }

    def badness(self) -> Table:
        """Mean relative error."""
        return ratio(self.table[:, 2], self.table[:, 0])

    def _row(self, target: NDArray[Any], output: NDArray[Any]) -> Table:
        truth = target[..., 0] if target.ndim == 3 else target
        valid = Depth.target.valid(truth)
        depth, raw = truth[valid].astype(np.float64), output[..., 0][valid].astype(np.float64)
        row: list[Any] = [depth.size]
        clipped = np.maximum(raw, DEPTH_MIN)
        error = np.abs(depth - clipped)
        worse = np.maximum(depth / clipped, clipped / depth)
        row += [error.sum(), (error / depth).sum(), (error**2).sum()]
        row += [np.square(np.log(depth) - np.log(clipped)).sum(), (error**2 / depth).sum()]
        row += [np.count_nonzero(worse < limit) for limit in _THRESHOLDS]
        error = np.abs(depth - raw)
        with np.errstate(
            divide="ignore"
        ):  # a raw prediction of 0 is infinitely far off, which is what it should be
            worse = np.maximum(depth / raw, raw / depth)
        row += [error.sum(), (error / depth).sum(), (error**2 / depth).sum(), (error**2).sum()]
        row += [np.count_nonzero(worse < limit) for limit in _THRESHOLDS]
        return np.array(row, np.float64)
