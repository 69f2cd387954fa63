"""What a profile fits: from nothing on CPUs, from the shipped predictor on an Edge TPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgenas.device_profiles import load_device
from edgenas.errors import EdgenasError
from edgenas.graph import graph_of
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.registry import shipped_predictor
from edgenas.profiling.fit_profile import fit_profile
from edgenas.space import load_space

HEADS = {"depth": 1, "normals": 3, "segmentation": 13}


def _rows(count: int, slower: float) -> list[Row]:
    """Networks as a board would run them that is `slower` than the shipped USB 2 figures, with 1% of noise."""
    space, shipped = load_space("edgetpu"), shipped_predictor("edgetpu", "usb2")
    rng = np.random.default_rng(3)
    rows = []
    for number in range(count):
        drawn = space.architecture(space.sample(rng), input_shape=(64, 96), head_channels=HEADS)
        graph = graph_of(drawn, "int8")
        ms = slower * shipped.predict(graph).latency_ms * float(np.exp(rng.normal(0, 0.01)))
        rows.append(Row(f"network-{number}", drawn.hash, graph, ms, disagreement=0.0))
    return rows


def test_an_edge_tpu_starts_from_the_shipped_predictor_of_its_bus() -> None:
    rows = _rows(24, 1.3)
    board = load_device("ssh://mendel@coral/edgetpu-usb2")
    fitted = fit_profile(rows[:16], profile=board, configuration="usb2", seed=0, facts={"machine": "a board"})
    assert fitted.predictor.features.name == "edgetpu"
    assert (fitted.card["adapted_from"], fitted.card["rows"]) == ("edgetpu/usb2", 16)
    assert fitted.predictor.device == "ssh-coral-edgetpu-usb2" and fitted.card["machine"] == "a board"
    errors = [fitted.predictor.predict(r.graph).latency_ms / r.measured_ms - 1 for r in rows[16:]]
    assert np.mean(np.abs(errors)) < 0.02
    with pytest.raises(EdgenasError, match="2 of 2 networks are usable, at least 3"):
        fit_profile(rows[:2], profile=board, configuration="usb2", seed=0, facts={})


def test_the_bus_chooses_the_source() -> None:
    rows = _rows(6, 1.0)
    text = load_device("edgetpu").configuration("pcie")
    mine = replace(load_device("edgetpu"), name="mine", configurations=(replace(text, name="m2"),))
    fitted = fit_profile(rows, profile=mine, configuration="m2", seed=0, facts={})
    assert fitted.card["adapted_from"] == "edgetpu/pcie"


def test_cpus_are_fitted_from_nothing() -> None:
    rows = [replace(row, operator_ms=None) for row in _rows(12, 1.0)]
    fitted = fit_profile(
        rows, profile=load_device("host"), configuration="int8-1t", seed=0, facts={"source": "measured"}
    )
    assert "adapted_from" not in fitted.card and fitted.predictor.features.name == "xnnpack"


def test_a_cpu_without_operator_times_starts_from_a_phone_where_that_does_better() -> None:
    space, phone = load_space("demo"), shipped_predictor("pixel4", "1large-int8")
    rng = np.random.default_rng(5)
    rows = []
    for number in range(30):
        drawn = space.architecture(space.sample(rng), input_shape=(64, 96), head_channels=HEADS)
        graph = graph_of(drawn, "int8")
        ms = 2.5 * phone.predict(graph).latency_ms * float(np.exp(rng.normal(0, 0.02)))
        gap = 0.3 if number == 7 else 0.0
        rows.append(Row(f"network-{number}", drawn.hash, graph, ms * (1 + gap), disagreement=gap))
    board = load_device("ssh://pi@board")
    fitted = fit_profile(rows[:20], profile=board, configuration="int8-1t", seed=0, facts={})
    assert fitted.card["adapted_from"] == "pixel4/1large-int8"
    assert (fitted.card["networks_measured"], fitted.card["networks_unstable"]) == (20, 1)
    errors = [fitted.predictor.predict(r.graph).latency_ms / r.measured_ms - 1 for r in rows[20:]]
    assert np.mean(np.abs(errors)) < 0.03


def test_the_kind_of_device_says_what_operators_are_priced_by() -> None:
    rows = [
        replace(row, operator_ms=(row.measured_ms / len(row.graph.operators),) * len(row.graph.operators))
        for row in _rows(12, 1.0)
    ]
    mine = replace(load_device("ethos-u55-128"), name="my-own")
    fitted = fit_profile(rows, profile=mine, configuration="128", seed=0, facts={})
    assert fitted.predictor.features.name == "ethos-u"
