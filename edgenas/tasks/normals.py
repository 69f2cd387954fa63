"""Surface normals: inverse cosine similarity, angles between true and predicted normals."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from edgenas.tasks.angles import angle_histogram, angles_between_deg, medians_deg, unit_vectors
from edgenas.tasks.base import Accumulator, Array, Task, TaskInfo, Tensor, require_rank, to_rgb
from edgenas.tasks.target import Target

__all__ = ["EXACT_ANGLES", "MIN_TARGET_LENGTH", "Normals"]

MIN_TARGET_LENGTH = 0.5
"""A true normal is valid where it is at least this long: invalid pixels are (0, 0, 0), valid ones about 1."""

# Squared lengths of predictions are raised to this in the loss: a vector near zero has no direction, and the
# gradient of its normalisation grows as 1 / length.
_MIN_SQUARED_LENGTH = 1e-6

EXACT_ANGLES = 1 << 25
"""Up to so many valid pixels every angle is kept for the median, 128 MiB; 654 frames of 96x128 have 8 million."""

_HISTOGRAM_BINS = 18_000  # of 0.01 degrees

_THRESHOLDS_DEG = {"within_11_25": 11.25, "within_22_5": 22.5, "within_30": 30.0}


_LEVELS = 127.0


class NormalsTarget(Target):
    """Unit vectors n, stored as round(127 n)."""

    def encode(self, values: Array) -> Array:
        """round(127 n)."""
        stored: Array = np.rint(values * _LEVELS).astype(np.int8)
        return stored

    def decode(self, stored: Array) -> Array:
        """Gives rounded vectors their unit length back."""
        vectors = stored.astype(np.float32)
        length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
        unit: NDArray[np.float32] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
        return unit

    def valid(self, values: Array) -> NDArray[np.bool_]:
        """Finite and at least `MIN_TARGET_LENGTH` long."""
        squared_length = np.sum(np.square(values, dtype=np.float64), axis=-1)
        valid: NDArray[np.bool_] = np.isfinite(squared_length) & (squared_length >= MIN_TARGET_LENGTH**2)
        return valid

    def wrong(self, stored: Array, key: str) -> tuple[NDArray[np.bool_], str]:
        """Vectors that are neither zero nor within 10% of unit length."""
        squared = np.square(stored.astype(np.float32)).sum(-1) / _LEVELS**2
        wrong: NDArray[np.bool_] = (squared > 0) & ((squared < 0.81) | (squared > 1.21))
        return wrong, "round(127 n) of unit vectors (length within 10% of 127), or (0, 0, 0)"

    def tensor(self, stored: Tensor) -> Tensor:
        """Unit vectors float32 [B, H, W, 3]."""
        import tensorflow as tf

        vectors = tf.cast(stored, tf.float32)
        # A product with ones sums over the three components; TensorFlow's reduction of so short an axis is slow.
        squared = tf.matmul(tf.reshape(tf.square(vectors), [-1, 3]), tf.ones([3, 3]))
        return tf.math.divide_no_nan(vectors, tf.reshape(tf.sqrt(squared), tf.shape(vectors)))


class Normals(Task):
    """Unit vectors, x right, y up, z towards the camera; (0, 0, 0) is invalid."""

    name = "normals"
    losses = ("ICS",)
    metrics = MappingProxyType(
        {
            "mean_angle_deg": False,
            "median_angle_deg": False,
            "within_11_25": True,
            "within_22_5": True,
            "within_30": True,
        }
    )
    quality_metrics = ("mean_angle_deg", "within_11_25", "within_22_5", "within_30")
    metric_titles = MappingProxyType(
        {
            "mean_angle_deg": ("mean angle", "°"),
            "median_angle_deg": ("median angle", "°"),
            "within_11_25": ("within 11.25°", ""),
            "within_22_5": ("within 22.5°", ""),
            "within_30": ("within 30°", ""),
        }
    )
    target = NormalsTarget(key="normal", dtype="int8", channels=3, mirror=(-1.0, 1.0, 1.0))

    def constant_answer(self, truth: Array, info: TaskInfo) -> Array:
        """Mean direction."""
        answer: Array = truth.reshape(-1, truth.shape[-1]).mean(axis=0)
        return answer

    def output_channels(self, info: TaskInfo) -> int:
        """x, y and z, not normalised."""
        return 3

    def loss_terms(self, target: Tensor, output: Tensor, info: TaskInfo | None = None) -> dict[str, Tensor]:
        """ICS: 1 - cosine of the angle between truth and prediction, mean over valid pixels; 0 to 2.

        Predictions shorter than 1e-3 count as less similar than their direction says; (0, 0, 0) gives 1.
        """
        import tensorflow as tf

        require_rank(target, "target", 4, self.name)
        require_rank(output, "output", 4, self.name)
        squared_length = tf.reduce_sum(target * target, axis=-1)
        valid = tf.logical_and(squared_length >= MIN_TARGET_LENGTH**2, tf.math.is_finite(squared_length))
        # Mask the truth before any arithmetic: 0 times the gradient of NaN would still be NaN.
        normal = tf.where(valid[..., None], target, 0.0)
        predicted = tf.cast(output, tf.float32)
        # One reciprocal root normalises both: stored normals are quantised, so their length is not quite 1.
        scale = tf.math.rsqrt(
            tf.where(valid, squared_length, 1.0)
            * tf.maximum(tf.reduce_sum(predicted * predicted, axis=-1), _MIN_SQUARED_LENGTH)
        )
        mask = tf.cast(valid, tf.float32)
        count = tf.reduce_sum(mask)
        similarity = tf.reduce_sum(tf.reduce_sum(normal * predicted, axis=-1) * scale)
        return {"ICS": (count - similarity) / tf.maximum(count, 1.0)}

    def new_metrics(self, info: TaskInfo) -> Accumulator:
        """Angles of all valid pixels."""
        return NormalsMetrics()

    def decode(self, output: Array) -> Array:
        """Unit vectors f32 [..., 3]; a prediction without direction becomes (0, 0, 1), facing the camera."""
        return unit_vectors(np.asarray(output)).astype(np.float32)

    def picture(
        self, values: Array, info: TaskInfo, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.uint8]:
        """RGB = (n + 1) / 2 * 255; invalid pixels are black."""
        values = np.asarray(values, np.float64)
        valid = Normals.target.valid(values)
        return to_rgb(np.where(valid[..., None], (values + 1.0) * 127.5, 0.0))


class NormalsMetrics(Accumulator):
    """Mean and median angle in degrees and the shares of valid pixels below 11.25, 22.5 and 30 degrees.

    The median is exact (to float32 rounding of an angle) up to `EXACT_ANGLES` valid pixels, at 4 bytes for each and
    twice that during `result`; of more pixels it comes from a histogram and is exact to 0.01 degrees.
    """

    def __init__(self) -> None:
        super().__init__("normals", channels=3, target_channels=3)
        self._pixels = 0
        self._histogram = np.zeros(_HISTOGRAM_BINS, np.int64)
        self._angles_deg: list[NDArray[np.float32]] = []
        self._sums_deg: list[float] = []
        self._within = np.zeros(len(_THRESHOLDS_DEG), np.int64)

    def result(self) -> dict[str, float | None]:
        """{"mean_angle_deg", "median_angle_deg", "within_11_25", "within_22_5", "within_30"}."""
        pixels = self._pixels
        if pixels == 0:
            return dict.fromkeys(("mean_angle_deg", "median_angle_deg", *_THRESHOLDS_DEG))
        shares = {
            name: int(count) / pixels for name, count in zip(_THRESHOLDS_DEG, self._within, strict=True)
        }
        return {
            "mean_angle_deg": math.fsum(self._sums_deg) / pixels,
            "median_angle_deg": self._median_deg(),
            **shares,
        }

    def _add_frame(self, target: Array, output: Array) -> None:
        valid = Normals.target.valid(target)
        angles = angles_between_deg(unit_vectors(target[valid]), unit_vectors(output[valid]))
        self._pixels += angles.size
        self._histogram += angle_histogram(angles, _HISTOGRAM_BINS)
        if self._pixels <= EXACT_ANGLES:
            self._angles_deg.append(angles.astype(np.float32))
        else:
            self._angles_deg.clear()
        self._sums_deg.append(float(angles.sum()))
        self._within += [np.count_nonzero(angles < limit) for limit in _THRESHOLDS_DEG.values()]

    def _median_deg(self) -> float:
        if self._pixels <= EXACT_ANGLES:
            return float(np.median(np.concatenate(self._angles_deg), overwrite_input=True))
        return float(medians_deg(self._histogram[None].astype(np.float64))[0])
