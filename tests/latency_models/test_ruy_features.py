"""Quantities of TFLite's built-in kernels against numbers computed by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.graph import Operator, Tensor
from edgenas.latency_models.ruy_features import (
    PRICE_CLASS,
    PRIOR_RATIOS,
    call_quantities,
    price_class,
    quantities,
)


def tensor(*shape: int, dtype: str = "float32") -> Tensor:
    return Tensor(shape, dtype)


def conv(
    image: tuple[int, ...], out: tuple[int, ...], kernel: int, stride: int = 1, dtype: str = "float32"
) -> Operator:
    macs = math.prod(out) * kernel**2 * image[-1]
    return Operator(
        "CONV_2D", (Tensor(image, dtype),), (Tensor(out, dtype),), (kernel,) * 2, (stride,) * 2, macs=macs
    )


def test_pointwise_convolution_in_tiles() -> None:
    # 5 x 5 positions are 7 rows of tiles (28), 13 channels two columns of 8 (16).
    assert quantities(conv((1, 5, 5, 24), (1, 5, 5, 13), 1)) == {
        "operators": 1, "macs": 28 * 16 * 24, "results": 25 * 13, "weights": 13 * 24, "results_beyond_cache": 0,
    }  # fmt: skip


def test_int8_tiles_are_wider_and_deeper() -> None:
    found = quantities(conv((1, 5, 5, 24), (1, 5, 5, 20), 1, dtype="int8"))
    assert found == {
        "operators": 1, "macs": 28 * 24 * 24, "macs_16_columns": 28 * 32 * 24, "macs_16_deep": 28 * 24 * 32,
        "results": 25 * 20, "weights": 20 * 24, "results_beyond_cache": 0,
    }  # fmt: skip
    assert quantities(conv((1, 5, 5, 24), (1, 5, 5, 20), 1, dtype="uint8")) == found


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (1, 2), (3, 2)])
def test_kernels_and_strides_above_one_are_copied_first(kernel: int, stride: int) -> None:
    found = quantities(conv((1, 8, 8, 4), (1, 8 // stride, 8 // stride, 8), kernel, stride))
    positions = (8 // stride) ** 2
    assert found["im2col"] == positions * kernel * kernel * 4
    assert found["im2col_rows"] == positions * kernel
    assert found["macs"] == positions * 8 * kernel * kernel * 4


def test_results_that_leave_the_cache() -> None:
    assert quantities(conv((1, 256, 256, 3), (1, 256, 256, 8), 1))["results_beyond_cache"] == 2**19 - 2**18
    assert quantities(conv((1, 256, 256, 3), (1, 256, 256, 8), 1, dtype="int8"))["results_beyond_cache"] == 0


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_convolution_of_one_position_is_a_dense_layer(dtype: str) -> None:
    found = quantities(conv((1, 1, 1, 64), (1, 1, 1, 32), 1, dtype=dtype))
    assert found == {"operators": 1, "dense_weights": 64 * 32}


def test_fully_connected() -> None:
    for dtype, more in (("float32", {}), ("int8", {"fully_connected_weights": 640.0})):
        operator = Operator(
            "FULLY_CONNECTED", (tensor(1, 64, dtype=dtype),), (tensor(1, 10, dtype=dtype),), macs=640
        )
        assert quantities(operator) == {"operators": 1, "dense_weights": 640, **more}


def test_grouped_convolution_runs_in_the_reference_kernel() -> None:
    operator = Operator(
        "CONV_2D", (tensor(1, 4, 4, 8),), (tensor(1, 4, 4, 16),), (3, 3), (1, 1), macs=16 * 16 * 9 * 2,
        flags=("groups=4",),
    )  # fmt: skip
    assert quantities(operator) == {
        "operators": 1,
        "grouped_macs": 16 * 16 * 9 * 2,
        "grouped_taps": 16 * 16 * 9,
    }


@pytest.mark.parametrize(
    ("dtype", "kernel", "channels", "name"),
    [
        ("int8", 3, 16, "depthwise_macs"),
        ("int8", 3, 12, "depthwise_macs_slow"),
        ("int8", 5, 16, "depthwise_macs_slow"),
        ("uint8", 5, 16, "depthwise_macs_slow"),
        ("float32", 5, 12, "depthwise_macs"),
    ],
)
def test_quick_depthwise_of_int8(dtype: str, kernel: int, channels: int, name: str) -> None:
    image = tensor(1, 4, 4, channels, dtype=dtype)
    macs = 16 * channels * kernel**2
    operator = Operator("DEPTHWISE_CONV_2D", (image,), (image,), (kernel, kernel), (1, 1), macs=macs)
    assert quantities(operator) == {"operators": 1, name: macs}


def test_operators_that_move_data() -> None:
    image, half = tensor(1, 4, 4, 8), tensor(1, 2, 2, 8)
    other = {"other_operators": 1.0}
    assert quantities(Operator("ADD", (image, image), (image,))) == {**other, "added": 128}
    assert quantities(Operator("SUB", (image, image), (image,))) == {**other, "added": 128}
    assert quantities(Operator("ADD", (image,), (image,), parameter_bytes=32)) == {
        **other,
        "elementwise": 128,
    }
    assert quantities(Operator("MUL", (image, image), (image,))) == {**other, "elementwise": 128}
    assert quantities(Operator("RELU", (image,), (image,))) == {**other, "elementwise": 128}
    assert quantities(Operator("RESHAPE", (image,), (tensor(1, 128),))) == {**other, "elementwise": 0}
    assert quantities(Operator("MEAN", (image,), (tensor(1, 8),))) == {**other, "averaged": 128}
    for kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        assert quantities(Operator(kind, (image,), (half,), (3, 3), (2, 2))) == {**other, "pooled": 32 * 9}
    two = tensor(1, 4, 4, 16)
    assert quantities(Operator("CONCATENATION", (image, image), (two,))) == {**other, "concatenated": 256}
    padded = tensor(1, 6, 5, 8)
    assert quantities(Operator("PAD", (image,), (padded,))) == {
        **other,
        "padded": 6 * 5 * 8,
        "padded_edge": 4 * 6 * 8,
    }
    assert quantities(Operator("PAD", (tensor(2, 3),), (tensor(2, 5),)))["padded_edge"] == 4 * 1 * 5


@pytest.mark.parametrize(
    "operator",
    [
        Operator("SHAPE", (), ()),
        Operator("CONV_2D", (), (), (3, 3)),
        Operator("GELU", (tensor(),), (tensor(),)),
        Operator("CUSTOM", (tensor(1, 2),), ()),
    ],
)
def test_operators_without_sizes_cost_a_call(operator: Operator) -> None:
    assert quantities(operator) == {"other_operators": 1.0}


def test_one_class_and_one_price_of_a_call() -> None:
    assert (
        price_class(conv((1, 8, 8, 4), (1, 8, 8, 4), 3)) == price_class(Operator("X", (), ())) == PRICE_CLASS
    )
    assert call_quantities((tensor(1, 999),), ()) == {"call": 1.0}


SIZES = st.lists(st.integers(0, 40), min_size=0, max_size=5).map(tuple)
TYPES = (
    "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "PAD", "MEAN", "CONCATENATION",
    "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "RESIZE_BILINEAR", "TRANSPOSE_CONV", "my.custom.op",
)  # fmt: skip


@st.composite
def operators(draw: st.DrawFn) -> Operator:
    dtype = draw(st.sampled_from(["int8", "float32"]))
    return Operator(
        draw(st.sampled_from(TYPES)),
        tuple(Tensor(shape, dtype) for shape in draw(st.lists(SIZES, max_size=3))),
        tuple(Tensor(shape, dtype) for shape in draw(st.lists(SIZES, max_size=2))),
        (draw(st.integers(0, 7)), draw(st.integers(0, 7))),
        (draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        macs=draw(st.integers(0, 10**9)),
        flags=draw(st.sampled_from([(), ("groups=4",), ("align_corners",), ("zero",)])),
    )


@settings(max_examples=400, deadline=None)
@given(operators())
def test_quantities_are_finite_known_and_not_negative(operator: Operator) -> None:
    found = quantities(operator)
    dtype = (operator.inputs or operator.outputs or (Tensor((), "float32"),))[0].dtype
    assert set(found) <= set(PRIOR_RATIOS[dtype])
    assert all(math.isfinite(value) and value >= 0 for value in found.values())
    assert found.get("operators", 0) + found.get("other_operators", 0) == 1


@pytest.mark.parametrize("dtype", sorted(PRIOR_RATIOS))
def test_prior_prices_are_not_negative_and_price_every_kind_of_operator(dtype: str) -> None:
    assert all(math.isfinite(price) and price >= 0 for price in PRIOR_RATIOS[dtype].values())
    for kind in TYPES:
        t = tensor(1, 8, 8, 16, dtype=dtype)
        found = quantities(Operator(kind, (t, t), (t,), (3, 3), (1, 1), macs=10**5))
        assert sum(PRIOR_RATIOS[dtype][name] * value for name, value in found.items()) > 0, kind
