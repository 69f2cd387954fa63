"""Feature sets by name: each prices whatever a file may hold."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.errors import UsageError
from edgenas.graph import Operator, OpGraph, Tensor
from edgenas.latency_models.feature_sets import FEATURE_SETS, feature_set, usual_features
from edgenas.latency_models.fit import Fit

KINDS = (
    "ADD", "AVERAGE_POOL_2D", "ARG_MAX", "BATCH_MATMUL", "CAST", "CONCATENATION", "CONV_2D", "CONV_3D",
    "DEPTHWISE_CONV_2D", "DEQUANTIZE", "FULLY_CONNECTED", "GATHER", "GELU", "HARD_SWISH", "LOGISTIC", "LSTM",
    "MAX_POOL_2D", "MEAN", "MIRROR_PAD", "MUL", "PACK", "PAD", "QUANTIZE", "RELU", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "SHAPE", "SOFTMAX", "SPLIT", "STRIDED_SLICE", "SUB", "SUM", "TRANSPOSE",
    "TRANSPOSE_CONV", "WHILE", "acme.NeverHeardOf",
)  # fmt: skip


def test_names() -> None:
    assert sorted(FEATURE_SETS) == ["edgetpu", "ethos-u", "ruy", "xnnpack"]
    assert all(feature_set(name).name == name and feature_set(name).version >= 1 for name in FEATURE_SETS)


def test_usual_sets() -> None:
    assert (usual_features("vela").name, usual_features("litert").name) == ("ethos-u", "xnnpack")


def test_unknown_name() -> None:
    with pytest.raises(UsageError, match=r"Unknown feature set 'xnpack'\. Did you mean 'xnnpack'"):
        feature_set("xnpack")


def every_price(name: str, operator: Operator) -> dict[str, dict[str, float]]:
    """Coefficients under which nothing that the set counts is free."""
    features = FEATURE_SETS[name]
    call = features.call_quantities(operator.inputs, operator.outputs)
    return {
        features.price_class(operator): dict.fromkeys(features.quantities(operator), 1e-6),
        **{f"call/{dtype}": dict.fromkeys(call, 1e-6) for dtype in ("int8", "float32", "int16", "string")},
        "stream": {"bytes": 1e-6},
        "cpu": {"desktop_ns": 1e-6},
    }


def alone(operator: Operator) -> OpGraph:
    tensors = dict(enumerate((*operator.inputs, *operator.outputs)))
    ins = tuple(range(len(operator.inputs)))
    outs = tuple(range(len(operator.inputs), len(tensors)))
    return OpGraph((operator,), ((ins, outs),), tensors, ins, outs)


SHAPES = st.lists(st.integers(1, 64), min_size=0, max_size=5).map(tuple)


@st.composite
def operators(draw: st.DrawFn) -> Operator:
    dtype = draw(st.sampled_from(["int8", "float32", "int16", "string"]))
    return Operator(
        draw(st.sampled_from(KINDS)),
        tuple(Tensor(shape, dtype) for shape in draw(st.lists(SHAPES, max_size=3))),
        tuple(Tensor(shape, dtype) for shape in draw(st.lists(SHAPES, max_size=2))),
        (draw(st.integers(0, 7)), draw(st.integers(0, 7))),
        (draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        macs=draw(st.integers(0, 10**9)),
        parameter_bytes=draw(st.integers(0, 10**8)),
        flags=draw(st.sampled_from([(), ("groups=4",), ("zero",)])),
    )


@pytest.mark.parametrize("name", sorted(FEATURE_SETS))
def test_any_operator_has_a_finite_price(name: str, fitted: Fit) -> None:
    features = FEATURE_SETS[name]

    @settings(max_examples=150, deadline=None)
    @given(operators())
    def check(operator: Operator) -> None:
        graph = alone(operator)
        assert len(features.placement(graph)) == 1
        assert features.stored_bytes(operator) >= 0
        predictor = replace(fitted.predictor, features=features, coefficients=every_price(name, operator))
        estimate = predictor.predict(graph)
        assert math.isfinite(estimate.latency_ms) and estimate.latency_ms >= 0
        ((index, kind, ms, place),) = estimate.operators
        assert (index, kind) == (0, operator.type) and math.isfinite(ms) and ms >= 0
        assert place in {"edgetpu": ("cpu", "edgetpu"), "ethos-u": ("npu",)}.get(name, ("cpu",))

    check()


@pytest.mark.parametrize("name", sorted(FEATURE_SETS))
@pytest.mark.parametrize("kind", KINDS)
def test_every_type_costs_something_or_is_known_to_be_free(name: str, kind: str, fitted: Fit) -> None:
    t = Tensor((1, 8, 8, 16), "int8")
    operator = Operator(kind, (t,), (t,), (3, 3), (1, 1), macs=10**5, parameter_bytes=512)
    predictor = replace(
        fitted.predictor, features=FEATURE_SETS[name], coefficients=every_price(name, operator)
    )
    (found,) = predictor.predict(alone(operator)).operators
    free = name == "edgetpu" and kind in ("RELU", "RESHAPE")
    assert (found[2] == 0) is free
