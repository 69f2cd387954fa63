"""Quantities of operators."""

from __future__ import annotations

import math

import pytest

from edgenas.graph import Operator, Tensor, graph_of
from edgenas.latency_models.features import (
    call_features,
    domain_quantities,
    operator_class,
    operator_features,
    prior_features,
)
from edgenas.space import load_space


def int8_tensor(*shape: int) -> Tensor:
    return Tensor(shape, "int8")


def test_classes_tell_kernels_and_element_types_apart() -> None:
    x, y = int8_tensor(1, 8, 8, 16), int8_tensor(1, 8, 8, 24)
    pointwise = Operator("CONV_2D", (x,), (y,), (1, 1), (1, 1))
    assert operator_class(pointwise) == "CONV_2D_1x1/int8"
    assert operator_class(Operator("CONV_2D", (x,), (y,), (3, 3), (1, 1))) == "CONV_2D_kxk/int8"
    assert operator_class(Operator("CONV_2D", (x,), (y,), (1, 1), (2, 2))) == "CONV_2D_kxk/int8"
    assert (
        operator_class(Operator("ADD", (Tensor((1,), "float32"),), (Tensor((1,), "float32"),)))
        == "ADD/float32"
    )
    assert operator_class(Operator("SHAPE", (), ())) == "SHAPE/none"


def test_convolution_rounds_channels_up_to_vectors() -> None:
    thirteen = Operator("CONV_2D", (int8_tensor(1, 4, 4, 24),), (int8_tensor(1, 4, 4, 13),), (1, 1), (1, 1))
    sixteen = Operator("CONV_2D", (int8_tensor(1, 4, 4, 24),), (int8_tensor(1, 4, 4, 16),), (1, 1), (1, 1))
    features = operator_features(thirteen)
    assert features["macs"] == 16 * 16 * 24 == operator_features(sixteen)["macs"]
    assert features["wide_macs"] == 16 * 32 * 24
    assert features["deep_macs"] == 16 * 16 * 64
    assert features["results"] == 16 * 16


def test_activation_of_a_sum_is_a_kernel_of_its_own() -> None:
    t = int8_tensor(1, 2, 2, 8)
    assert operator_features(Operator("ADD", (t, t), (t,)))["clamp_results"] == 0
    assert operator_features(Operator("ADD", (t, t), (t,), activation="relu6"))["clamp_results"] == 32


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_every_operator_of_the_spaces_has_finite_non_negative_quantities(dtype: str) -> None:
    space = load_space("declared")
    heads = {"depth": 1, "normals": 3, "segmentation": 19}
    graph = graph_of(space.architecture(space.default(), input_shape=(64, 96), head_channels=heads), dtype)
    for operator in graph.operators:
        for quantities in (
            operator_features(operator),
            prior_features(operator),
            domain_quantities(operator),
        ):
            assert all(math.isfinite(v) and v >= 0 for v in quantities.values())


def test_operators_without_tensors_or_of_unknown_type_have_the_prior_quantities() -> None:
    scalar = Operator("GELU", (Tensor((), "int8"),), (Tensor((), "int8"),))
    for operator in (Operator("SHAPE", (), ()), scalar, Operator("CONV_2D", (), (), (3, 3))):
        assert operator_features(operator) == prior_features(operator)
    assert call_features((), ()) == {"call": 1.0, "input_bytes": 0.0, "output_bytes": 0.0}
