"""The shipped predictors of Ethos-U devices, which need no Vela."""

from __future__ import annotations

import numpy as np
import pytest

from edgenas.device_profiles import list_devices, load_device
from edgenas.device_profiles.profile import VELA
from edgenas.graph import graph_of
from edgenas.latency_models.registry import card_of, find_predictor
from edgenas.space import load_space

DEVICES = [p.name for p in list_devices() if p.kind == VELA]
HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


@pytest.mark.parametrize("device", DEVICES)
def test_default_configurations_have_one_that_says_simulated(device: str) -> None:
    profile = load_device(device)
    card = card_of(profile, profile.default_configuration)
    assert card is not None and card["source"] == "simulated"
    assert card["runtime"].startswith("ethos-u-vela 5.") and "Vela's model of" in card["machine"]
    assert card["mape_percent"] < 6 and card["sources"][0]["source"].startswith("simulated by Arm's Vela")
    predictor = find_predictor(profile)
    assert predictor.features.name == "ethos-u"
    assert "simulated" in predictor.summary(card) and "measured" not in predictor.summary(card)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shape", [(96, 128), (256, 512)])
def test_networks_of_the_spaces_are_in_the_domain(device: str, shape: tuple[int, int]) -> None:
    predictor = find_predictor(load_device(device))
    for name in ("demo", "declared"):
        space = load_space(name)
        architecture = space.architecture(space.default(), input_shape=shape, head_channels=HEADS)
        estimate = predictor.predict(graph_of(architecture, "int8"))
        # An Ethos-U85's large networks are no sum of operators: the predictor must not claim to know them.
        expected = device != "ethos-u85" or shape == (96, 128)
        assert estimate.in_domain == expected, estimate.domain_notes
        low_ms, high_ms = estimate.interval_ms
        assert (high_ms / low_ms > 1.4) == (not expected)
        assert {place for _, _, _, place in estimate.operators} == {"npu"}


def test_wider_accelerators_are_quicker() -> None:
    rng = np.random.default_rng(1)
    space = load_space("declared")
    graphs = [
        graph_of(space.architecture(space.sample(rng), input_shape=(96, 128), head_channels=HEADS), "int8")
        for _ in range(8)
    ]
    found = {
        name: [find_predictor(load_device(name)).predict(g).latency_ms for g in graphs]
        for name in ("ethos-u55-128", "ethos-u65-256")
    }
    assert all(np.array(found["ethos-u55-128"]) > 2 * np.array(found["ethos-u65-256"]))
