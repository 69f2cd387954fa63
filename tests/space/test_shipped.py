"""Architectures with a name of their own: what they stand for does not change, and they fit any data."""

from __future__ import annotations

import pytest

from edgenas.errors import UsageError
from edgenas.space.shipped import SHIPPED_ARCHITECTURES, shipped_architecture

HEADS = {"segmentation": 13, "depth": 1, "normals": 3}
# A change here would give trained networks another meaning: make a new version of the name instead.
HASHES = {"edgenas-compact-v1": "2baef19167aaac8b"}


def test_a_name_stands_for_the_same_network_for_ever() -> None:
    assert {
        name: shipped_architecture(name, input_shape=(96, 128), head_channels=HEADS).hash
        for name in SHIPPED_ARCHITECTURES
    } == HASHES


def test_heads_follow_the_data() -> None:
    network = shipped_architecture("edgenas-compact-v1", input_shape=(64, 64), head_channels={"depth": 1})
    assert network.tasks == ("depth",)
    assert (network.input_height, network.input_width) == (64, 64)


def test_what_does_not_exist_or_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="Did you mean 'edgenas-compact-v1'"):
        shipped_architecture("edgenas-compact-v2", input_shape=(96, 128), head_channels=HEADS)
    with pytest.raises(UsageError, match="multiple of 32"):
        shipped_architecture("edgenas-compact-v1", input_shape=(90, 128), head_channels=HEADS)
