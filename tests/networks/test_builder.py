"""Whole networks: outputs, seeds, parameters and MACs against the graph of the architecture, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgenas.graph import graph_of, parameter_count
from edgenas.runtime import start_tensorflow
from edgenas.space import Architecture, load_space

start_tensorflow()

import keras  # noqa: E402

from edgenas.networks import build_model  # noqa: E402

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


def sample(space: str, seed: int, tasks: tuple[str, ...] = tuple(HEADS)) -> Architecture:
    loaded = load_space(space, tasks)
    decisions = loaded.sample(np.random.default_rng(seed)) if seed else loaded.default()
    return loaded.architecture(decisions, input_shape=(64, 96), head_channels=HEADS)


def convolution_macs(model: keras.Model) -> int:
    """Multiply-accumulates of all convolutions, from the shapes that Keras itself computed."""
    total = 0
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, keras.layers.DepthwiseConv2D | keras.layers.Conv2D):
            kernel = layer.kernel.shape
            pixels = np.prod(layer._probe_output_shape[1:3])
            total += int(pixels * np.prod(kernel))
    return total


@pytest.mark.parametrize(("space", "seed"), [("demo", 0), ("demo", 5), ("declared", 3), ("edgetpu", 4)])
def test_parameters_and_macs_equal_those_of_keras(
    space: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arch = sample(space, seed)
    call = keras.layers.Layer.__call__

    def probing_call(self: keras.layers.Layer, *args: object, **kwargs: object) -> object:
        out = call(self, *args, **kwargs)
        if hasattr(out, "shape"):
            self._probe_output_shape = tuple(out.shape)
        return out

    model = build_model(arch)
    monkeypatch.setattr(keras.layers.Layer, "__call__", probing_call)
    model(np.zeros((1, 64, 96, 3), "float32"))
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == parameter_count(arch)
    assert convolution_macs(model) == graph_of(arch).macs


def test_outputs_are_named_by_task_and_at_full_resolution() -> None:
    model = build_model(sample("demo", 0, ("depth", "segmentation")))
    outputs = model(np.zeros((2, 64, 96, 3), "float32"))
    assert {k: tuple(v.shape) for k, v in outputs.items()} == {
        "depth": (2, 64, 96, 1),
        "segmentation": (2, 64, 96, 13),
    }


def test_the_seed_decides_the_weights() -> None:
    arch = sample("demo", 7)
    first, again, other = (build_model(arch, seed=s).get_weights() for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_model_file_gives_the_same_outputs(tmp_path: Path) -> None:
    model = build_model(sample("demo", 3))
    image = np.random.default_rng(0).uniform(-1, 1, (1, 64, 96, 3)).astype("float32")
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for task, out in model(image).items():
        np.testing.assert_allclose(np.asarray(loaded(image)[task]), np.asarray(out), atol=1e-6)
