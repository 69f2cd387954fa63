"""Predicting: additivity, agreement of both paths, domain, unknown operators."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgenas.graph import Operator, OpGraph, Tensor, graph_of
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.space import Architecture, load_space

Sample = Callable[[int, int], list[Architecture]]


def single_operator_graph(operator: Operator) -> OpGraph:
    tensors = dict(enumerate((*operator.inputs, *operator.outputs)))
    ins = tuple(range(len(operator.inputs)))
    outs = tuple(range(len(operator.inputs), len(tensors)))
    return OpGraph((operator,), ((ins, outs),), tensors, ins, outs)


def test_estimate_is_complete_and_json_ready(fitted: Fit, sample_architectures: Sample) -> None:
    graph = graph_of(sample_architectures(1, 1)[0])
    estimate = fitted.predictor.predict(graph)
    data = json.loads(json.dumps(estimate.to_dict(), allow_nan=False))
    assert data["source"] == "predicted"
    assert data["interval_ms"][0] < data["latency_ms"] < data["interval_ms"][1]
    assert [o["index"] for o in data["operators"]] == list(range(len(graph.operators)))
    assert [o["type"] for o in data["operators"]] == [o.type for o in graph.operators]
    assert {o["placement"] for o in data["operators"]} == {"cpu"}
    assert 0 < data["latency_ms"] - sum(o["latency_ms"] for o in data["operators"]) < 0.1
    assert estimate.in_domain and estimate.domain_notes == ()
    assert estimate.upper_ms(0.05) == pytest.approx(estimate.interval_ms[1])


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_fast_path_equals_predict(fitted: Fit, sample_architectures: Sample, dtype: str) -> None:
    space = load_space("declared")
    rng = np.random.default_rng(4)
    heads = {"depth": 1, "normals": 3, "segmentation": 13}
    strange = [
        space.architecture(space.sample(rng), input_shape=(64, 96), head_channels=heads) for _ in range(5)
    ]
    architectures = sample_architectures(30, 11) + strange + [strange[0].with_tasks(["depth"])]
    predictor = replace(fitted.predictor)
    latency, low, high = predictor.predict_architectures(architectures, dtype=dtype)
    for i, architecture in enumerate(architectures):
        estimate = predictor.predict(graph_of(architecture, dtype))
        assert latency[i] == pytest.approx(estimate.latency_ms)
        assert (low[i], high[i]) == pytest.approx(estimate.interval_ms)


def test_fast_path_of_nothing(fitted: Fit) -> None:
    assert [a.shape for a in fitted.predictor.predict_architectures([])] == [(0,)] * 3


def test_fast_path_with_unknown_operators_equals_predict(fitted: Fit, sample_architectures: Sample) -> None:
    coefficients = {k: v for k, v in fitted.predictor.coefficients.items() if not k.startswith("MUL/")}
    domain = replace(
        fitted.predictor.domain,
        classes={k: v for k, v in fitted.predictor.domain.classes.items() if not k.startswith("MUL/")},
    )
    predictor = replace(fitted.predictor, coefficients=coefficients, domain=domain)
    architectures = sample_architectures(5, 12)
    latency, low, _ = predictor.predict_architectures(architectures)
    for i, architecture in enumerate(architectures):
        estimate = predictor.predict(graph_of(architecture))
        assert any("MUL (int8) was not in its fit" in note for note in estimate.domain_notes)
        assert (latency[i], low[i]) == pytest.approx((estimate.latency_ms, estimate.interval_ms[0]))


def test_unknown_operator_is_guessed_flagged_and_widened(fitted: Fit) -> None:
    t = Tensor((1, 8, 8, 16), "int8")
    estimate = fitted.predictor.predict(
        single_operator_graph(Operator("TRANSPOSE_CONV", (t,), (t,), (3, 3), macs=10**6))
    )
    assert estimate.latency_ms > 0
    assert not estimate.in_domain
    assert "TRANSPOSE_CONV (int8) was not in its fit: estimated by the prior" in estimate.domain_notes
    assert estimate.interval_ms[1] / estimate.latency_ms > 1.5


def test_unknown_element_type_is_flagged(fitted: Fit) -> None:
    t = Tensor((1, 8, 8, 16), "int16")
    estimate = fitted.predictor.predict(single_operator_graph(Operator("ADD", (t, t), (t,))))
    assert estimate.latency_ms > 0
    assert "no network of type int16 was in its fit" in estimate.domain_notes


def test_larger_network_is_out_of_domain_with_a_wider_interval(
    fitted: Fit, sample_architectures: Sample
) -> None:
    architecture = sample_architectures(1, 1)[0]
    larger = replace(architecture, input_height=256, input_width=384)
    estimate = fitted.predictor.predict(graph_of(larger))
    inside = fitted.predictor.predict(graph_of(architecture))
    assert not estimate.in_domain
    assert any("pixels" in note for note in estimate.domain_notes)
    assert len(estimate.domain_notes) <= 9
    assert estimate.interval_ms[1] / estimate.latency_ms > inside.interval_ms[1] / inside.latency_ms
    assert estimate.latency_ms > inside.latency_ms


def test_empty_graph(fitted: Fit) -> None:
    estimate = fitted.predictor.predict(OpGraph((), (), {}, (), ()))
    assert estimate.operators == ()
    assert not estimate.in_domain


def test_price_cache_is_not_shared_by_copies(fitted: Fit, sample_architectures: Sample) -> None:
    architectures = sample_architectures(3, 5)
    fitted.predictor.predict_architectures(architectures)
    doubled: LatencyPredictor = replace(
        fitted.predictor,
        coefficients={k: {n: 2 * x for n, x in v.items()} for k, v in fitted.predictor.coefficients.items()},
    )
    ratio = (
        doubled.predict_architectures(architectures)[0]
        / fitted.predictor.predict_architectures(architectures)[0]
    )
    assert ratio == pytest.approx(2.0)


def test_summary_names_the_held_out_error(fitted: Fit) -> None:
    text = fitted.predictor.summary({**fitted.card, "date": "2026-01-02", "machine": "a CPU"})
    assert text.startswith("simulated/int8-1t: MAPE ")
    assert "on 40 networks held out; measured 2026-01-02 on a CPU" in text
    assert fitted.predictor.summary({"spearman": None}) == "simulated/int8-1t: no held-out error is known"
