"""Validation metrics of networks with weights inherited from a supernet, and the file that holds those weights."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.datasets import Dataset
from edgenas.errors import UsageError
from edgenas.evaluation import Metrics, evaluate_outputs
from edgenas.networks.supernet import Supernet
from edgenas.space.architecture import Architecture
from edgenas.storage import atomic_path

__all__ = ["SupernetScorer", "read_weights", "save_weights", "take_weights"]

_ADVICE = "Delete it and resume the search to have the supernet trained again."


class SupernetScorer:
    """Scores networks one after another; a new one costs two forward passes and no compilation.

    Args:
        supernet: trained shared weights.
        train_set: where the calibration frames come from: evenly spread, as stored, without their labels.
        validation_set: frames to score on; they never touch the batch-norm statistics.
        calibration_frames: how many; all there are where there are fewer.
    """

    def __init__(
        self, supernet: Supernet, train_set: Dataset, validation_set: Dataset, *, calibration_frames: int = 64
    ) -> None:
        self.supernet = supernet
        self._validation_set = validation_set
        count = min(calibration_frames, len(train_set))
        indices = np.arange(count) * len(train_set) // count
        self._images = train_set.arrays([int(i) for i in indices])["image"]

    def score(self, architecture: Architecture) -> tuple[Metrics, dict[str, float]]:
        """Metrics as `evaluate_outputs` gives them, and the seconds that recalibration and evaluation took.

        Raises:
            NonFiniteOutputError: the inherited weights gave NaN or infinity.
            UsageError: the network is not of the supernet's space.
        """
        began = time.monotonic()
        self.supernet.calibrate(self._images, architecture)
        calibrated = time.monotonic()
        metrics = evaluate_outputs(
            lambda images: self.supernet.infer(images, architecture),
            self._validation_set,
            architecture.tasks,
        )
        return metrics, {"calibrate": calibrated - began, "evaluate": time.monotonic() - calibrated}

    def inherited(self, architecture: Architecture, *, seed: int = 0) -> Any:
        """The Keras model of a network with inherited weights and its own batch-norm statistics."""
        self.supernet.calibrate(self._images, architecture)
        return self.supernet.load_slice(architecture, seed=seed)


def save_weights(path: Path, supernet: Supernet) -> None:
    """Writes the trainable shared weights as .npz, by name, in one step."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        space = np.array(supernet.code.space.hash)
        np.savez(file, space=space, **supernet.weights.arrays())  # type: ignore[arg-type]


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Reads what `save_weights` wrote, without looking whether it fits.

    Raises:
        UsageError: the file is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise UsageError(f"No supernet weights at {path}: the file does not exist.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"The supernet weights {path} cannot be read: {error}. {_ADVICE}") from error


def take_weights(arrays: Mapping[str, np.ndarray], supernet: Supernet, source: str) -> None:
    """Gives a supernet the weights that were read.

    Raises:
        UsageError: they are of another space; `source` names them.
    """
    space = str(arrays.get("space", "unknown"))
    if space != supernet.code.space.hash:
        raise UsageError(
            f"The supernet weights {source} are of search space {space}. Expected {supernet.code.space.hash}. "
            f"{_ADVICE}"
        )
    supernet.weights.assign({name: array for name, array in arrays.items() if name != "space"})
