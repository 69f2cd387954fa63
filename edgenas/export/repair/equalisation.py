"""Cross-layer equalisation: channels of very different ranges get similar ones, without changing the function.

A tensor is stored with one scale, so that a channel of small values beside one of large values keeps few steps. Where
whatever writes a tensor is linear or a ReLU, a channel can be divided by s there and multiplied by s where it is read
(Nagel et al., arXiv 1906.04721, section 4.1). The activations are what has one scale here (weights have one per
channel), so s balances the channel's activations with the weights that read it: s = sqrt(max|x| / max|w|), as in
SmoothQuant (arXiv 2211.10438, Eq. 4, alpha = 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgenas.export.repair.channels import ChannelFacts
from edgenas.export.repair.folded import IMAGE, FoldedNetwork

__all__ = ["RELU6_MARGIN", "channel_groups", "equalise"]

RELU6_MARGIN = 1.5
"""ReLU6 clips at 6 whatever the scale, so its channels are only scaled where the frames stay this factor below 6 before
and after: other frames may reach so much further and the function is still the same."""

_PASSING = ("ADD", "MUL", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR")
MOST = 16.0
"""A channel that reaches less than the median one is raised by no more than this: it is hardly ever used."""


def equalise(network: FoldedNetwork, facts: Sequence[ChannelFacts]) -> FoldedNetwork:
    """Scales the channels of every group of tensors that can be scaled.

    Args:
        network: the network.
        facts: of every part's output on real frames, see `channel_facts`.

    Returns:
        A network that computes the same, on frames whose ReLU6 channels reach no further than `RELU6_MARGIN` times
        what `facts` saw.
    """
    kernels = {number: kernel.astype(np.float64) for number, kernel in network.kernels.items()}
    biases = {number: bias.astype(np.float64) for number, bias in network.biases.items()}
    for group in channel_groups(network):
        factors = _factors(network, facts, group)
        for number in group:
            if number in kernels:
                axis = _output_axis(network, number)
                kernels[number] = kernels[number] / _along(factors, axis)
                biases[number] = biases[number] / factors
        for number in _readers(network, group):
            kernels[number] = kernels[number] * _along(factors, 2)
    return network.with_weights(
        {number: kernel.astype(np.float32) for number, kernel in kernels.items()},
        {number: bias.astype(np.float32) for number, bias in biases.items()},
    )


def channel_groups(network: FoldedNetwork) -> list[list[int]]:
    """Sets of parts whose outputs must share the scales of their channels, and may have any.

    Sums, constant factors, pooling and resizes hand the channels on, so what they join is one group. A group that
    holds an output of the network, or that reads the image without a convolution, cannot be scaled.
    """
    parent = list(range(len(network.parts)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    fixed: set[int] = set(network.outputs.values())
    for number, part in enumerate(network.parts):
        if part.type in _PASSING:
            for source in part.inputs:
                if source == IMAGE:
                    fixed.add(number)
                else:
                    parent[root(source)] = root(number)
    groups: dict[int, list[int]] = {}
    for number in range(len(network.parts)):
        groups.setdefault(root(number), []).append(number)
    frozen = {root(number) for number in fixed}
    return [
        group
        for key, group in groups.items()
        if key not in frozen and _readers(network, group) and any(n in network.kernels for n in group)
    ]


def _factors(
    network: FoldedNetwork,
    facts: Sequence[ChannelFacts],
    group: Sequence[int],
) -> NDArray[np.float64]:
    """What each channel is divided by, [channels]: relative to the widest channel of the tensors, 1 or less."""
    reach = np.max([facts[n].largest / max(float(facts[n].largest.max()), 1e-12) for n in group], axis=0)
    used = reach[reach > 0]
    if used.size == 0:
        return np.ones_like(reach)
    factors = np.maximum(reach, min(1.0 / MOST, float(np.median(used))))
    clipping = [n for n in group if network.parts[n].activation == "relu6"]
    if clipping:
        clipped = np.max([facts[n].largest for n in clipping], axis=0) * RELU6_MARGIN
        # A channel that reaches the limit keeps its scale: the limit is part of the function.
        factors = np.where(clipped > 6.0, 1.0, np.maximum(factors, clipped / 6.0))
    return np.asarray(factors, np.float64)


def _readers(network: FoldedNetwork, group: Sequence[int]) -> list[int]:
    members = set(group)
    return [n for n, part in enumerate(network.parts) if n in network.kernels and part.inputs[0] in members]


def _output_axis(network: FoldedNetwork, number: int) -> int:
    return 2 if network.parts[number].type == "DEPTHWISE_CONV_2D" else 3


def _along(factors: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    return factors.reshape([-1 if i == axis else 1 for i in range(4)])
