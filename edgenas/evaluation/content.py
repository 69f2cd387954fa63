"""`ContentHash`: which frames and which truth an evaluation saw, whatever file or label set they came from."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ContentHash"]


class ContentHash:
    """SHA-256 over arrays in their order; the same however they are cut into batches. An observer of truth."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._form: str | None = None

    def update(self, target: NDArray[Any], output: object = None) -> None:
        """Takes in a batch [B, ...]; what a network made of it does not count."""
        if self._form is None:
            self._form = f"{target.dtype} {target.shape[1:]}"
            self._hash.update(self._form.encode())
        self._hash.update(np.ascontiguousarray(target).data)

    def short(self) -> str:
        """The first 16 digits, as fingerprints are written elsewhere."""
        return self._hash.hexdigest()[:16]
