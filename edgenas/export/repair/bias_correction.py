"""Bias correction: what int8 shifts on average per channel is taken out of the biases, inside the finished file.

Rounded weights and clipped activations shift the mean of a channel; a head that answers with numbers (depth, normals)
passes the shift on to every pixel (Nagel et al., arXiv 1906.04721, section 4.2, the empirical variant). Scales and
weights stay as they are, so that the latency does not change.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgenas.export.flat_file import FileOperator, FlatFile
from edgenas.export.repair.channels import ChannelFacts, channel_facts

__all__ = ["correct_biases"]

_ROUNDS = 4


def correct_biases(
    float_file: bytes, int8_file: bytes, images: NDArray[np.uint8], *, rounds: int = _ROUNDS
) -> bytes:
    """Shifts the biases of the int8 file until the means of its channels are those of the float file.

    Convolutions with a linear output are corrected, a part of the network per round from the image to the heads: what
    stands before an operator is right by then. Behind a ReLU a shift of the mean has no one bias that undoes it.

    Args:
        float_file: the float32 file of the same weights.
        int8_file: the file to correct.
        images: training frames, uint8 [N, H, W, 3].
        rounds: parts of the network.

    Returns:
        The corrected file.
    """
    wanted = channel_facts(float_file, images)
    data = int8_file
    places = [i for i, op in enumerate(FlatFile(int8_file).computing) if _is_linear(op)]
    for part in np.array_split(np.array(places, np.int64), max(1, min(rounds, len(places)))):
        data = _shifted(data, wanted, channel_facts(data, images), [int(i) for i in part])
    return data


def _is_linear(op: FileOperator) -> bool:
    return op.type in ("CONV_2D", "DEPTHWISE_CONV_2D") and op.activation == "none" and len(op.inputs) > 2


def _shifted(data: bytes, wanted: list[ChannelFacts], found: list[ChannelFacts], places: list[int]) -> bytes:
    """The file with the biases of some operators moved by what their outputs miss and their inputs do not explain."""
    file = FlatFile(data)
    operators = file.computing
    writer = {op.output: i for i, op in enumerate(operators)}
    for i in places:
        op = operators[i]
        miss = wanted[i].mean - found[i].mean
        source = writer.get(op.inputs[0])
        # Corrected in this round too: what it passes on is taken out there, not here.
        if source is not None and source in places:
            miss = miss - _passed_on(file, op, wanted[source].mean - found[source].mean)
        scales, _ = file.scales(op.inputs[2])
        bias = file.array(op.inputs[2])
        limits = np.iinfo(bias.dtype)
        moved = bias.astype(np.float64) + np.rint(miss / scales)
        file.set_array(op.inputs[2], np.clip(moved, limits.min, limits.max).astype(bias.dtype))
    return file.to_bytes()


def _passed_on(file: FlatFile, op: FileOperator, shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean that a convolution makes of a shift of its input's channels, borders aside."""
    stored = file.array(op.inputs[1]).astype(np.float64)
    scales, _ = file.scales(op.inputs[1])
    if op.type == "DEPTHWISE_CONV_2D":
        return np.asarray(stored.sum((0, 1, 2)) * scales * shift)
    return np.asarray((stored.sum((1, 2)) @ shift) * scales)
