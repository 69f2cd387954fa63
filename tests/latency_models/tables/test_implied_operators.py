"""Operators that mobile-ml-benchmark does not list: hand-made chains."""

from __future__ import annotations

import pytest

from edgenas.graph.opgraph import Operator
from edgenas.latency_models.tables import operators as ops
from edgenas.latency_models.tables.implied_operators import names_fit, with_implied


def conv(
    x: int, c: int, y: int, n: int, kernel: int = 1, stride: int = 1, dtype: str = "float32"
) -> Operator:
    """A convolution from side `x`, channels `c` to side `y`, channels `n`."""
    return ops.conv((x, x, c), (y, y, n), kernel, stride, dtype).plain


def depthwise(x: int, c: int, y: int, kernel: int = 3, stride: int = 1) -> Operator:
    return ops.depthwise((x, x, c), (y, y, c), kernel, stride, "float32").plain


def mean(x: int, c: int) -> Operator:
    return ops.global_mean((x, x, c), "float32").plain


def types(operators: tuple[Operator, ...]) -> list[str]:
    return [operator.type for operator in operators]


STEM = conv(224, 3, 112, 16, 3, 2)


def test_a_size_that_nobody_wrote_was_padded() -> None:
    listed = [STEM, depthwise(114, 16, 56, 3, 2), conv(56, 16, 56, 24)]
    found = with_implied(listed)
    assert types(found) == ["CONV_2D", "PAD", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert found[1].inputs[0].shape == (1, 112, 112, 16) and found[1].outputs[0].shape == (1, 114, 114, 16)
    assert found[2] is listed[1]


@pytest.mark.parametrize(
    ("first", "image"),
    [
        (conv(230, 3, 112, 64, 7, 2), 224),
        (conv(226, 3, 224, 64, 3), 224),
        (conv(194, 3, 192, 64, 3), 192),
        (conv(224, 3, 112, 64, 7, 2), None),
        (conv(299, 3, 149, 64, 3, 2), None),
        (conv(32, 3, 32, 64), None),
        (conv(1, 3, 1, 64), None),
    ],
)
def test_padding_of_the_image(first: Operator, image: int | None) -> None:
    found = with_implied([first])
    assert types(found) == (["CONV_2D"] if image is None else ["PAD", "CONV_2D"])
    assert image is None or found[0].inputs[0].shape == (1, image, image, 3)


def test_a_larger_map_than_padding_explains_is_left_alone() -> None:
    assert types(with_implied([STEM, conv(128, 16, 126, 16, 3)])) == ["CONV_2D", "CONV_2D"]


def test_inverted_bottleneck() -> None:
    block = [conv(56, 24, 56, 144), depthwise(58, 144, 56), conv(56, 144, 56, 24)]
    found = with_implied([STEM, conv(112, 16, 56, 24, 3, 2), *block, conv(56, 24, 56, 144)])
    assert types(found) == [
        "CONV_2D",
        "CONV_2D",
        "CONV_2D",
        "PAD",
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "ADD",
        "CONV_2D",
    ]
    assert [t.shape for t in found[6].inputs] == [(1, 56, 56, 24)] * 2


@pytest.mark.parametrize("change", ["stride", "channels"])
def test_no_sum_where_the_block_changes_its_map(change: str) -> None:
    block = {
        "stride": [conv(56, 24, 56, 144), depthwise(58, 144, 28, stride=2), conv(28, 144, 28, 24)],
        "channels": [conv(56, 24, 56, 144), depthwise(58, 144, 56), conv(56, 144, 56, 32)],
    }[change]
    assert "ADD" not in types(with_implied([STEM, conv(112, 16, 56, 24, 3, 2), *block]))


def test_projection_and_pairs_of_convolutions() -> None:
    plain = [conv(58, 16, 56, 16, 3), conv(58, 16, 56, 16, 3)]
    reduced = [conv(58, 16, 28, 32, 3, 2), conv(30, 32, 28, 32, 3), conv(56, 16, 28, 32, 1, 2)]
    entry = [conv(224, 3, 56, 16, 7, 4)]
    found = with_implied([*entry, *plain, *reduced, conv(30, 32, 28, 32, 3), conv(30, 32, 28, 32, 3)])
    sums = [operator.outputs[0].shape for operator in found if operator.type == "ADD"]
    assert sums == [(1, 56, 56, 16), (1, 28, 28, 32), (1, 28, 28, 32)]
    # Without a projection the pairs may as well be a plain chain, as in VGG.
    assert "ADD" not in types(with_implied([*entry, *plain]))


def test_squeeze_and_excitation() -> None:
    gate = [mean(56, 32), conv(1, 32, 1, 2), conv(1, 2, 1, 32)]
    found = with_implied([STEM, conv(112, 16, 56, 32, 3, 2), *gate, conv(56, 32, 56, 64)])
    assert types(found) == ["CONV_2D", "CONV_2D", "MEAN", "CONV_2D", "CONV_2D", "MUL", "CONV_2D"]
    assert [t.shape for t in found[5].inputs] == [(1, 56, 56, 32), (1, 1, 1, 32)]
    assert found[5].outputs[0].shape == (1, 56, 56, 32)


NAMED = [STEM, conv(114, 16, 112, 16, 3), conv(112, 16, 112, 16)]


def test_sums_and_batch_norms_in_the_names() -> None:
    fused = [
        "convolution_2d_0_linked_:_relu_1",
        "convolution_2d_3_linked_:_add_4_linked_:_relu_5",
        "convolution_2d_6",
    ]
    assert names_fit(fused)
    assert types(with_implied(NAMED, fused)) == ["CONV_2D", "PAD", "CONV_2D", "ADD", "CONV_2D"]
    norm = [
        "convolution_2d_0",
        "convolution_2d_2_linked_:_mul_3_linked_:_add_4_linked_:_relu_5",
        "convolution_2d_6",
    ]
    found = with_implied(NAMED, norm)
    assert types(found) == ["CONV_2D", "PAD", "CONV_2D", "MUL", "MUL", "CONV_2D"]
    assert len(found[3].inputs) == 1 and found[3].outputs[0].shape == (1, 112, 112, 16)


@pytest.mark.parametrize(
    ("number", "between"),
    [(4, []), (5, ["MUL"]), (6, ["ADD"]), (7, ["MUL", "MUL"]), (8, ["ADD", "MUL", "MUL"])],
)
def test_numbers_that_no_kernel_has(number: int, between: list[str]) -> None:
    kernels = ["convolution_2d_0_linked_:_relu_1", "convolution_2d_3", f"convolution_2d_{number}"]
    assert types(with_implied(NAMED, kernels)) == ["CONV_2D", "PAD", "CONV_2D", *between, "CONV_2D"]


def test_the_product_of_a_gate_in_the_names() -> None:
    listed = [STEM, mean(112, 16), conv(1, 16, 1, 4), conv(1, 4, 1, 16), conv(112, 16, 112, 8)]
    kernels = ["convolution_2d_0", "mean_1", "convolution_2d_2_linked_:_relu_3",
               "convolution_2d_4_linked_:_sigmoid_5", "convolution_2d_7"]  # fmt: skip
    found = with_implied(listed, kernels)
    assert types(found) == ["CONV_2D", "MEAN", "CONV_2D", "CONV_2D", "MUL", "CONV_2D"]
    assert [t.shape for t in found[4].inputs] == [(1, 112, 112, 16), (1, 1, 1, 16)]


@pytest.mark.parametrize(
    "kernels",
    [
        [], ["convolution_2d_0", ""], ["convolution_2d_0", "nan"], ["convolution_2d_1", "convolution_2d_0"],
        ["convolution_2d_0", "convolution_2d_0"], ["convolution_winograd_4x4_6x6_1"],
        ["convolution_2d_5_linked_:_relu_4"],
    ],
)  # fmt: skip
def test_names_that_number_no_nodes(kernels: list[str]) -> None:
    assert not names_fit(kernels)


def test_strange_chains_pass() -> None:
    dense = ops.fully_connected((7,), 3, "int8").plain
    odd = [
        dense,
        dense,
        mean(5, 2),
        ops.concatenation(((9, 9, 4),), (3, 3, 1), "int8").plain,
        conv(2, 1, 50, 1, 1, dtype="int8"),
        ops.pool("MAX_POOL_2D", (1, 1, 4), (1, 1, 4), 1, 1, "int8").plain,
    ]
    assert with_implied([]) == ()
    assert [o for o in with_implied(odd) if o in odd] == odd
    assert [o for o in with_implied(odd, ["x_0"] * len(odd)) if o in odd] == odd
