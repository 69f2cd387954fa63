"""Curves of one training for TensorBoard: loss terms and learning rate by step, the validation metrics at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edgenas.scalars import ScalarFile, open_scalars

__all__ = ["TENSORBOARD_FOLDER", "TrainingCurves", "training_curves"]

TENSORBOARD_FOLDER = "tensorboard"


@contextlib.contextmanager
def training_curves(folder: Path) -> Iterator[TrainingCurves]:
    """The curves of the training in `folder`; without TensorBoard nothing is drawn."""
    curves = TrainingCurves(open_scalars(folder / TENSORBOARD_FOLDER))
    try:
        yield curves
    finally:
        curves.close()


class TrainingCurves:
    """Draws the rows of a training's history as they come; one that goes on has them all from its checkpoint.

    Args:
        file: where to draw; None draws nothing.
    """

    def __init__(self, file: ScalarFile | None) -> None:
        self._file = file
        self._drawn = 0

    def draw(self, history: Sequence[Mapping[str, float]]) -> None:
        """Draws what was added to `history` since the last call."""
        if self._file is None or len(history) == self._drawn:
            return
        for row in history[self._drawn :]:
            values = {f"train/{name}": value for name, value in row.items() if name != "step"}
            self._file.put(int(row["step"]), values)
        self._drawn = len(history)
        self._file.flush()

    def draw_metrics(self, step: int, metrics: Mapping[str, Mapping[str, float | None]]) -> None:
        """Draws the metrics on the validation split after `step` steps."""
        if self._file is None:
            return
        for task, values in metrics.items():
            self._file.put(step, {f"{task}/{name}": value for name, value in values.items()})

    def close(self) -> None:
        """Writes what is in memory; a training that drew nothing leaves earlier curves as they are."""
        if self._file is not None and self._drawn:
            self._file.close()
