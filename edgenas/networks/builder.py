"""Builds the Keras model of an `Architecture`: stem, backbone, BiFPN, one head per task."""

from __future__ import annotations

from typing import Any

import keras

from edgenas.networks.layers import (
    FastNormalizedFusion,
    FusedBatchNormalization,
    FusedInvertedBottleneck,
    InvertedBottleneck,
    SeparableConvolution,
    Upsample2x,
)
from edgenas.space.architecture import Architecture, Head

__all__ = ["build_model"]

_BLOCKS = {"ibn": InvertedBottleneck, "fused_ibn": FusedInvertedBottleneck}


def build_model(architecture: Architecture, *, seed: int = 0, batch_size: int | None = None) -> keras.Model:
    """Builds the network with fresh weights.

    Args:
        architecture: what to build.
        seed: seed of the initial weights; the same seed gives the same weights.
        batch_size: fixes the batch dimension, e.g. 1 for export.

    Returns:
        A model from float32 images [B, H, W, 3] in [-1, 1] to {task: float32 [B, H, W, channels]} at the input's
        resolution: segmentation logits, depth in the data set's unit, normals before normalisation.
    """
    keras.utils.set_random_seed(seed)
    image = keras.Input(
        (architecture.input_height, architecture.input_width, 3), batch_size=batch_size, name="image"
    )
    pyramid = _backbone(image, architecture)
    finest = _bifpn(pyramid, architecture)
    outputs = {head.task: _head(finest, head, architecture.activation) for head in architecture.heads}
    return keras.Model(image, outputs, name=f"edgenas_{architecture.hash}")


def _backbone(image: Any, architecture: Architecture) -> list[Any]:
    """Feature maps at strides 4, 8, 16, ... ."""
    x = keras.layers.Conv2D(
        architecture.stem_width, 3, strides=2, padding="same", use_bias=False, name="stem_conv"
    )(image)
    x = FusedBatchNormalization(name="stem_bn")(x)
    x = keras.layers.ReLU(max_value=6.0 if architecture.activation == "relu6" else None, name="stem_act")(x)
    maps = []
    for s, stage in enumerate(architecture.stages, start=1):
        for b, block in enumerate(stage.blocks, start=1):
            x = _BLOCKS[block.type](
                stage.width,
                block.kernel,
                block.expansion,
                stride=2 if b == 1 else 1,
                activation=architecture.activation,
                name=f"stage{s}_block{b}",
            )(x)
        maps.append(x)
    return maps


def _bifpn(pyramid: list[Any], architecture: Architecture) -> Any:
    """Fuses the maps, finest first, and returns the finest fused map [B, H/4, W/4, fusion_width].

    Only 2x resizes and no padding: nearest-neighbour up, 2x2 max-pooling down. The last layer stops after its
    top-down half, because the heads read nothing but the finest map.
    """
    width = architecture.fusion_width
    levels = []
    for s, x in enumerate(pyramid, start=1):
        x = keras.layers.Conv2D(width, 1, padding="same", use_bias=False, name=f"lateral{s}_conv")(x)
        levels.append(FusedBatchNormalization(name=f"lateral{s}_bn")(x))

    def node(inputs: list[Any], name: str) -> Any:
        x = FastNormalizedFusion(architecture.activation, name=f"{name}_fuse")(inputs)
        return SeparableConvolution(width, name=f"{name}_conv")(x)

    for r in range(1, architecture.fusion_repeats + 1):
        down = list(levels)
        for s in range(len(levels) - 2, -1, -1):
            up = Upsample2x(name=f"fpn{r}_up{s + 1}")(down[s + 1])
            down[s] = node([levels[s], up], f"fpn{r}_td{s + 1}")
        if r == architecture.fusion_repeats:
            return down[0]
        out = [down[0]]
        for s in range(1, len(levels)):
            pooled = keras.layers.MaxPooling2D(2, name=f"fpn{r}_down{s + 1}")(out[-1])
            merged = [levels[s], down[s], pooled] if s < len(levels) - 1 else [levels[s], pooled]
            out.append(node(merged, f"fpn{r}_bu{s + 1}"))
        levels = out
    return levels[0]


def _head(x: Any, head: Head, activation: str) -> Any:
    """Separable convolutions at stride 4, a 1x1 classifier, two bilinear 2x steps to full resolution."""
    for i in range(1, head.depth + 1):
        x = SeparableConvolution(head.width, activation=activation, name=f"{head.task}_conv{i}")(x)
    x = keras.layers.Conv2D(head.channels, 1, padding="same", name=f"{head.task}_out")(x)
    x = Upsample2x("bilinear", name=f"{head.task}_up1")(x)
    return Upsample2x("bilinear", name=head.task)(x)
