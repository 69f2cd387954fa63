"""A slice of the supernet is the network of `build_model`: outputs, and one trace for every network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.errors import UsageError
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, SearchSpace, load_space

start_tensorflow()

import tensorflow as tf  # noqa: E402

from edgenas.networks import build_model  # noqa: E402
from edgenas.networks.supernet import Supernet  # noqa: E402
from edgenas.networks.supernet_code import FORMS, form_of  # noqa: E402
from edgenas.networks.supernet_weights import centre  # noqa: E402

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}
SHAPE = (32, 32)

# Every structural choice in a few small sizes: kernels 1 to 5, ratio 1 with and without others, three repeats, heads
# without convolutions, and a stage that leaves nothing to decide.
EVERYTHING = """
name = "everything"
version = 1
description = "For tests."
activation = "relu"
stem_width = 8
[stage_defaults]
type = { choices = ["ibn", "fused_ibn"], default = "ibn" }
kernel = { choices = [1, 3, 5], default = 3 }
expansion = { choices = [1, 2, 3], default = 2 }
width_multiplier = { choices = [1.0, 2.0], default = 1.0 }
depth = { choices = [1, 3], default = 1 }
[[stages]]
width = 8
[[stages]]
width = 16
type = { choices = ["fused_ibn"], default = "fused_ibn" }
depth = { choices = [2], default = 2 }
[[stages]]
width = 8
type = { choices = ["ibn"], default = "ibn" }
expansion = { choices = [1], default = 1 }
depth = { choices = [1], default = 1 }
[fusion]
width = { choices = [8, 16], default = 8 }
repeats = { choices = [1, 2, 3], default = 1 }
[head]
width = { choices = [8, 16], default = 8 }
depth = { choices = [0, 1, 2], default = 1 }
"""


def randomised(space: SearchSpace, shape: tuple[int, int] = SHAPE) -> Supernet:
    """A supernet none of whose weights has a value that hides a mistake, such as gamma 1 or beta 0."""
    net = Supernet(space, HEADS, shape, seed=1)
    rng = np.random.default_rng(0)
    for name, variable in net.weights.items():
        if name.endswith(("gamma", "weight")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape).astype(np.float32))
        elif name.endswith(("beta", "bias")):
            variable.assign(rng.normal(0, 0.3, variable.shape).astype(np.float32))
    return net


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Supernet:
    path = tmp_path_factory.mktemp("space") / "everything.toml"
    path.write_text(EVERYTHING)
    return randomised(load_space(str(path)))


def covering(net: Supernet, count: int) -> list[Architecture]:
    """Random networks, and the extremes of the space."""
    space, rng = net.code.space, np.random.default_rng(3)
    drawn = [space.default(), *(space.sample(rng) for _ in range(count - 3))]
    drawn += [space.suggest(lambda _, choices, at=at: choices[at]) for at in (0, -1)]
    return [net.architecture(decisions) for decisions in drawn]


def largest_difference(net: Supernet, architectures: list[Architecture], images: np.ndarray) -> float:
    """Relative difference between slices and the Keras networks cut out of them.

    All slices run first: `build_model` sets TensorFlow's seed, which makes it forget its compiled graphs.
    """
    kept = []
    for architecture in architectures:
        net.calibrate(images, architecture)
        statistics = [v.numpy() for v in net.weights.variables if not v.trainable]
        kept.append((architecture, statistics, net.infer(images, architecture)))
    largest = 0.0
    for architecture, statistics, outputs in kept:
        moving = [v for v in net.weights.variables if not v.trainable]
        for variable, value in zip(moving, statistics, strict=True):
            variable.assign(value)
        expected = net.load_slice(architecture)(images.astype(np.float32) / 127.5 - 1.0, training=False)
        assert sorted(outputs) == sorted(expected)
        for task, out in outputs.items():
            difference = np.abs(out - expected[task].numpy()).max() / np.abs(out).max()
            largest = max(largest, float(difference))
    return largest


def test_every_slice_is_the_network_of_build_model(everything: Supernet) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE, 3), dtype=np.uint8)
    networks = covering(everything, 14)
    seen = {
        (form_of(block), block.kernel, len(stage.blocks))
        for a in networks
        for stage in a.stages
        for block in stage.blocks
    }
    assert {form for form, _, _ in seen} == set(FORMS[1:])
    assert {kernel for _, kernel, _ in seen} == {1, 3, 5}
    assert {depth for _, _, depth in seen} == {1, 2, 3}
    assert {a.fusion_repeats for a in networks} == {1, 2, 3}
    assert {head.depth for a in networks for head in a.heads} == {0, 1, 2}
    assert largest_difference(everything, networks, images) < 1e-4


def test_slices_of_a_preset() -> None:
    net = randomised(load_space("demo"), (64, 32))
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 32, 3), dtype=np.uint8)
    assert largest_difference(net, covering(net, 4), images) < 1e-4


def test_one_trace_serves_every_network(everything: Supernet) -> None:
    images = np.zeros((3, *SHAPE, 3), np.uint8)
    for architecture in covering(everything, 6):
        everything.calibrate(images, architecture)
        everything.infer(images[:2], architecture)
    for graph in (everything.calibrate_graph, everything.infer_graph):
        assert graph.experimental_get_tracing_count() == 1


def test_gradients_equal_those_of_the_keras_network_and_reach_only_the_slice(everything: Supernet) -> None:
    rng = np.random.default_rng(5)
    images = tf.constant(rng.uniform(-1, 1, (2, *SHAPE, 3)).astype(np.float32))
    variables = everything.weights.trainable

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def gradients(code: Any) -> Any:
        values = [v.value for v in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss = sum(tf.reduce_mean(out**2) for out in everything.forward(images, code, "train").values())
        return loss, tape.gradient(loss, values)

    networks = covering(everything, 5)
    slices = [gradients(tf.constant(everything.code.encode(architecture))) for architecture in networks]
    for architecture, (loss, found) in zip(networks, slices, strict=True):
        model = everything.load_slice(architecture)
        with tf.GradientTape() as tape:
            expected_loss = sum(tf.reduce_mean(out**2) for out in model(images, training=True).values())
        assert float(loss) == pytest.approx(float(expected_loss), rel=1e-4)
        expected = tape.gradient(expected_loss, [v.value for v in model.trainable_variables])
        norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in expected))
        own_norm = np.sqrt(sum(float(tf.reduce_sum(g**2)) for g in found if g is not None))
        assert own_norm == pytest.approx(norm, rel=1e-3)
        # The stem is whole in every network; its gradient has passed every branch.
        stem = [v.path for v in everything.weights.trainable].index("stem_conv_kernel")
        np.testing.assert_allclose(
            found[stem].numpy(), expected[0].numpy(), atol=1e-4 * float(tf.reduce_max(tf.abs(expected[0])))
        )


@pytest.mark.parametrize(
    ("small", "large", "stride"),
    [(1, 3, 1), (3, 5, 1), (1, 5, 1), (3, 7, 1), (3, 5, 2), (3, 7, 2), (5, 7, 2)],
)
def test_the_centre_of_a_kernel_meets_the_same_pixels(small: int, large: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 8, 12, 2)).astype(np.float32)
    inner = rng.normal(size=(small, small, 2, 3)).astype(np.float32)
    outer = np.zeros((large, large, 2, 3), np.float32)
    margin = (large - small) // 2
    outer[margin : margin + small, margin : margin + small] = inner
    np.testing.assert_array_equal(centre(outer, small), inner)
    same = [tf.nn.conv2d(x, kernel, stride, "SAME").numpy() for kernel in (inner, outer)]
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)


def test_a_network_of_another_space_is_refused(everything: Supernet) -> None:
    other = load_space("demo").architecture(
        load_space("demo").default(), input_shape=(64, 64), head_channels=HEADS
    )
    with pytest.raises(UsageError, match="does not hold this network"):
        everything.code.encode(other)
    with pytest.raises(UsageError, match="does not hold this network"):
        everything.load_slice(other)


def test_slices_start_training_where_the_supernet_stands(everything: Supernet, tmp_path: Path) -> None:
    architecture = covering(everything, 4)[1]
    images = np.random.default_rng(0).integers(0, 256, (2, *SHAPE, 3), dtype=np.uint8)
    everything.calibrate(images, architecture)
    inherited = everything.load_slice(architecture)
    fresh = build_model(architecture)
    assert [v.shape for v in inherited.variables] == [v.shape for v in fresh.variables]
    assert any(
        not np.array_equal(a, b) for a, b in zip(inherited.get_weights(), fresh.get_weights(), strict=True)
    )
