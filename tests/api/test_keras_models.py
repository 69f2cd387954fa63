"""Keras models in the place of architectures."""

from __future__ import annotations

import pytest

import edgenas

pytest.importorskip("tensorflow")


def test_a_keras_model_is_priced_as_its_architecture() -> None:
    network = edgenas.load_architecture("edgenas-compact-v1", height=32, width=64, head_channels={"depth": 1})
    model = edgenas.build_model(network)
    assert set(model.output) == {"depth"}
    of_model, of_network = (
        edgenas.predict_latency(it, device="pixel4", configuration="1large-int8") for it in (model, network)
    )
    assert of_model == of_network
