"""Each layer against plain NumPy, its gradients, its serialisation and its shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgenas.runtime import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from edgenas.networks import layers as L  # noqa: E402, N812

Array = np.ndarray


def same_convolution(x: Array, kernel: Array, stride: int, depthwise: bool = False) -> Array:
    """[B, H, W, C] by kernel [k, k, C, out] (depthwise: [k, k, C, 1]), SAME padding as TensorFlow defines it."""
    batch, height, width, _ = x.shape
    k = kernel.shape[0]
    out_h, out_w = -(-height // stride), -(-width // stride)
    pad_h = max((out_h - 1) * stride + k - height, 0)
    pad_w = max((out_w - 1) * stride + k - width, 0)
    padded = np.pad(x, ((0, 0), (pad_h // 2, pad_h - pad_h // 2), (pad_w // 2, pad_w - pad_w // 2), (0, 0)))
    channels = kernel.shape[2] if depthwise else kernel.shape[3]
    out = np.zeros((batch, out_h, out_w, channels))
    for i in range(out_h):
        for j in range(out_w):
            patch = padded[:, i * stride : i * stride + k, j * stride : j * stride + k]
            if depthwise:
                out[:, i, j] = np.einsum("bhwc,hwc->bc", patch, kernel[..., 0])
            else:
                out[:, i, j] = np.einsum("bhwc,hwco->bo", patch, kernel)
    return out


def weight(layer: Any, path: str) -> Array:
    matches = [v for v in layer.weights if v.path.endswith(path)]
    assert len(matches) == 1, (path, [v.path for v in layer.weights])
    return np.asarray(matches[0].value, np.float64)


def normalise(x: Array, layer: Any, name: str) -> Array:
    gamma, beta, mean, variance = (
        weight(layer, f"{name}/{v}") for v in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


def reference_ibn(x: Array, layer: Any) -> Array:
    y = x
    if layer.expansion > 1:
        y = relu6(normalise(same_convolution(y, weight(layer, "expand/kernel"), 1), layer, "expand_bn"))
    y = same_convolution(y, weight(layer, "depthwise/kernel"), layer.stride, depthwise=True)
    y = relu6(normalise(y, layer, "depthwise_bn"))
    y = normalise(same_convolution(y, weight(layer, "project/kernel"), 1), layer, "project_bn")
    return y + x if y.shape == x.shape else y


def reference_fused_ibn(x: Array, layer: Any) -> Array:
    y = same_convolution(x, weight(layer, "expand/kernel"), layer.stride)
    y = relu6(normalise(y, layer, "expand_bn"))
    y = normalise(same_convolution(y, weight(layer, "project/kernel"), 1), layer, "project_bn")
    return y + x if y.shape == x.shape else y


def reference_separable(x: Array, layer: Any) -> Array:
    y = same_convolution(x, weight(layer, "depthwise/kernel"), 1, depthwise=True)
    y = normalise(same_convolution(y, weight(layer, "pointwise/kernel"), 1), layer, "bn")
    return relu6(y) if layer.activation else y


def reference_bilinear(x: Array) -> Array:
    """Legacy 2x: even samples stand on the input's, odd ones halfway to the next, the last repeated."""

    def along(y: Array, axis: int) -> Array:
        following = np.concatenate([np.take(y, range(1, y.shape[axis]), axis), np.take(y, [-1], axis)], axis)
        mixed = np.stack([y, (y + following) / 2], axis=axis + 1)
        shape = list(y.shape)
        shape[axis] *= 2
        return mixed.reshape(shape)

    return along(along(x, 1), 2)


def run_layer_test(
    make: Callable[[], Any], shape: tuple[int, ...], reference: Callable[[Array, Any], Array]
) -> None:
    """Shape, numbers in inference, gradients of every weight, configuration round trip, batch-norm update."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    layer = make()
    layer(x)
    for v in layer.weights:
        low = 0.5 if v.path.endswith("moving_variance") else -1.0
        v.assign(rng.uniform(low, 1.5, size=v.shape))
    out = (
        np.asarray(layer(x, training=False))
        if "training" in layer.call.__code__.co_varnames
        else np.asarray(layer(x))
    )
    assert out.shape == tuple(layer.compute_output_shape(shape))
    np.testing.assert_allclose(out, reference(x.astype(np.float64), layer), rtol=1e-4, atol=1e-4)

    clone = type(layer).from_config(layer.get_config())
    clone(x)
    clone.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(clone(x)), np.asarray(layer(x)))

    before = [np.array(v) for v in layer.non_trainable_weights]
    with tf.GradientTape() as tape:
        kwargs = {"training": True} if before else {}
        loss = tf.reduce_sum(layer(tf.constant(x), **kwargs) ** 2)
    gradients = tape.gradient(loss, [v.value for v in layer.trainable_weights])
    assert all(g is not None and np.isfinite(g).all() for g in gradients)
    assert all(not np.array_equal(b, v) for b, v in zip(before, layer.non_trainable_weights, strict=True))


@pytest.mark.parametrize(
    ("kernel", "expansion", "stride", "filters"), [(3, 6, 1, 8), (5, 3, 2, 16), (3, 1, 1, 16), (5, 1, 2, 8)]
)
def test_inverted_bottleneck(kernel: int, expansion: int, stride: int, filters: int) -> None:
    run_layer_test(
        lambda: L.InvertedBottleneck(filters, kernel, expansion, stride), (2, 6, 8, 8), reference_ibn
    )


@pytest.mark.parametrize(("kernel", "expansion", "stride", "filters"), [(3, 2, 1, 8), (5, 1, 2, 16)])
def test_fused_inverted_bottleneck(kernel: int, expansion: int, stride: int, filters: int) -> None:
    make = lambda: L.FusedInvertedBottleneck(filters, kernel, expansion, stride)  # noqa: E731
    run_layer_test(make, (2, 6, 8, 8), reference_fused_ibn)


@pytest.mark.parametrize("activation", [None, "relu6"])
def test_separable_convolution(activation: str | None) -> None:
    run_layer_test(lambda: L.SeparableConvolution(16, activation), (2, 6, 8, 8), reference_separable)


def test_upsample_nearest() -> None:
    reference = lambda x, _: x.repeat(2, axis=1).repeat(2, axis=2)  # noqa: E731
    run_layer_test(lambda: L.Upsample2x(), (2, 3, 5, 4), reference)


def test_upsample_bilinear() -> None:
    run_layer_test(lambda: L.Upsample2x("bilinear"), (2, 3, 5, 4), lambda x, _: reference_bilinear(x))


def test_upsample_refuses_other_interpolations() -> None:
    with pytest.raises(ValueError, match=r"Expected 'nearest' or 'bilinear'\. Received 'cubic'"):
        L.Upsample2x("cubic")


@pytest.mark.parametrize("weights", [[1.0, 1.0], [0.3, 2.0, 1.1], [-1.0, 0.5]])
def test_fast_normalised_fusion(weights: list[float]) -> None:
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(2, 4, 6, 8)).astype("float32") for _ in weights]
    layer = L.FastNormalizedFusion()
    layer(inputs)
    layer.weight.assign(weights)
    positive = np.maximum(weights, 0)
    share = positive / (positive.sum() + 1e-4)
    expected = relu6(sum(s * x.astype(np.float64) for s, x in zip(share, inputs, strict=True)))
    np.testing.assert_allclose(np.asarray(layer(inputs)), expected, atol=1e-5)
    assert L.FastNormalizedFusion.from_config(layer.get_config()).epsilon == layer.epsilon


def test_batch_norm_trains_like_keras() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(2.0, 3.0, size=(4, 5, 6, 8)).astype("float32")
    ours, theirs = L.FusedBatchNormalization(), keras.layers.BatchNormalization(momentum=0.9)
    np.testing.assert_allclose(
        np.asarray(ours(x, training=True)), np.asarray(theirs(x, training=True)), atol=1e-4
    )
    np.testing.assert_allclose(np.asarray(ours.moving_mean), np.asarray(theirs.moving_mean), rtol=1e-5)
    # The fused kernel's variance is unbiased: n / (n - 1) with n = 4 * 5 * 6 pixels.
    expected = 0.9 + (np.asarray(theirs.moving_variance) - 0.9) * 120 / 119
    np.testing.assert_allclose(np.asarray(ours.moving_variance), expected, rtol=1e-4)
