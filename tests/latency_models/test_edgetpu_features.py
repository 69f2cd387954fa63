"""Prices of operators and of whole networks on the Edge TPU."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgenas.graph import Operator, OpGraph, Tensor, graph_of, read_tflite
from edgenas.latency_models import edgetpu_features as features
from edgenas.latency_models.domain import Domain
from edgenas.latency_models.edgetpu_parameters import HOSTS, PRIOR, parameters_of, prices_of
from edgenas.latency_models.error_band import ErrorBand
from edgenas.latency_models.feature_sets import FEATURE_SETS, FeatureSet
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.tables.edgetpu_networks import edgetpu_network
from edgenas.latency_models.tables.layer_builder import LayerBuilder
from edgenas.space import Architecture, load_space

PRICES = prices_of(parameters_of(PRIOR), "usb3")


def _predictor(
    feature_set: FeatureSet = FEATURE_SETS["edgetpu"], graphs: tuple[OpGraph, ...] = ()
) -> LatencyPredictor:
    operators = [o for graph in (edgetpu_network("mobilenet_v2"), *graphs) for o in graph.operators]
    return LatencyPredictor(
        name="edgetpu/usb3",
        device="edgetpu",
        configuration="usb3",
        dtype="int8",
        coefficients=PRICES,
        bands={"int8": ErrorBand.from_residuals([0.1] * 20)},
        domain=Domain.of(operators, [0.1, 1000.0]),
        features=feature_set,
    )


def _small_cache(size: float) -> FeatureSet:
    return replace(
        FEATURE_SETS["edgetpu"],
        cache_bytes=size,
        price_graph=partial(features.price_graph, cache_bytes=size),
    )


def _architectures(count: int) -> list[Architecture]:
    space, rng = load_space("edgetpu"), np.random.default_rng(1)
    heads = {"depth": 1, "normals": 3, "segmentation": 19}
    return [
        space.architecture(space.sample(rng), input_shape=(128, 256), head_channels=heads)
        for _ in range(count)
    ]


def test_a_convolution_by_hand() -> None:
    net = LayerBuilder((64, 64, 6))
    graph = net.graph(net.conv(0, 96, 3))
    found = features.quantities(graph.operators[0])
    # 16 x 16 positions per tile, 9 taps, 6 inputs in fours, 96 outputs in 64s.
    steps = 16 * 16 * 9 * 2 * 2
    assert found == {"convolution_steps": steps, "mac_operators": 1.0, "instructions": 1.0}
    assert features.stored_bytes(graph.operators[0]) == 128 * (9 * 8 + 8)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("DEPTHWISE_CONV_2D", "depthwise_steps"), ("FULLY_CONNECTED", "dense_steps"),
        ("AVERAGE_POOL_2D", "pool_steps"), ("MEAN", "pool_steps"), ("ADD", "vector_steps"),
    ],
)  # fmt: skip
def test_kinds(name: str, quantity: str) -> None:
    tensor = Tensor((1, 8, 8, 64), "int8")
    operator = Operator(name, (tensor,), (tensor,), kernel=(3, 3), macs=64 * 64, parameter_bytes=64)
    assert features.quantities(operator)[quantity] > 0
    assert all(value >= 0 and math.isfinite(value) for value in features.quantities(operator).values())


def test_what_costs_nothing() -> None:
    tensor = Tensor((1, 8, 8, 64), "int8")
    for name in ("RESHAPE", "RELU"):
        operator = Operator(name, (tensor,), (tensor,), parameter_bytes=80)
        assert features.quantities(operator) == {} and features.stored_bytes(operator) == 0
    assert features.quantities(Operator("ADD", (), ())) == {}


def test_what_stands_alone() -> None:
    tensor = Tensor((1, 4096), "int8")
    dense = Operator("FULLY_CONNECTED", (tensor,), (tensor,), macs=4096**2, parameter_bytes=4096**2)
    assert not features.stands_alone(dense)  # 16 MiB never stay on the chip.
    assert features.stands_alone(edgetpu_network("mobilenet_v1").operators[0])
    assert not features.stands_alone(edgetpu_network("ssd_mobilenet_v1").operators[-1])


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "inception_v1", "cifar_GoogLeNet"])
def test_whole_networks_cost_what_their_operators_do(name: str) -> None:
    graph, predictor = edgetpu_network(name), _predictor()
    times, call_ms = features.price_graph(graph, PRICES)
    assert sum(times) + call_ms == pytest.approx(predictor.sum_ms(graph), abs=1e-9)
    assert times == pytest.approx([predictor.operator_ms(o) for o in graph.operators], abs=1e-9)


@pytest.mark.parametrize("cache", [features.CACHE_BYTES, 400_000.0, 0.0])
def test_architectures_cost_what_their_graphs_do(cache: float) -> None:
    predictor = _predictor(_small_cache(cache))
    architectures = _architectures(12)
    found = np.stack(predictor.predict_architectures(architectures))
    estimates = [predictor.predict(graph_of(a, "int8")) for a in architectures]
    expected = np.array([(e.latency_ms, *e.interval_ms) for e in estimates]).T
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    resident = _predictor().predict_architectures(architectures)[0]
    streamed = found[0] > resident + 1e-6
    stored = [sum(map(features.stored_bytes, graph_of(a, "int8").operators)) for a in architectures]
    assert streamed.tolist() == [size > cache for size in stored]
    if cache in (0.0, 400_000.0):
        assert streamed.any()


def test_unsigned_networks_cost_what_signed_ones_do() -> None:
    tensor = {dtype: Tensor((1, 32, 32, 16), dtype) for dtype in ("int8", "uint8")}
    costs = []
    for t in tensor.values():
        operator = Operator("ADD", (t, t), (t,))
        graph = OpGraph((operator,), (((0, 0), (1,)),), {0: t, 1: t}, (0,), (1,))
        costs.append(_predictor().sum_ms(graph))
    assert costs[0] == costs[1] > 0


def test_float_networks_run_on_the_host() -> None:
    graph = graph_of(_architectures(1)[0], "float32")
    assert set(features.placement(graph)) == {"cpu"}
    times, call_ms = features.price_graph(graph, PRICES)
    assert call_ms == 0.0 and min(times) > 0
    assert features.parameter_plan(graph) == (0, 0)


def test_streaming_hides_the_shorter_of_the_two() -> None:
    graph = edgetpu_network("inception_v4")
    on_chip, off_chip = features.parameter_plan(graph)
    assert on_chip <= features.CACHE_BYTES < on_chip + off_chip
    free = {**PRICES, "stream": {"bytes": 0.0, "unhidden": 0.0}}
    bus = PRICES["stream"]["bytes"]
    slow, quick = (sum(features.price_graph(graph, p)[0]) for p in (PRICES, free))
    assert quick < slow < quick + 3 * bus * off_chip
    both = {**PRICES, "stream": {"bytes": bus, "unhidden": 1.0}}
    assert sum(features.price_graph(graph, both)[0]) > slow


def test_detection_post_process() -> None:
    graph = edgetpu_network("ssd_mobilenet_v1")
    times, call_ms = features.price_graph(graph, PRICES)
    assert times[-1] == pytest.approx(
        1917 * PRICES["cpu"]["anchors"] + 1917 * 91 * PRICES["cpu"]["scores"], rel=1e-12
    )
    boundary = 1917 * (4 + 91)  # Boxes and scores come back, not the found objects.
    call = PRICES["call/int8"]
    expected = call["call"] + 300 * 300 * 3 * call["input_bytes"] + boundary * call["output_bytes"]
    assert call_ms == pytest.approx(expected, rel=1e-12)
    assert _predictor().predict(graph).operators[-1][3] == "cpu"


@pytest.mark.parametrize("host", HOSTS)
def test_prices_are_fit_for_a_predictor_file(host: str, tmp_path: Path) -> None:
    prices = prices_of(parameters_of(PRIOR + 3.0), host)
    assert all(value >= 0 and math.isfinite(value) for group in prices.values() for value in group.values())
    assert prices["cpu"]["desktop_ns"] <= 6.0e-6
    predictor = replace(_predictor(), coefficients=prices)
    predictor.save(tmp_path)
    graph = edgetpu_network("ssd_mobilenet_v2_face")
    assert LatencyPredictor.load(tmp_path).sum_ms(graph) == predictor.sum_ms(graph)


@pytest.mark.shared_data
def test_parameters_of_the_compiled_twins(shared_data: Path) -> None:
    graph = read_tflite(shared_data / "coral_models" / "mobilenet_v1_0.75_192_quant.tflite")
    assert features.parameter_plan(graph)[1] == 0
    assert features.parameter_plan(graph)[0] / 2**20 == pytest.approx(2.62, abs=0.01)
