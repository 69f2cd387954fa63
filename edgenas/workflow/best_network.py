"""`BestNetwork`: the best network of a training by its metrics on the validation split, kept as a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgenas.errors import EdgenasError
from edgenas.scoring import quality
from edgenas.storage import atomic_path, write_bytes_atomic

__all__ = ["BEST_FILE", "BestNetwork"]

BEST_FILE = "best.keras"
Metrics = dict[str, dict[str, float | None]]


class BestNetwork:
    """Holds the better of what it is offered: declared as that with the higher quality (Eq. 6, 7) against the other.

    Args:
        folder: receives `BEST_FILE` while the training goes on.
        earlier: {step: metrics} that were offered in earlier sessions.

    Attributes:
        step: step of the best one so far, 0 before the first.
        metrics: its metrics.
    """

    def __init__(self, folder: Path, earlier: Mapping[int, Metrics]) -> None:
        self._path = folder / BEST_FILE
        self.step, self.metrics = 0, Metrics()
        for step, metrics in sorted(earlier.items()):
            if self._better(metrics):
                self.step, self.metrics = step, metrics

    def offer(self, step: int, model: Any, metrics: Metrics) -> None:
        """Keeps the network where it is better than the best so far; its file is written before anything else is."""
        if not self._better(metrics):
            return
        with atomic_path(self._path) as temporary:
            model.save(temporary)
        self.step, self.metrics = step, metrics

    def take(self, to: Path) -> None:
        """Copies the file of the best network.

        Raises:
            EdgenasError: the file has gone.
        """
        if not self._path.exists():
            raise EdgenasError(
                f"{self._path}, the best network of step {self.step}, is missing. Add --restart to train again."
            )
        write_bytes_atomic(to, self._path.read_bytes())

    def forget(self) -> None:
        """Removes the file, once all else is written."""
        self._path.unlink(missing_ok=True)

    def _better(self, metrics: Metrics) -> bool:
        return not self.step or quality(metrics, self.metrics) > 1.0
