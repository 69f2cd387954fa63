"""`Target`: how the truth of a task is stored, checked and transformed, wherever that happens.

Three forms of the truth:

- stored: the compact array of archives, caches and prepared folders, [..., H, W] or [..., H, W, channels];
- truth: what `Frame` and metrics hold, the values of the task's unit in NumPy;
- tensor: what losses take, [B, H, W] int32 for labels, [B, H, W, channels] float32 for everything else.

Targets are never interpolated: a crop, a zoom or another size takes the nearest pixel, so that no value is ever mixed
from two surfaces. What a transformation does to the values themselves is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.errors import UsageError

__all__ = ["Target"]

Array = NDArray[Any]
Tensor = Any  # a TensorFlow tensor; TensorFlow is imported only where one is made


@dataclass(frozen=True, kw_only=True)
class Target:
    """The truth of one task. A task with plain labels or plain values needs no more than these attributes.

    Attributes:
        key: name of the array in an archive or a prepared folder.
        dtype: dtype of the stored form. A whole-number dtype means labels, unless the target has channels; a
            floating-point one means values.
        channels: length of the last axis of the stored form; 0 where a frame is [H, W].
        invalid: stored value of a pixel without truth, in every channel.
        accepted: further dtypes in which an archive may hold the array; it is then kept in them.
        mirror: factor of each channel when a frame is flipped left to right; () where nothing changes.
    """

    key: str
    dtype: str
    channels: int = 0
    invalid: float = 0
    accepted: tuple[str, ...] = ()
    mirror: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        try:
            kind: str = np.dtype(self.dtype).kind
        except TypeError:
            kind = "?"
        if kind not in "iuf":
            raise UsageError(
                f"Invalid value for `dtype` of the target {self.key!r}. Expected a NumPy number type such as 'uint8' "
                f"or 'float16'. Received {self.dtype!r}."
            )
        if not self.key.isidentifier() or self.key == "image":
            raise UsageError(
                f"Invalid value for `key` of a target. Expected a name such as 'edges'. Received {self.key!r}."
            )
        if self.channels < 0 or (self.mirror and len(self.mirror) != self.channels):
            raise UsageError(
                f"Invalid value for `channels` or `mirror` of the target {self.key!r}. Expected 0 or more channels and "
                f"one factor for each. Received {self.channels} channels and the factors {self.mirror}."
            )
        if kind != "f" and not (
            float(self.invalid).is_integer()
            and np.iinfo(self.dtype).min <= self.invalid <= np.iinfo(self.dtype).max
        ):
            raise UsageError(
                f"Invalid value for `invalid` of the target {self.key!r}. Expected a value of {self.dtype}. "
                f"Received {self.invalid!r}."
            )

    @property
    def is_labels(self) -> bool:
        """Whether the truth is a class label per pixel rather than a value."""
        return self.channels == 0 and np.dtype(self.dtype).kind in "iu"

    def find_key(self, keys: Iterable[str], wanted: str = "") -> str | None:
        """Which of an archive's arrays holds this target.

        Args:
            keys: names of the arrays.
            wanted: label set that the user asks for (`file.npz#seg40`); "" for none. Only segmentation has several.

        Returns:
            Its name; None where the archive has none.
        """
        del wanted
        return self.key if self.key in keys else None

    def encode(self, values: Array) -> Array:
        """Truth to stored."""
        stored: Array = np.asarray(values)
        if np.dtype(self.dtype).kind in "iu" and stored.dtype.kind == "f":
            stored = np.rint(stored)
        return stored.astype(self.dtype)

    def decode(self, stored: Array) -> Array:
        """Stored to truth, of one frame or of many."""
        return stored if self.is_labels else stored.astype(np.float32)

    def valid(self, values: Array) -> NDArray[np.bool_]:
        """Which pixels of a truth [..., H, W(, channels)] count in losses and metrics: bool [..., H, W]."""
        values = np.asarray(values)
        known = values != self.invalid
        if values.dtype.kind == "f":
            known &= np.isfinite(values)
        mask: NDArray[np.bool_] = known.any(axis=-1) if self.channels else known
        return mask

    def wrong(self, stored: Array, key: str) -> tuple[NDArray[np.bool_], str] | None:
        """Which pixels of a stored array hold what would train nonsense.

        Args:
            stored: [N, H, W(, channels)].
            key: the name under which it was found, see `find_key`.

        Returns:
            (bool [N, H, W], what is expected in words); None where every value is possible.
        """
        if stored.dtype.kind != "f":
            return None
        infinite: Any = np.logical_not(np.isfinite(stored))
        wrong: NDArray[np.bool_] = infinite.any(axis=-1) if self.channels else infinite
        return wrong, "finite numbers"

    def tensor(self, stored: Tensor) -> Tensor:
        """Stored, as a tensor [B, H, W(, channels)], to the form that losses take."""
        import tensorflow as tf

        if self.is_labels:
            return tf.cast(stored, tf.int32)
        values = tf.cast(stored, tf.float32)
        return values if self.channels else values[..., None]

    def flipped(self, target: Tensor, flip: Tensor) -> Tensor:
        """What a flip left to right does to the values; the pixels have changed places already.

        Args:
            target: in the form of `tensor`.
            flip: bool [B], which frames are flipped.
        """
        import tensorflow as tf

        if not self.mirror or all(factor == 1.0 for factor in self.mirror):
            return target
        factors = tf.where(flip[:, None], [list(self.mirror)], [[1.0] * len(self.mirror)])
        return target * factors[:, None, None, :]

    def zoomed(self, target: Tensor, scale: Tensor, depth_unit: str) -> Tensor:
        """What a zoom does to the values: by 2 everything looks as if the camera had twice the focal length.

        Args:
            target: in the form of `tensor`.
            scale: float32 [B].
            depth_unit: "m" or "1/m", that of the data set.
        """
        del scale, depth_unit
        return target
