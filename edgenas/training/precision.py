"""Mixed precision: convolutions in 16 bits, weights and losses in 32; the loss scale that float16 needs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras

__all__ = ["LossScale", "precision"]

_FIRST_SCALE = 2.0**15
_LARGEST_SCALE = 2.0**24
_GROW_AFTER = 2000


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Within this context layers are made to compute in "float32", "bfloat16" or "float16"; weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if name == "float32" else f"mixed_{name}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class LossScale:
    """Factor on the loss under which small float16 gradients do not vanish (arXiv 1710.03740, section 3.2).

    Halved after a step whose gradients are not finite, which is left out; doubled after 2,000 good steps in a row. For
    any other precision than float16 it is always 1.

    Args:
        name: the precision.
    """

    def __init__(self, name: str) -> None:
        self._dynamic = name == "float16"
        self.value = _FIRST_SCALE if self._dynamic else 1.0
        self._good = 0

    def told(self, finite: bool) -> bool:
        """Takes notice of a step; False where nothing can be halved any more: the training has diverged."""
        if not self._dynamic:
            return finite
        if not finite:
            self.value, self._good = self.value / 2.0, 0
            return self.value >= 1.0
        self._good += 1
        if self._good >= _GROW_AFTER:
            self.value, self._good = min(self.value * 2.0, _LARGEST_SCALE), 0
        return True

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; JSON-ready."""
        return {"value": self.value, "good": self._good} if self._dynamic else {}

    def take(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` gave."""
        if self._dynamic and state:
            self.value, self._good = float(state["value"]), int(state["good"])
