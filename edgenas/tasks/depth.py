"""Depth: L1 and relative error (JAReD), AbsE, RelE, RMSE and the delta thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import unknown_name
from edgenas.tasks.base import Accumulator, Array, Task, TaskInfo, Tensor, require_rank, to_rgb
from edgenas.tasks.target import Target

__all__ = ["DEPTH_MIN", "RELATIVE_ERROR_FLOOR", "Depth"]

DEPTH_MIN = 3e-5
"""Depth is valid above this, in the data set's unit (AdaShare's protocol); predictions are clipped to it."""

RELATIVE_ERROR_FLOOR: Mapping[str, float] = MappingProxyType({"m": 0.1, "1/m": 1e-3})
"""Declared: smallest divisor in the loss RE per depth unit (10 cm; a point 1 km away) against heavy tails."""

# From far to near: luminance rises from one colour to the next; none is black, which marks invalid pixels.
_COLOURS = np.array(
    [(42, 32, 92), (96, 38, 128), (172, 50, 116), (226, 96, 78), (246, 168, 72), (252, 244, 186)], np.float64
)


class DepthTarget(Target):
    """Depth in the data set's unit, float."""

    def valid(self, values: Array) -> NDArray[np.bool_]:
        """Finite and above `DEPTH_MIN`."""
        valid: NDArray[np.bool_] = np.isfinite(values) & (np.asarray(values) > DEPTH_MIN)
        return valid

    def wrong(self, stored: Array, key: str) -> tuple[NDArray[np.bool_], str]:
        """NaN, infinite and negative depth."""
        return ~(np.isfinite(stored) & (stored >= 0)), "finite metres, 0 where invalid"

    def zoomed(self, target: Tensor, scale: Tensor, depth_unit: str) -> Tensor:
        """Zooming in by s makes everything look s times nearer to a network that assumes one focal length."""
        factor = 1.0 / scale if depth_unit == "m" else scale
        return target * factor[:, None, None, None]


class Depth(Task):
    """Depth in metres or inverse depth in 1/m, one value per pixel; 0 is invalid."""

    name = "depth"
    losses = ("L1", "RE")
    metrics = MappingProxyType(
        {
            "abs_error": False,
            "rel_error": False,
            "rmse": False,
            "delta1": True,
            "delta2": True,
            "delta3": True,
        }
    )
    quality_metrics = ("abs_error", "rel_error")
    metric_titles = MappingProxyType(
        {
            "abs_error": ("AbsE", "depth"),
            "rel_error": ("RelE", ""),
            "rmse": ("RMSE", "depth"),
            "delta1": ("δ < 1.25", ""),
            "delta2": ("δ < 1.25²", ""),
            "delta3": ("δ < 1.25³", ""),
        }
    )
    target = DepthTarget(key="depth", dtype="float16", accepted=("float32", "float64"))

    def constant_answer(self, truth: Array, info: TaskInfo) -> Array:
        """Median of the valid pixels, the best for L1."""
        valid = truth[truth > 0]
        return np.array([np.median(valid) if valid.size else 0.0])

    def output_channels(self, info: TaskInfo) -> int:
        """One channel, in the data set's unit."""
        return 1

    def loss_terms(self, target: Tensor, output: Tensor, info: TaskInfo | None = None) -> dict[str, Tensor]:
        """L1 = mean |d - d'| and RE = mean |d - d'| / max(d, floor) over valid pixels.

        JAReD (Eq. 8) is their weighted sum (1 - lambda) L1 + lambda RE, realised by the loss weights. The
        floor is that of the data set's unit in `RELATIVE_ERROR_FLOOR`; without `info` the smallest of them.

        Raises:
            UsageError: a tensor of a wrong rank, or an unknown depth unit.
        """
        import tensorflow as tf

        require_rank(target, "target", 4, self.name)
        require_rank(output, "output", 4, self.name)
        floor = relative_error_floor(info)
        valid = tf.logical_and(target > DEPTH_MIN, tf.math.is_finite(target))
        # Mask the truth before any arithmetic: 0 times the gradient of NaN would still be NaN.
        depth = tf.where(valid, target, 0.0)
        mask = tf.cast(valid, tf.float32)
        count = tf.maximum(tf.reduce_sum(mask), 1.0)
        error = tf.abs(tf.cast(output, tf.float32) - depth) * mask
        return {
            "L1": tf.reduce_sum(error) / count,
            "RE": tf.reduce_sum(error / tf.maximum(depth, floor)) / count,
        }

    def new_metrics(self, info: TaskInfo) -> Accumulator:
        """Error sums."""
        return DepthMetrics()

    def decode(self, output: Array) -> Array:
        """Depth f32 [...] in the data set's unit, clipped to `DEPTH_MIN` so that ratios are defined."""
        depth: Array = np.maximum(np.asarray(output)[..., 0], DEPTH_MIN).astype(np.float32)
        return depth

    def picture(
        self, values: Array, info: TaskInfo, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.uint8]:
        """Near is bright and far is dark in either unit; invalid pixels are black.

        `value_range` is (lowest, highest) in the data set's unit, default that of `values` itself; hand the
        range of the truth to both pictures to compare them.
        """
        relative_error_floor(info)  # refuses an unknown unit
        values = np.asarray(values, np.float64)
        valid = Depth.target.valid(values)
        low, high = value_range or self.value_range(values) or (0.0, 1.0)
        position = (np.where(valid, values, low) - low) / max(high - low, 1e-12)
        nearness = np.clip(1.0 - position if info.depth_unit == "m" else position, 0.0, 1.0)
        anchors = np.linspace(0.0, 1.0, len(_COLOURS))
        colours = np.stack([np.interp(nearness, anchors, channel) for channel in _COLOURS.T], axis=-1)
        return to_rgb(colours * valid[..., None])

    def value_range(self, values: Array) -> tuple[float, float] | None:
        """Smallest and largest valid depth; None where no pixel is valid."""
        valid = np.asarray(values)[Depth.target.valid(values)]
        return (float(valid.min()), float(valid.max())) if valid.size else None


class DepthMetrics(Accumulator):
    """AbsE, RelE, RMSE and delta thresholds of the decoded depth over valid pixels.

    abs_error = mean |d - d'| and rmse in the data set's unit; rel_error = mean |d - d'| / d, no floor;
    delta_k = share of pixels with max(d/d', d'/d) < 1.25^k.
    """

    def __init__(self) -> None:
        super().__init__("depth", channels=1)
        self._pixels = 0
        self._within = np.zeros(3, np.int64)
        self._frame_sums: list[tuple[float, float, float]] = []

    def result(self) -> dict[str, float | None]:
        """{"abs_error", "rel_error", "rmse", "delta1", "delta2", "delta3"}."""
        if self._pixels == 0:
            return dict.fromkeys(("abs_error", "rel_error", "rmse", "delta1", "delta2", "delta3"))
        absolute, relative, squared = (
            math.fsum(sums) / self._pixels for sums in zip(*self._frame_sums, strict=True)
        )
        delta1, delta2, delta3 = (int(count) / self._pixels for count in self._within)
        return {
            "abs_error": absolute,
            "rel_error": relative,
            "rmse": math.sqrt(squared),
            "delta1": delta1,
            "delta2": delta2,
            "delta3": delta3,
        }

    def _add_frame(self, target: Array, output: Array) -> None:
        valid = Depth.target.valid(target)
        depth = target[valid].astype(np.float64)
        predicted = np.maximum(output[..., 0][valid].astype(np.float64), DEPTH_MIN)
        error = np.abs(depth - predicted)
        ratio = np.maximum(depth / predicted, predicted / depth)
        self._pixels += depth.size
        self._within += [np.count_nonzero(ratio < 1.25**k) for k in (1, 2, 3)]
        self._frame_sums.append((float(error.sum()), float((error / depth).sum()), float((error**2).sum())))


def relative_error_floor(info: TaskInfo | None) -> float:
    """Floor on d in RE for a data set's depth unit; the smallest one where the data set is not given.

    Raises:
        UsageError: the unit is neither "m" nor "1/m".
    """
    if info is None:
        return min(RELATIVE_ERROR_FLOOR.values())
    if info.depth_unit not in RELATIVE_ERROR_FLOOR:
        raise unknown_name("depth unit", info.depth_unit, RELATIVE_ERROR_FLOOR)
    return RELATIVE_ERROR_FLOOR[info.depth_unit]
