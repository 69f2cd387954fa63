from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgenas.device_profiles.operator_alignment import align_operators, execution_order

# Operator types that always have exactly the events listed.
_EXACT = {
    "CONV_2D": [["Convolution (NHWC, QC8) IGEMM"], ["Fully Connected (NC, F32) GEMM"]],
    "DEPTHWISE_CONV_2D": [["Convolution (NHWC, QC8) DWConv"]],
    "ADD": [["Add (ND)"], ["Add (ND)", "Clamp (NC)"]],
    "MUL": [["Multiply (ND)"]],
    "RESIZE_BILINEAR": [["Resize Bilinear (NHWC)"]],
    "MAX_POOL_2D": [["Max Pooling (NHWC, S8)"]],
}


@given(
    st.lists(st.sampled_from([(kind, tags) for kind, ways in _EXACT.items() for tags in ways]), max_size=300)
)
def test_every_sequence_of_plain_operators_aligns(chosen: list[tuple[str, list[str]]]) -> None:
    events = [(tag, float(i + 1)) for i, tags in enumerate(tags for _, tags in chosen) for tag in tags]
    expected = tuple(float((i + 1) * len(tags)) for i, (_, tags) in enumerate(chosen))
    assert align_operators([kind for kind, _ in chosen], events) == expected


@given(
    st.lists(st.sampled_from(sorted(_EXACT)), min_size=1, max_size=30),
    st.lists(st.sampled_from(sorted(_EXACT)), min_size=1, max_size=30),
)
def test_events_of_another_network_never_align(types: list[str], others: list[str]) -> None:
    events = [(_EXACT[kind][0][0], 1.0) for kind in others]
    same = [_EXACT[kind][0][0] for kind in types] == [tag for tag, _ in events]
    assert (align_operators(types, events) is not None) == same


def test_fused_operators_have_no_time_of_their_own() -> None:
    events = [("Constant Pad (ND, X8)", 1.0), ("Convolution (NHWC, QC8) IGEMM", 2.0)]
    assert align_operators(["PAD", "CONV_2D"], events) == (1.0, 2.0)
    assert align_operators(["PAD", "CONV_2D", "RELU6"], events[1:]) == (None, 2.0, None)


def test_several_copies_belong_to_a_concatenation() -> None:
    events = [("Copy (NC, X8)", 1.0), ("Copy (NC, X8)", 2.0), ("Sigmoid (NC)", 4.0)]
    assert align_operators(["CONCATENATION", "LOGISTIC"], events) == (3.0, 4.0)


@pytest.mark.parametrize(
    ("types", "tags"),
    [
        (["CONCATENATION", "CONCATENATION"], ["Copy (NC, X8)"]),
        (["RESHAPE", "RESHAPE"], ["Static Reshape (NC)"]),
        (["RESHAPE", "FULLY_CONNECTED"], ["Static Reshape (NC)", "Fully Connected (NC, F32) GEMM"]),
    ],
)
def test_two_possible_owners_are_no_answer(types: Sequence[str], tags: Sequence[str]) -> None:
    assert align_operators(types, [(tag, 1.0) for tag in tags]) is None


def test_unknown_operators_and_kernels_are_no_answer() -> None:
    assert align_operators(["FANCY"], [("Add (ND)", 1.0)]) is None
    assert align_operators(["ADD"], [("Fancy (ND)", 1.0)]) is None
    assert align_operators(["ADD"], []) is None
    assert align_operators([], []) == ()


# 0 -> 1 (outside) -> 2, and 0 -> 3: the delegate's first part takes 0 and 3 before 1 runs.
_TYPES = ["CONV_2D", "RESIZE_NEAREST_NEIGHBOR", "CONV_2D", "CONV_2D"]
_WIRING = [((0, 90), (1,)), ((1,), (2,)), ((2,), (3,)), ((1,), (4,))]
_EVENTS = [
    ("Convolution (NHWC, F32) IGEMM", 1.0),
    ("Fully Connected (NC, F32) GEMM", 4.0),
    ("RESIZE_NEAREST_NEIGHBOR [1]", 2.0),
    ("Fully Connected (NC, F32) GEMM", 3.0),
]


def test_operators_outside_the_delegate_change_the_order() -> None:
    assert execution_order(_WIRING, frozenset({1})) == (0, 3, 1, 2)
    assert execution_order(_WIRING, frozenset()) == (0, 1, 2, 3)
    assert align_operators(_TYPES, _EVENTS, _WIRING) == (1.0, 2.0, 3.0, 4.0)


def test_without_wiring_there_is_no_guess_about_the_order() -> None:
    assert align_operators(_TYPES, _EVENTS) is None
    assert align_operators(_TYPES, _EVENTS, _WIRING[:-1]) is None


def test_a_wrong_index_or_a_cycle_is_no_answer() -> None:
    for tag in ("RESIZE_NEAREST_NEIGHBOR [2]", "RESIZE_NEAREST_NEIGHBOR [9]", "TILE [1]"):
        assert align_operators(_TYPES, [*_EVENTS[:2], (tag, 2.0), _EVENTS[3]], _WIRING) is None
    assert (
        align_operators(["TILE", "ADD"], [("TILE [0]", 1.0), ("Add (ND)", 1.0)], [((2,), (1,)), ((1,), (2,))])
        is None
    )
