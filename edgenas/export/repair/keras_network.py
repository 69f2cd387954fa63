"""`keras_network`: a folded network as a Keras model, with fake-quantisation layers where it is to be trained."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from edgenas.export.repair.folded import IMAGE, FoldedNetwork, Part

__all__ = ["ActivationRange", "FakeQuantisation", "FoldedConvolution", "keras_network", "weights_of"]

_STEPS = 127.0
"""Largest int8 weight: they are symmetric, from -127 to 127."""


@dataclass(frozen=True)
class ActivationRange:
    """How int8 stores a tensor: real value = scale * (number - zero point), numbers from -128 to 127.

    Attributes:
        scale: of a step.
        zero_point: number of the real value 0.
    """

    scale: float
    zero_point: int


class FakeQuantisation(keras.layers.Layer):
    """Rounds activations to the values that int8 has; gradients pass as if it did not, but not beyond the range.

    The straight-through estimator of quantisation-aware training (Jacob et al., arXiv 1712.05877, section 3).
    """

    def __init__(self, scale: float, zero_point: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale, self.zero_point = scale, zero_point

    def call(self, inputs: Any) -> Any:
        """[B, H, W, C], rounded."""
        low, high = ((n - self.zero_point) * self.scale for n in (-128, 127))
        clipped = tf.clip_by_value(inputs, low, high)
        return clipped + tf.stop_gradient(tf.round(clipped / self.scale) * self.scale - clipped)


class FoldedConvolution(keras.layers.Layer):
    """A convolution with its bias and activation, its kernel rounded to int8 per channel where `quantised`."""

    def __init__(
        self,
        kernel_shape: tuple[int, ...],
        stride: tuple[int, int],
        same: bool,
        activation: str,
        depthwise: bool,
        quantised: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_shape, self.stride, self.same = tuple(kernel_shape), tuple(stride), same
        self.activation, self.depthwise, self.quantised = activation, depthwise, quantised

    def build(self, input_shape: Any) -> None:
        """Kernel [kh, kw, in, out] (depthwise: [kh, kw, channels, 1]) and bias [out]."""
        del input_shape
        channels = self.kernel_shape[2 if self.depthwise else 3]
        self.kernel = self.add_weight(shape=self.kernel_shape, initializer="zeros", name="kernel")
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """[B, H, W, in] to [B, H', W', out]."""
        kernel = self.kernel.value
        if self.quantised:
            kernel = _rounded_kernel(kernel, (0, 1, 3) if self.depthwise else (0, 1, 2))
        strides, padding = (1, *self.stride, 1), "SAME" if self.same else "VALID"
        convolve = tf.nn.depthwise_conv2d if self.depthwise else tf.nn.conv2d
        return _activated(
            tf.nn.bias_add(convolve(inputs, kernel, strides, padding), self.bias.value), self.activation
        )


class FoldedOperator(keras.layers.Layer):
    """A sum, a constant factor, pooling or a resize."""

    def __init__(self, part: Part, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    def call(self, inputs: Any) -> Any:
        """A tensor, or a list of two for a sum."""
        part = self.part
        if part.type == "ADD":
            return _activated(inputs[0] + inputs[1], part.activation)
        if part.type == "MUL":
            return _activated(inputs * tf.constant(part.factor, tf.float32), part.activation)
        if part.type == "MAX_POOL_2D":
            return tf.nn.max_pool2d(inputs, part.size, part.stride, "SAME" if part.same else "VALID")
        nearest = part.type == "RESIZE_NEAREST_NEIGHBOR"
        resize = tf.raw_ops.ResizeNearestNeighbor if nearest else tf.raw_ops.ResizeBilinear
        return resize(images=inputs, size=part.size, align_corners=False, half_pixel_centers=False)


def keras_network(network: FoldedNetwork, ranges: Mapping[int, ActivationRange] | None = None) -> keras.Model:
    """Builds the model, from images [B, H, W, 3] in [-1, 1] to {head: [B, H, W, channels]}.

    Args:
        network: the network.
        ranges: of the image (-1) and of every part's output: the model then computes what the int8 file computes, up
            to the rounding of its accumulators. None for the float network.
    """
    image = keras.Input(network.input_shape, name="image")

    def stored(x: Any, number: int) -> Any:
        if ranges is None or number not in ranges:
            return x
        found = ranges[number]
        return FakeQuantisation(found.scale, found.zero_point, name=f"quantised_{number + 1}")(x)

    tensors: dict[int, Any] = {IMAGE: stored(image, IMAGE)}
    layers: dict[int, FoldedConvolution] = {}
    for number, part in enumerate(network.parts):
        sources = [tensors[i] for i in part.inputs]
        if number in network.kernels:
            layers[number] = FoldedConvolution(
                network.kernels[number].shape, part.stride, part.same, part.activation,
                part.type == "DEPTHWISE_CONV_2D", ranges is not None, name=_layer_name(network, number),
            )  # fmt: skip
            x = layers[number](sources[0])
        else:
            x = FoldedOperator(part, name=_layer_name(network, number))(
                sources if len(sources) > 1 else sources[0]
            )
        tensors[number] = stored(x, number)
    model = keras.Model(image, {head: tensors[n] for head, n in network.outputs.items()}, name="network")
    for number, layer in layers.items():
        layer.kernel.assign(network.kernels[number])
        layer.bias.assign(network.biases[number])
    return model


def weights_of(model: keras.Model, network: FoldedNetwork) -> FoldedNetwork:
    """The network with the weights that the model has now."""
    layers = {number: model.get_layer(_layer_name(network, number)) for number in network.kernels}
    return network.with_weights(
        {number: np.asarray(layer.kernel.numpy()) for number, layer in layers.items()},
        {number: np.asarray(layer.bias.numpy()) for number, layer in layers.items()},
    )


def _layer_name(network: FoldedNetwork, number: int) -> str:
    """Of the part's name, so that files show where an operator comes from; unique by its number."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', network.parts[number].name)}_{number}"


def _activated(x: Any, activation: str) -> Any:
    return {"none": lambda t: t, "relu": tf.nn.relu, "relu6": tf.nn.relu6}[activation](x)


def _rounded_kernel(kernel: Any, axes: tuple[int, ...]) -> Any:
    """Symmetric int8 per output channel, as converters do; the gradient passes unchanged."""
    scale = tf.maximum(tf.reduce_max(tf.abs(kernel), axes, keepdims=True), 1e-12) / _STEPS
    return kernel + tf.stop_gradient(tf.round(kernel / scale) * scale - kernel)
