"""Networks of the preset spaces run on the Edge TPU as a whole, by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.compatibility import check_graph, obstacle
from edgenas.graph import graph_of
from edgenas.space import load_space

PRESETS = ("declared", "demo", "edgetpu")
CHANNELS = {"depth": 1, "normals": 3, "segmentation": 19}


@pytest.mark.parametrize("preset", PRESETS)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), shape=st.sampled_from([(64, 96), (96, 128), (128, 256), (256, 512)]))
def test_random_networks_of_every_preset(preset: str, seed: int, shape: tuple[int, int]) -> None:
    space = load_space(preset)
    decisions = space.sample(np.random.default_rng(seed))
    network = space.architecture(decisions, input_shape=shape, head_channels=CHANNELS)
    graph = graph_of(network, "int8")
    assert obstacle(graph) == ""
    assert check_graph(graph).fully_mapped


@pytest.mark.parametrize("preset", PRESETS)
def test_maps_beyond_the_chip_are_an_obstacle(preset: str) -> None:
    """512x1024 pixels of 19 classes are 9.5 MiB: the head's last resize is told, and nothing else."""
    space = load_space(preset)
    network = space.architecture(space.default(), input_shape=(512, 1024), head_channels=CHANNELS)
    assert "(RESIZE_BILINEAR)" in obstacle(graph_of(network, "int8"))
