"""Keras layers of the space: the two block types, 2x resizes, fast normalised fusion, separable convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

__all__ = [
    "BATCH_NORM_MOMENTUM",
    "Bottleneck",
    "FastNormalizedFusion",
    "FusedBatchNormalization",
    "FusedInvertedBottleneck",
    "InvertedBottleneck",
    "SeparableConvolution",
    "Upsample2x",
]

# Keras' default of 0.99 leaves the moving statistics of a network trained for a few hundred steps far behind its
# weights: in inference it then scores like the majority class. 0.9 follows within some tens of steps.
BATCH_NORM_MOMENTUM = 0.9
_PACKAGE = "edgenas"


@keras.saving.register_keras_serializable(_PACKAGE)
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of NHWC maps through TensorFlow's fused kernel.

    Same numbers as `keras.layers.BatchNormalization`, which decomposes into about ten operators on TensorFlow:
    slower to trace and to run. The moving variance is the unbiased one of the fused kernel.
    """

    def __init__(self, momentum: float = BATCH_NORM_MOMENTUM, **kwargs: Any) -> None:
        super().__init__(momentum=momentum, **kwargs)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalises [B, H, W, C]; updates the moving statistics where `training`.

        On several devices the statistics are those of the whole batch.
        """
        # In mixed precision the inputs have 16 bits, and all else of a normalisation has 32.
        gamma, beta = (tf.cast(v.value, tf.float32) for v in (self.gamma, self.beta))
        if training and tf.distribute.get_strategy().num_replicas_in_sync > 1:
            mean, variance = _statistics_of_all(inputs)
            normalised, moving_variance = (
                tf.cast(
                    tf.nn.batch_normalization(
                        tf.cast(inputs, tf.float32), mean, variance, beta, gamma, self.epsilon
                    ),
                    inputs.dtype,
                ),
                variance * _unbiased(inputs),
            )
        else:
            normalised, mean, moving_variance = tf.compat.v1.nn.fused_batch_norm(
                inputs,
                gamma,
                beta,
                mean=None if training else self.moving_mean.value,
                variance=None if training else self.moving_variance.value,
                epsilon=self.epsilon,
                is_training=bool(training),
            )
        if training:
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, moving_variance)):
                # The raw operation: on several devices each updates its own copy, all in the same way.
                change = (moving.value - batch) * (1.0 - self.momentum)
                tf.raw_ops.AssignSubVariableOp(resource=moving.value.handle, value=change)
        return normalised


def _statistics_of_all(inputs: Any) -> tuple[Any, Any]:
    """Mean and variance [C] over the batches of all devices, inside a step on each of them."""
    values = tf.cast(inputs, tf.float32)
    moments = [tf.reduce_mean(values, (0, 1, 2)), tf.reduce_mean(tf.square(values), (0, 1, 2))]
    mean, square = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, moments)
    return mean, tf.maximum(square - tf.square(mean), 0.0)


def _unbiased(inputs: Any) -> Any:
    """n / (n - 1) of the pixels on all devices, as the fused kernel has it."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    count = tf.cast(replicas * tf.reduce_prod(tf.shape(inputs)[:3]), tf.float32)
    return count / tf.maximum(count - 1.0, 1.0)


class _Composite(keras.layers.Layer):
    """A layer made of a chain of sublayers `self._chain`, built in order."""

    def _make_chain(self, layers: Sequence[keras.layers.Layer]) -> None:
        self._chain = list(layers)

    def build(self, input_shape: Any) -> None:
        """Builds the chain for inputs [B, H, W, C]."""
        shape = input_shape
        for layer in self._chain:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    @property
    def chain(self) -> tuple[keras.layers.Layer, ...]:
        """The sublayers, in their order."""
        return tuple(self._chain)

    def _run_chain(self, inputs: Any, training: bool | None) -> Any:
        x = inputs
        for layer in self._chain:
            x = layer(x, training=training) if isinstance(layer, FusedBatchNormalization) else layer(x)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        """[B, H, W, C] after the chain."""
        shape = input_shape
        for layer in self._chain:
            shape = layer.compute_output_shape(shape)
        return shape


def _conv(filters: int, kernel: int, stride: int, name: str) -> keras.layers.Layer:
    return keras.layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=name)


def _activation(name: str) -> keras.layers.Layer:
    return keras.layers.ReLU(max_value=6.0 if name == "relu6" else None, name=name)


class Bottleneck(_Composite):
    """What both block types share: configuration, and the residual where stride is 1 and widths agree."""

    def __init__(
        self,
        filters: int,
        kernel: int,
        expansion: int,
        stride: int = 1,
        activation: str = "relu6",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters, self.kernel, self.expansion = filters, kernel, expansion
        self.stride, self.activation = stride, activation

    def build(self, input_shape: Any) -> None:
        """Makes the sublayers once the input width is known."""
        self._make_chain(self._layers_for(int(input_shape[-1])))
        self.residual = self.stride == 1 and int(input_shape[-1]) == self.filters
        super().build(input_shape)

    def _layers_for(self, width: int) -> list[keras.layers.Layer]:
        raise AttributeError(f"{type(self).__name__} does not say which layers it is made of")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """[B, H, W, C] to [B, ceil(H/stride), ceil(W/stride), filters]."""
        outputs = self._run_chain(inputs, training)
        return outputs + inputs if self.residual else outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """[B, ceil(H/stride), ceil(W/stride), filters]."""
        batch, height, width, _ = input_shape
        return (batch, -(-height // self.stride), -(-width // self.stride), self.filters)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel": self.kernel,
            "expansion": self.expansion,
            "stride": self.stride,
            "activation": self.activation,
        }


@keras.saving.register_keras_serializable(_PACKAGE)
class InvertedBottleneck(Bottleneck):
    """IBN (paper, Figure 4): 1x1 expansion (none at ratio 1), kxk depthwise with the stride, 1x1 projection."""

    def _layers_for(self, width: int) -> list[keras.layers.Layer]:
        layers: list[keras.layers.Layer] = []
        if self.expansion > 1:
            layers += [
                _conv(width * self.expansion, 1, 1, "expand"),
                FusedBatchNormalization(name="expand_bn"),
                _activation(self.activation),
            ]
        depthwise = keras.layers.DepthwiseConv2D(
            self.kernel, strides=self.stride, padding="same", use_bias=False, name="depthwise"
        )
        return [
            *layers,
            depthwise,
            FusedBatchNormalization(name="depthwise_bn"),
            _activation(self.activation),
            _conv(self.filters, 1, 1, "project"),
            FusedBatchNormalization(name="project_bn"),
        ]


@keras.saving.register_keras_serializable(_PACKAGE)
class FusedInvertedBottleneck(Bottleneck):
    """Fused-IBN (paper, Figure 4): kxk full convolution to the expanded width with the stride, 1x1 projection."""

    def _layers_for(self, width: int) -> list[keras.layers.Layer]:
        return [
            _conv(width * self.expansion, self.kernel, self.stride, "expand"),
            FusedBatchNormalization(name="expand_bn"),
            _activation(self.activation),
            _conv(self.filters, 1, 1, "project"),
            FusedBatchNormalization(name="project_bn"),
        ]


@keras.saving.register_keras_serializable(_PACKAGE)
class SeparableConvolution(_Composite):
    """3x3 depthwise, 1x1 pointwise, batch norm and, if asked, an activation."""

    def __init__(self, filters: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters, self.activation = filters, activation
        last = [] if activation is None else [_activation(activation)]
        depthwise = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")
        norm = FusedBatchNormalization(name="bn")
        self._make_chain([depthwise, _conv(filters, 1, 1, "pointwise"), norm, *last])

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """[B, H, W, C] to [B, H, W, filters]."""
        return self._run_chain(inputs, training)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "filters": self.filters, "activation": self.activation}


@keras.saving.register_keras_serializable(_PACKAGE)
class Upsample2x(keras.layers.Layer):
    """Doubles height and width with the resize versions that the Edge TPU compiler accepts.

    Neither `align_corners` nor `half_pixel_centers` (operator version 1): `UpSampling2D` asks for half-pixel
    centres, which make version 3 of RESIZE_BILINEAR and are refused.
    """

    def __init__(self, interpolation: str = "nearest", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if interpolation not in ("nearest", "bilinear"):
            raise ValueError(
                "Invalid value for argument `interpolation`. Expected 'nearest' or 'bilinear'. "
                f"Received {interpolation!r}."
            )
        self.interpolation = interpolation

    def call(self, inputs: Any) -> Any:
        """[B, H, W, C] to [B, 2H, 2W, C]."""
        size = (2 * inputs.shape[1], 2 * inputs.shape[2])
        resize = (
            tf.raw_ops.ResizeNearestNeighbor if self.interpolation == "nearest" else tf.raw_ops.ResizeBilinear
        )
        return resize(images=inputs, size=size, align_corners=False, half_pixel_centers=False)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """[B, 2H, 2W, C]."""
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "interpolation": self.interpolation}


@keras.saving.register_keras_serializable(_PACKAGE)
class FastNormalizedFusion(keras.layers.Layer):
    """Weighted sum of equally shaped maps, then an activation: sum_i relu(w_i) / (eps + sum_j relu(w_j)) x_i.

    EfficientDet's fast normalised fusion (arXiv 1911.09070, section 3.3). The converter folds the weights to
    constants.
    """

    def __init__(self, activation: str = "relu6", epsilon: float = 1e-4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation, self.epsilon = activation, epsilon

    def build(self, input_shape: Any) -> None:
        """One weight per input."""
        self.weight = self.add_weight(shape=(len(input_shape),), initializer="ones", name="weight")
        self.built = True

    def call(self, inputs: Any) -> Any:
        """A list of [B, H, W, C] to [B, H, W, C]."""
        positive = tf.nn.relu(self.weight.value)
        share = tf.unstack(positive / (tf.reduce_sum(positive) + self.epsilon))
        total = inputs[0] * share[0]
        for x, factor in zip(inputs[1:], share[1:], strict=True):
            total = total + x * factor
        return tf.nn.relu6(total) if self.activation == "relu6" else tf.nn.relu(total)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of any of the inputs."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "activation": self.activation, "epsilon": self.epsilon}
