"""What networks are described by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.graph import Operator, OpGraph, Tensor
from edgenas.latency_models.descriptors import GATE, PATH, describe
from edgenas.latency_models.tables.nasbench201 import OPERATIONS, nasbench201_graph

T = Tensor((1, 8, 8, 16), "int8")
CONV = Operator("CONV_2D", (T,), (T,), (3, 3), (1, 1))
RELU_CONV = Operator("CONV_2D", (T,), (T,), (1, 1), (2, 2), activation="relu")
ADD = Operator("ADD", (T, T), (T,))
MUL_ZERO = Operator("MUL", (T,), (T,), flags=("zero",))


def graph(*steps: tuple[Operator, tuple[int, ...]], output: int = -1) -> OpGraph:
    """Operators with what they read; tensor 0 is the input, operator i writes i + 1."""
    wiring = tuple((reads, (i + 1,)) for i, (_, reads) in enumerate(steps))
    outputs = (len(steps) if output < 0 else output,)
    return OpGraph(tuple(o for o, _ in steps), wiring, dict.fromkeys(range(len(steps) + 1), T), (0,), outputs)


GATES = {f"{GATE}input (1, 8, 8, 16) int8": 1.0, f"{GATE}output (1, 8, 8, 16)": 1.0}


def test_a_chain() -> None:
    assert describe(graph((CONV, (0,)), (RELU_CONV, (1,)))) == {
        "op:CONV_2D 3x3": 1, "op:CONV_2D 1x1/2+relu": 1, "edge:input>CONV_2D 3x3": 1,
        "edge:CONV_2D 3x3>CONV_2D 1x1/2+relu": 1, "operators": 2, "depth": 2, "alive_most": 2, "alive_total": 4,
        "waits": 0, "shared": 0, **GATES,
    }  # fmt: skip


def test_three_operators_in_a_row() -> None:
    # The sum reads the first convolution and the third: nothing stands before the first, so two rows of three.
    steps = graph((CONV, (0,)), (RELU_CONV, (1,)), (CONV, (2,)), (ADD, (1, 3)))
    plain, with_paths = describe(steps), describe(steps, paths=True)
    assert not any(key.startswith(PATH) for key in plain)
    assert {key: value for key, value in with_paths.items() if not key.startswith(PATH)} == plain
    assert {key: value for key, value in with_paths.items() if key.startswith(PATH)} == {
        f"{PATH}CONV_2D 3x3>CONV_2D 1x1/2+relu>CONV_2D 3x3": 1,
        f"{PATH}CONV_2D 1x1/2+relu>CONV_2D 3x3>ADD": 1,
    }


def test_a_residual_block() -> None:
    # 0 -> conv -> 1 -> conv -> 2; 3 = 1 + 2: the result of the first waits for one step and has two readers.
    assert describe(graph((CONV, (0,)), (CONV, (1,)), (ADD, (1, 2)))) == {
        "op:CONV_2D 3x3": 2, "op:ADD": 1, "edge:input>CONV_2D 3x3": 1, "edge:CONV_2D 3x3>CONV_2D 3x3": 1,
        "edge:CONV_2D 3x3>ADD": 2, "operators": 3, "depth": 3, "alive_most": 3, "alive_total": 2 + 2 + 3,
        "waits": 1, "shared": 1, **GATES,
    }  # fmt: skip


def test_order_of_branches_is_seen_in_what_waits() -> None:
    early = describe(graph((CONV, (0,)), (MUL_ZERO, (0,)), (ADD, (1, 2))))
    assert early["waits"] == 1 + 1  # The input for the product, the convolution for the sum.
    assert early["depth"] == 2 and early["shared"] == 1
    assert early["op:MUL zero"] == 1 and early["edge:input>MUL zero"] == 1


def test_an_operator_without_activations() -> None:
    found = describe(graph((Operator("MEAN", (T,), (T,)), ())))
    assert found["depth"] == 1 and found["op:MEAN"] == 1
    assert not any(key.startswith("edge:") for key in found)


def test_a_network_of_nothing() -> None:
    empty = OpGraph((), (), {0: T}, (0,), (0,))
    assert describe(empty) == {
        "operators": 0, "depth": 0, "alive_most": 0, "alive_total": 0, "waits": 0, "shared": 0, **GATES,
    }  # fmt: skip


def test_sizes_are_facts_of_inputs_and_outputs_only() -> None:
    a, b = nasbench201_graph(FULL), nasbench201_graph(FULL, dtype="int8")
    differing = {key for key in {*describe(a), *describe(b)} if describe(a).get(key) != describe(b).get(key)}
    assert differing == {f"{GATE}input (1, 32, 32, 3) float32", f"{GATE}input (1, 32, 32, 3) int8"}


FULL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(OPERATIONS), min_size=6, max_size=6), st.integers(0, 2**32 - 1))
def test_numbers_of_tensors_mean_nothing(edges: list[str], seed: int) -> None:
    a, b, c, d, e, f = edges
    cell = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
    original = nasbench201_graph(cell, cells=1)
    numbers = np.random.default_rng(seed).permutation(2 * len(original.tensors)).tolist()
    renumbered = OpGraph(
        original.operators,
        tuple(
            (tuple(numbers[i] for i in reads), tuple(numbers[i] for i in writes))
            for reads, writes in original.wiring
        ),
        {numbers[i]: tensor for i, tensor in original.tensors.items()},
        tuple(numbers[i] for i in original.inputs),
        tuple(numbers[i] for i in original.outputs),
        original.output_names,
    )
    found = describe(renumbered)
    assert found == describe(original)
    assert all(value >= 0 for value in found.values())


@pytest.mark.parametrize("key", ["alive_most", "alive_total"])
def test_what_is_kept_for_the_end_stays_alive(key: str) -> None:
    branch = graph((CONV, (0,)), (CONV, (1,)), (CONV, (2,)))
    both = OpGraph(branch.operators, branch.wiring, branch.tensors, (0,), (1, 3))
    assert describe(both)[key] > describe(branch)[key]
