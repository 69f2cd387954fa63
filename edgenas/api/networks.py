"""Networks as Python objects: by name, and as Keras models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgenas.space import Architecture, SearchSpace, load_space
from edgenas.space.named import named_architecture
from edgenas.space.presets import DEFAULT_TASKS

if TYPE_CHECKING:
    import keras

__all__ = ["build_model", "load_architecture"]


def load_architecture(
    name_or_path: str | Path,
    *,
    space: str | SearchSpace = "demo",
    height: int = 96,
    width: int = 128,
    head_channels: Mapping[str, int] | None = None,
) -> Architecture:
    """An architecture by its .json file or by its name.

    Args:
        name_or_path: a file of `edgenas space sample`, "edgenas-compact-v1", or the baseline of `space`,
            "mt-edge-baseline-v1".
        space: search space of the baseline, by name, .toml file or object.
        height: rows of the input, a multiple of 32; that of a file is in the file.
        width: columns, likewise.
        head_channels: {task: output channels}; by default three tasks with the 13 classes of NYUv2.

    Raises:
        UsageError: there is no such file or name, or the size does not fit.

    Example:
        >>> import edgenas
        >>> network = edgenas.load_architecture("edgenas-compact-v1", height=64, width=96)
        >>> network.tasks
        ('depth', 'normals', 'segmentation')
        >>> edgenas.load_architecture("edgenas-compact-v2")
        Traceback (most recent call last):
        ...
        edgenas.errors.UsageError: Unknown architecture 'edgenas-compact-v2'. Did you mean 'edgenas-compact-v1' or ...
        See: edgenas space sample --help, for a .json file
    """
    channels = {"depth": 1, "normals": 3, "segmentation": 13} if head_channels is None else head_channels
    found = load_space(space, channels or DEFAULT_TASKS) if isinstance(space, str) else space
    return named_architecture(str(name_or_path), found, input_shape=(height, width), head_channels=channels)


def build_model(architecture: Architecture, *, seed: int = 0, batch_size: int | None = None) -> keras.Model:
    """The Keras model of an architecture, with fresh weights.

    Args:
        architecture: what to build.
        seed: seed of the initial weights; the same seed gives the same weights.
        batch_size: fixes the batch dimension.

    Returns:
        A model from float32 images [B, H, W, 3] in [-1, 1] to {task: float32 [B, H, W, channels]}: segmentation
        logits, depth in the unit of the data, normals before normalisation.

    Raises:
        MissingDependencyError: TensorFlow is not installed.

    Example:
        >>> import edgenas
        >>> network = edgenas.load_architecture("edgenas-compact-v1", height=64, width=96)
        >>> model = edgenas.build_model(network)
        >>> model.input_shape
        (None, 64, 96, 3)
    """
    from edgenas.runtime import start_tensorflow

    start_tensorflow()
    from edgenas.networks import build_model as build

    return build(architecture, seed=seed, batch_size=batch_size)
