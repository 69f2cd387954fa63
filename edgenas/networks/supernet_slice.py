"""Cuts one network out of a supernet's weights, as the Keras model that `build_model` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgenas.networks.builder import build_model
from edgenas.networks.layers import FusedBatchNormalization
from edgenas.networks.supernet_code import form_of
from edgenas.networks.supernet_weights import SupernetWeights, centre
from edgenas.space.architecture import Architecture

__all__ = ["load_slice"]


def load_slice(weights: SupernetWeights, architecture: Architecture, *, seed: int = 0) -> Any:
    """Builds the network with the slices of the shared weights that it uses.

    Args:
        weights: the shared weights of the network's space.
        architecture: a network of that space.
        seed: seed of what `build_model` draws before it is overwritten; changes nothing of the result.

    Returns:
        The Keras model, batch-norm statistics included.
    """
    model = build_model(architecture, seed=seed)
    forms = {
        f"stage{s}_block{b}": form_of(block)
        for s, stage in enumerate(architecture.stages, start=1)
        for b, block in enumerate(stage.blocks, start=1)
    }
    for layer in model.layers:
        form = forms.get(layer.name)
        place = layer.name if form is None else f"{layer.name}/{form}"
        if hasattr(layer, "_chain"):
            for part in layer._chain:
                _copy(weights, f"{place}/{part.name}", part)
        else:
            _copy(weights, place, layer)
    return model


def _copy(weights: SupernetWeights, name: str, layer: Any) -> None:
    parts: tuple[str, ...]
    if isinstance(layer, FusedBatchNormalization):
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
    else:
        parts = tuple(part for part in ("kernel", "bias", "weight") if f"{name}/{part}" in weights)
    for part in parts:
        variable = getattr(layer, part)
        full = weights[f"{name}/{part}"].numpy()
        kernel = full.ndim == 4
        taken = centre(full, int(variable.shape[0])) if kernel else full
        variable.assign(np.ascontiguousarray(taken[tuple(slice(size) for size in variable.shape)]))
