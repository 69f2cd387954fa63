"""`prepare_ground`: the float network with equal channel ranges, from which integer files are made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgenas.datasets.dataset import evenly_spread
from edgenas.export.engines.tensorflow import to_tflite
from edgenas.export.repair.channels import channel_facts
from edgenas.export.repair.equalisation import equalise
from edgenas.export.repair.folded import FoldedNetwork, UnknownPartError, fold
from edgenas.export.repair.keras_network import keras_network
from edgenas.export.repair.state import Ground

__all__ = ["Ground", "ground_of", "prepare_ground"]

_FRAMES = 64


def prepare_ground(model: Any, float_file: bytes, frames: NDArray[np.uint8]) -> Ground:
    """Folds a network and equalises its channels; a network of unknown operators stays as it is.

    Args:
        model: Keras model.
        float_file: its float32 file.
        frames: calibration frames, uint8 [N, H, W, 3]: the activations of `_FRAMES` of them set the factors.
    """
    try:
        network = fold(float_file)
    except UnknownPartError as error:
        return Ground(model, float_file, None, str(error))
    seen = frames[evenly_spread(min(_FRAMES, len(frames)), len(frames))]
    return ground_of(equalise(network, channel_facts(float_file, seen)))


def ground_of(network: FoldedNetwork) -> Ground:
    """The Keras model and the float32 file of a folded network."""
    model = keras_network(network)
    return Ground(model, to_tflite(model, format="float32"), network)
