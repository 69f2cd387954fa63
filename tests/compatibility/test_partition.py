"""The one piece for the chip: TFLite's way of handing operators to a delegate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edgenas.compatibility import check_graph
from edgenas.compatibility.partition import first_piece, obstacle
from edgenas.graph import Operator, OpGraph, Tensor

_MAP = Tensor((1, 4, 4, 8), "int8")


def graph_of(reads: list[tuple[int, ...]], types: list[str] | None = None) -> OpGraph:
    """Operator n reads the given tensors (0 is the image) and writes tensor n + 1."""
    types = types or ["LOGISTIC"] * len(reads)
    operators = tuple(Operator(kind, (_MAP,) * len(r), (_MAP,)) for kind, r in zip(types, reads, strict=True))
    wiring = tuple((r, (n + 1,)) for n, r in enumerate(reads))
    return OpGraph(operators, wiring, dict.fromkeys(range(len(reads) + 1), _MAP), (0,), (len(reads),))


def reference(graph: OpGraph, supported: list[bool]) -> tuple[bool, ...]:
    """As tensorflow/lite/graph_info.cc does it: epochs that sweep over all operators until nothing moves."""
    made = {t for _, writes in graph.wiring for t in writes}
    ready = set(graph.tensors) - made
    done: dict[int, int] = {}
    epochs: list[bool] = []
    while len(done) < len(supported):
        kind: bool | None = None
        moved = True
        while moved:
            moved = False
            for n, (reads, writes) in enumerate(graph.wiring):
                if n in done or not ready.issuperset(reads):
                    continue
                kind = supported[n] if kind is None else kind
                if supported[n] is kind:
                    done[n] = len(epochs)
                    ready.update(writes)
                    moved = True
        epochs.append(bool(kind))
    first = epochs.index(True) if True in epochs else -1
    return tuple(done[n] == first for n in range(len(supported)))


@st.composite
def _networks(draw: st.DrawFn) -> tuple[OpGraph, list[bool]]:
    count = draw(st.integers(1, 12))
    reads = [
        tuple(draw(st.lists(st.integers(0, n), min_size=1, max_size=2, unique=True))) for n in range(count)
    ]
    return graph_of(reads), draw(st.lists(st.booleans(), min_size=count, max_size=count))


@settings(deadline=None, max_examples=300)
@given(_networks())
def test_the_first_piece_is_that_of_tflite(drawn: tuple[OpGraph, list[bool]]) -> None:
    graph, supported = drawn
    assert first_piece(graph, supported) == reference(graph, supported)


def test_what_stands_in_the_file_behind_but_not_in_the_graph_is_mapped() -> None:
    graph = graph_of([(0,), (1,), (1,), (2, 3)], ["LOGISTIC", "ARG_MAX", "TANH", "ADD"])
    report = check_graph(graph)
    assert [o.mapped for o in report.operators] == [True, False, True, False]
    assert report.first_unmapped is not None and report.first_unmapped.index == 1
    assert [o.index for o in report.behind(1)] == [3]
    assert report.input_bytes == _MAP.bytes
    assert report.output_bytes == 2 * _MAP.bytes  # For the ARG_MAX and the ADD.


def test_operators_of_the_cpu_before_the_chip_cut_nothing_off() -> None:
    report = check_graph(graph_of([(0,), (1,), (2,)], ["CAST", "LOGISTIC", "TANH"]))
    assert [o.mapped for o in report.operators] == [False, True, True]
    assert report.end_of_piece is None


def test_a_second_branch_behind_a_second_input_is_another_piece() -> None:
    graph = graph_of([(0,), (0,), (2,)], ["LOGISTIC", "CAST", "TANH"])
    report = check_graph(graph)
    assert [o.mapped for o in report.operators] == [True, False, False]
    assert "behind operator 1 (CAST)" in report.operators[2].reason


def test_obstacles_of_networks_that_are_no_files() -> None:
    assert obstacle(graph_of([(0,), (1,)])) == ""
    found = obstacle(graph_of([(0,), (1,)], ["LOGISTIC", "GELU"]))
    assert found == "operator 1 (GELU): Operation not supported: GELU is not in the compiler's list"


def test_without_operators() -> None:
    assert first_piece(OpGraph((), (), {0: _MAP}, (0,), (0,)), []) == ()
