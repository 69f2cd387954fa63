"""Equal channel ranges: the network computes the same, its int8 file errs less, its weights come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgenas.datasets import load_dataset
from edgenas.runtime import start_tensorflow
from edgenas.space import load_space

start_tensorflow()

from edgenas.export.engines.tensorflow import to_tflite  # noqa: E402
from edgenas.export.equalise import MOST, equalised  # noqa: E402
from edgenas.export.litert_model import LitertModel  # noqa: E402
from edgenas.export.verify import compare_heads  # noqa: E402
from edgenas.networks import build_model  # noqa: E402
from edgenas.training.trainer import predictor_of  # noqa: E402


@pytest.fixture(scope="module")
def frames(tiny_archive: Path) -> np.ndarray:
    return load_dataset(str(tiny_archive), "train").arrays()["image"]


@pytest.fixture(scope="module")
def model(frames: np.ndarray) -> Any:
    """With channels of very different ranges, as trained networks have them."""
    space = load_space("demo")
    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    built = build_model(
        space.architecture(space.default(), input_shape=(32, 64), head_channels=heads), seed=0
    )
    rng = np.random.default_rng(0)
    for variable in built.trainable_variables:
        if variable.path.endswith(("depthwise/kernel", "project_bn/gamma")):
            spread = np.exp(rng.normal(0, 1.2, variable.shape[2 if len(variable.shape) == 4 else 0]))
            by = spread[None, None, :, None] if len(variable.shape) == 4 else spread
            variable.assign(variable.numpy() * by)
    return built


@pytest.fixture(scope="module")
def images(frames: np.ndarray) -> list[np.ndarray]:
    return [image[None].astype(np.float32) / 127.5 - 1.0 for image in frames]


def test_the_network_stays_the_same_and_its_weights_come_back(model: Any, images: list[np.ndarray]) -> None:
    batch = np.concatenate(images[:4])
    before = {name: np.asarray(values) for name, values in model(batch, training=False).items()}
    kept = [variable.numpy() for variable in model.variables]
    with equalised(model, images) as factors:
        changed = sum(not np.array_equal(v.numpy(), k) for v, k in zip(model.variables, kept, strict=True))
        during = {name: np.asarray(values) for name, values in model(batch, training=False).items()}
    for name, values in before.items():
        np.testing.assert_allclose(during[name], values, rtol=1e-4, atol=1e-4 * np.abs(values).max())
    assert changed >= 10
    assert all(np.array_equal(v.numpy(), k) for v, k in zip(model.variables, kept, strict=True))
    # Between the two halves of separable convolutions, in every stage, and at the map that the heads read.
    assert {"depth_conv1/depthwise", "stage1_block1", "stage4_block1", "fpn1_td1_conv"} <= set(factors)
    # A map that a fusion weighs with one number for all channels cannot be equalised.
    assert "fpn1_td2_conv" not in factors
    assert all(1 <= factor <= MOST for factor in factors.values()) and max(factors.values()) > 3


def test_weights_come_back_after_a_failure(model: Any, images: list[np.ndarray]) -> None:
    kept = [variable.numpy() for variable in model.variables]
    with pytest.raises(RuntimeError), equalised(model, images):
        raise RuntimeError
    assert all(np.array_equal(v.numpy(), k) for v, k in zip(model.variables, kept, strict=True))


def test_the_int8_file_errs_less(
    model: Any, images: list[np.ndarray], frames: np.ndarray, tmp_path: Path
) -> None:
    def converted(name: str) -> LitertModel:
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(to_tflite(model, format="int8", representative=images))
        return LitertModel(path)

    plain = converted("plain")
    with equalised(model, images):
        equal = converted("equal")
    errors = compare_heads(predictor_of(model), {"plain": plain, "equal": equal}, frames[:8])
    gains = {
        h: (errors["equal"][h].sqnr_db or 0) - (errors["plain"][h].sqnr_db or 0) for h in errors["plain"]
    }
    assert sum(gains.values()) / len(gains) > 1, gains
    assert min(gains.values()) > -0.5, gains
