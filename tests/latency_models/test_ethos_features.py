"""Quantities of operators on an Ethos-U, and what a fit makes of a machine that takes the longest of several times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgenas.graph import Operator, OpGraph, Tensor, graph_of
from edgenas.latency_models.design_matrix import Row
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.ethos_features import call_quantities, placement, price_class, quantities
from edgenas.latency_models.feature_sets import FEATURE_SETS
from edgenas.latency_models.fit import fit
from edgenas.space import load_space


def conv(side: int, depth: int, channels: int, kernel: int = 1) -> Operator:
    macs = side * side * depth * channels * kernel**2
    return Operator(
        "CONV_2D", (Tensor((1, side, side, depth), "int8"),), (Tensor((1, side, side, channels), "int8"),),
        (kernel, kernel), (1, 1), (1, 1), "same", "relu6", macs, depth * channels * kernel**2 + 4 * channels,
    )  # fmt: skip


def test_channels_are_rounded_up_to_blocks() -> None:
    thirteen, sixteen, seventeen = (quantities(conv(8, 24, n)) for n in (13, 16, 17))
    assert thirteen["macs"] == sixteen["macs"] == 8 * 8 * 24 * 16
    assert seventeen["macs"] == 2 * sixteen["macs"]
    assert thirteen["deep_macs"] == 8 * 8 * 32 * 16
    assert quantities(conv(7, 24, 16))["macs"] == sixteen["macs"]  # Rows and columns in pairs.


def test_the_longest_of_what_goes_on_at_once() -> None:
    shallow = quantities(conv(32, 8, 64))  # 8 MACs per result: writing takes longest.
    assert shallow["macs_16_or_results"] == shallow["macs_256_or_results"] == 32 * 32 * 64
    deep = quantities(conv(32, 512, 64))
    assert deep["macs_16_or_results"] == deep["macs"] / 16 > 32 * 32 * 64
    small = conv(2, 512, 512)  # 4 MACs per byte of weights.
    assert quantities(small)["macs_16_or_parameters"] == small.parameter_bytes
    assert quantities(conv(32, 64, 64))["macs_16_or_parameters"] == 32 * 32 * 64 * 64 / 16


def test_operators_without_feature_maps() -> None:
    dense = Operator("FULLY_CONNECTED", (Tensor((1, 64), "int8"),), (Tensor((1, 10), "int8"),), macs=640)
    assert quantities(dense)["macs"] == 640
    assert quantities(Operator("SHAPE", (), ())) == {"call": 1.0, "macs": 0.0, "bytes": 0.0}
    assert (
        quantities(Operator("CONV_2D", (Tensor((), "int8"),), (Tensor((1, 2, 2, 4), "int8"),)))["call"] == 1.0
    )


def test_everything_is_placed_on_the_npu() -> None:
    operator = conv(8, 8, 8)
    graph = OpGraph((operator,), (((0,), (1,)),), {0: operator.inputs[0], 1: operator.outputs[0]}, (0,), (1,))
    assert placement(graph) == ("npu",)
    assert price_class(operator) == "CONV_2D_1x1/int8"
    assert call_quantities(operator.inputs, operator.outputs)["call"] == 1.0


def _machine_ms(operator: Operator) -> float:
    """A made-up machine: 256 MACs, 4 results and 1 byte of weights per cycle at 500 MHz, the longest counts."""
    results = float(np.prod(operator.outputs[0].shape))
    macs = operator.macs or results
    return max(macs / 256, results / 4, float(operator.parameter_bytes)) / 500e3


def test_fit_finds_the_balances_of_a_machine() -> None:
    space = load_space("demo")
    rng = np.random.default_rng(0)
    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    rows = []
    for number in range(24):
        architecture = space.architecture(space.sample(rng), input_shape=(64, 96), head_channels=heads)
        graph = graph_of(architecture, "int8")
        times = tuple(_machine_ms(o) for o in graph.operators)
        rows.append(Row(f"network-{number}", architecture.hash, graph, sum(times), times))
    errors: dict[str, Any] = {}
    for name in ("xnnpack", "ethos-u"):
        fitted = fit(rows, device="d", configuration="c", dtype="int8", features=FEATURE_SETS[name])
        assert fitted.predictor.features.name == name
        errors[name] = fitted.card["mape_percent"]
        again = fitted.predictor.predict(rows[0].graph)
        assert again.latency_ms == pytest.approx(rows[0].measured_ms, rel=0.1)
    assert errors["ethos-u"] < 2.0 and errors["ethos-u"] < 0.8 * errors["xnnpack"]


def test_a_resize_by_another_factor_is_outside_of_the_domain() -> None:
    def resize(factor: int) -> Operator:
        small, large = Tensor((1, 8, 8, 4), "int8"), Tensor((1, 8 * factor, 8 * factor, 4), "int8")
        return Operator("RESIZE_BILINEAR", (small,), (large,))

    seen = Domain.of([resize(2), resize(4)], [1.0])
    assert seen.note(resize(2)) == "" and seen.note(resize(3)) == ""
    only_twice = Domain.of([resize(2)], [1.0])
    assert only_twice.note(resize(2)) == ""
    assert "growth" in only_twice.note(
        Operator("RESIZE_BILINEAR", (Tensor((1, 4, 4, 4), "int8"),), resize(2).outputs)
    )
