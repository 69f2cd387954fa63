"""The compiled step: micro-batches, several devices, precision, the cause of a number that is not finite."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.runtime import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from edgenas.training.config import TrainingConfig  # noqa: E402
from edgenas.training.diagnosis import why_not_finite  # noqa: E402
from edgenas.training.loss_weights import LossWeights  # noqa: E402
from edgenas.training.optimizer import AdamW  # noqa: E402
from edgenas.training.precision import LossScale  # noqa: E402
from edgenas.training.step import StepParts, make_step  # noqa: E402
from edgenas.training.weighting import make_weighting  # noqa: E402

CONFIG = TrainingConfig(iterations=4, batch_size=4, loss_weights=LossWeights(ce=0.0, l1=1.0, re=0.5))


class Info:
    class_names: tuple[str, ...] = ()
    depth_unit = "m"


def network() -> Any:
    """A network for depth without batch normalisation, with the same weights each time."""
    image = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", name="hidden", kernel_initializer="ones")(image)
    out = keras.layers.Conv2D(1, 1, name="depth_out", kernel_initializer="ones")(hidden)
    return keras.Model(image, {"depth": out})


def batch(seed: int = 0) -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    images = tf.constant(rng.uniform(-1, 1, (4, 8, 8, 3)), tf.float32)
    return images, {"depth": tf.constant(rng.uniform(1, 5, (4, 8, 8, 1)), tf.float32)}


def step(model: Any, config: TrainingConfig, images: Any, targets: Any) -> dict[str, Any]:
    variables = model.trainable_variables
    weighting = make_weighting(config.weighting, ("L1", "RE"), 1)
    parts = StepParts(
        model,
        ("depth",),
        Info(),
        config,
        weighting,
        variables,
        AdamW(variables, config),
        None,
        tf.distribute.get_strategy(),
    )
    one = tf.constant(1.0)
    return make_step(parts)(images, targets, tf.constant(1e-2), one * 0, one, weighting.inputs())


def test_micro_batches_equal_the_whole_batch_where_nothing_depends_on_batch_statistics() -> None:
    whole, cut = network(), network()
    told = [step(m, replace(CONFIG, accumulate=n), *batch()) for m, n in ((whole, 1), (cut, 4))]
    for name in ("loss", "L1", "RE"):
        assert float(told[0][name]) == pytest.approx(float(told[1][name]), rel=1e-5)
    for a, b in zip(whole.get_weights(), cut.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_batch_without_a_valid_pixel_is_a_step_of_loss_zero() -> None:
    images, targets = batch()
    told = step(network(), CONFIG, images, {"depth": targets["depth"] * 0})
    assert float(told["loss"]) == 0.0 and bool(told["finite"])


def test_what_is_not_finite_changes_no_weight() -> None:
    model, (images, targets) = network(), batch()
    before = model.get_weights()
    told = step(model, CONFIG, images * np.float32(np.inf), targets)
    assert not bool(told["finite"])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_cause_is_named() -> None:
    images, targets = batch()

    def why(model: Any, pictures: Any = images, depth: Any = targets["depth"]) -> str:
        return why_not_finite(model, ("depth",), Info(), (pictures, {"depth": depth}), [7, 3, 11, 5])

    spoiled = images.numpy()
    spoiled[2, 0, 0, 0] = np.nan
    assert "images of training frames 11 are not finite (data)" in why(network(), tf.constant(spoiled))
    huge = network()
    huge.get_layer("hidden").kernel.assign(tf.fill(huge.get_layer("hidden").kernel.shape, 3e38))
    assert "layer hidden is the first" in why(huge) and "(optimisation)" in why(huge)
    broken = network()
    broken.get_layer("depth_out").bias.assign([np.nan])
    assert "weights depth_out/bias are not finite (optimisation)" in why(broken)
    far = targets["depth"].numpy()
    far[1] = 3e38
    told = why(network(), depth=tf.constant(far))
    assert "loss term L1 of depth is not finite in training frames 3:" in told and "3e+38" in told
    assert "came from the gradients" in why(network())


def test_the_loss_scale_is_halved_and_goes_on_exactly() -> None:
    scale = LossScale("float16")
    first = scale.value
    assert scale.told(False) and scale.value == first / 2
    for _ in range(1999):
        scale.told(True)
    other = LossScale("float16")
    other.take(scale.state())
    assert other.told(True) and other.value == first
    assert not LossScale("float32").told(False)
    while scale.value >= 2.0:
        assert scale.told(False)
    assert not scale.told(False)


_TWO_DEVICES = """
import sys
from dataclasses import replace
from edgenas.runtime import start_tensorflow
start_tensorflow()
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from edgenas.datasets import load_dataset
from edgenas.space import load_space
from edgenas.training.config import TrainingConfig
from edgenas.training.trainer import Trainer
train = load_dataset(sys.argv[1], "train", tasks=("depth",))
space = load_space(sys.argv[2], ("depth",))
net = space.architecture(space.default(), input_shape=(32, 64), head_channels={"depth": 1})
config = TrainingConfig(iterations=3, batch_size=4, augment=False)
trainer = Trainer(train, train)
one, two = (trainer.train(net, replace(config, devices=n)) for n in (1, 2))
assert one.status == two.status == "completed", (one.reason, two.reason)
# The first loss comes before any update: only the order of the sums differs.
np.testing.assert_allclose(two.history[0]["loss"], one.history[0]["loss"], rtol=1e-5)
for a, b in zip(one.model.get_weights(), two.model.get_weights(), strict=True):
    np.testing.assert_allclose(a, b, atol=5e-3)
"""


def test_two_devices_give_what_one_gives_with_the_whole_batch(tiny_archive: Path) -> None:
    space = Path(__file__).parents[1] / "workflow" / "mini.toml"
    done = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES, str(tiny_archive), str(space)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
