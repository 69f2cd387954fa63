"""Equal ranges of the channels of linear tensors, before integers are made of them.

Where a convolution or batch norm is followed by nothing but numbers and then by convolutions, channel c may be scaled
up by s_c in front and down by 1 / s_c behind: the network computes the same. An int8 tensor has one scale for all its
channels; where their ranges differ, the narrow ones get few of its 256 steps. Such tensors are, in networks of
`edgenas.networks`: what is between a depthwise and its pointwise convolution, the narrow ends of the bottlenecks of a
stage (residual sums included), and the map that the heads read. Source of the idea: Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.1 (arXiv 1906.04721), which goes by the ranges
of weights; here those of the activations are known from real frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["MOST", "equalised"]

MOST = 16.0
"""Largest factor: a channel that is hardly ever used needs no steps."""

_FRAMES = 64
_BATCH = 16


@dataclass
class _Group:
    """Linear tensors that share their factors.

    Attributes:
        name: layer where they begin.
        tensors: them, for their ranges: a tensor as Keras has it, and what is still applied to it, or None.
        raised: weights with the axis of their channels, to be multiplied.
        lowered: the same, to be divided.
    """

    name: str
    tensors: list[tuple[Any, Any]] = field(default_factory=list)
    raised: list[tuple[Any, int]] = field(default_factory=list)
    lowered: list[tuple[Any, int]] = field(default_factory=list)


@contextlib.contextmanager
def equalised(model: Any, images: Sequence[np.ndarray]) -> Iterator[Mapping[str, float]]:
    """Scales the weights of a Keras model inside the `with` block; afterwards they are as they were.

    Args:
        model: a model of `edgenas.networks.build_model`. Nothing is done to one of other layers.
        images: frames [1, H, W, 3] float32 as the network sees them; 64 of them, evenly spread, set the ranges.

    Yields:
        {layer: largest factor of its channels, 1 to `MOST`}.
    """
    groups = _groups(model)
    kept: list[tuple[Any, np.ndarray]] = []
    found: dict[str, float] = {}
    try:
        for group, peak in zip(groups, _peaks(model, groups, images), strict=True):
            factors = np.clip(1.0 / np.maximum(peak, 1.0 / MOST), 1.0, MOST).astype(np.float32)
            found[group.name] = float(factors.max())
            for weights, sign in ((group.raised, 1), (group.lowered, -1)):
                for weight, axis in weights:
                    values = weight.numpy()
                    kept.append((weight, values))
                    shape = [-1 if i == axis else 1 for i in range(values.ndim)]
                    weight.assign(values * (factors**sign).reshape(shape))
        yield found
    finally:
        for weight, values in reversed(kept):
            weight.assign(values)


def _peaks(model: Any, groups: Sequence[_Group], images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Largest value of every channel of each group, relative to the largest of its tensor."""
    import keras

    if not groups or not len(images):
        return [np.ones(1) for _ in groups]
    tensors = [tensor for group in groups for tensor in group.tensors]
    inner = keras.Model(model.input, [tensor for tensor, _ in tensors])
    places = np.unique(np.linspace(0, len(images) - 1, min(_FRAMES, len(images))).astype(int))
    largest = [np.zeros(tensor.shape[-1]) for tensor, _ in tensors]
    for start in range(0, len(places), _BATCH):
        batch = np.concatenate([images[place] for place in places[start : start + _BATCH]])
        for number, values in enumerate(inner(batch, training=False)):
            apply = tensors[number][1]
            seen = np.asarray(values if apply is None else apply(values))
            largest[number] = np.maximum(largest[number], np.abs(seen).max(axis=(0, 1, 2)))
    relative = iter([peak / max(float(peak.max()), 1e-12) for peak in largest])
    return [np.max([next(relative) for _ in group.tensors], axis=0) for group in groups]


def _groups(model: Any) -> list[_Group]:
    from edgenas.networks.layers import Bottleneck, SeparableConvolution

    groups: list[_Group] = []
    grown: dict[int, _Group] = {}
    for layer in model.layers:
        if isinstance(layer, SeparableConvolution):
            depthwise, pointwise = layer.chain[:2]
            inside = _Group(f"{layer.name}/depthwise", [(layer.input, depthwise)])
            inside.raised, inside.lowered = [(depthwise.kernel, 2)], [(pointwise.kernel, 2)]
            groups.append(inside)
        ends_linear = isinstance(layer, Bottleneck) or (
            isinstance(layer, SeparableConvolution) and layer.activation is None
        )
        if not ends_linear:
            continue
        joined = getattr(layer, "residual", False) and id(layer.input) in grown
        group = grown[id(layer.input)] if joined else _Group(layer.name)
        group.tensors.append((layer.output, None))
        norm = layer.chain[-1]
        group.raised += [(norm.gamma, 0), (norm.beta, 0)]
        grown[id(layer.output)] = group
        if not joined:
            groups.append(group)
    for group in list(groups):
        if "/" not in group.name:
            readers = [_kernel(reader) for tensor, _ in group.tensors for reader in _readers(model, tensor)]
            known = [kernel for kernel in readers if kernel is not None]
            group.lowered = [(kernel, 2) for kernel in known]
            if len(known) < len(readers) or not known:
                groups.remove(group)
    return groups


def _readers(model: Any, tensor: Any) -> list[Any]:
    """Layers that take a tensor."""
    import keras

    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    taken = [(layer, layer.input if isinstance(layer.input, list) else [layer.input]) for layer in layers]
    return [layer for layer, inputs in taken if any(one is tensor for one in inputs)]


def _kernel(layer: Any) -> Any:
    """The kernel that a layer multiplies its input's channels with first; None where it does not."""
    import keras

    from edgenas.networks.layers import Bottleneck, SeparableConvolution

    first = layer.chain[0] if isinstance(layer, (Bottleneck, SeparableConvolution)) else layer
    return first.kernel if isinstance(first, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)) else None
