"""NAS-Bench-201: cells of four nodes, five per stage, 32x32 inputs; rebuilt from `|op~0|+|op~0|op~1|+|...|`.

Source: Dong and Yang, "NAS-Bench-201", ICLR 2020. Measurements of the same cells differ in what they did with parts
of a cell that compute nothing, see `DEAD_PARTS`.
"""

from __future__ import annotations

from functools import lru_cache

from edgenas.errors import UsageError, unknown_name
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.graph_builder import GraphBuilder

__all__ = [
    "DEAD_PARTS",
    "OPERATIONS",
    "Cell",
    "canonical_cell",
    "fails_on_edgetpu",
    "nasbench201_graph",
    "parse_cell",
]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

DEAD_PARTS = {
    "pruned": "nothing is executed that works on zeros or that nobody reads",
    "sums": "as pruned, but the sum of two zeros is no constant: convolutions and pools of it are executed",
    "zeros": "convolutions and pools of zeros are executed, and convolutions whose result is multiplied by zero",
    "all": "everything is executed, also what nobody reads",
}
"""Ways in which releases treated the parts of a cell that compute nothing, with what each means."""

Cell = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Operations into node 1, 2 and 3: entry i of a node is the edge from node i."""

_Term = tuple[str, int]
_Terms = tuple[tuple[_Term, ...], ...]
_EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
_STAGE_CHANNELS = (16, 32, 64)
_INPUT = (32, 32, 3)
_CLASSES = 10


@lru_cache(maxsize=1 << 15)
def parse_cell(arch_str: str) -> Cell:
    """Reads a cell.

    Raises:
        UsageError: the text is no cell, or names an operation that the space does not have.
    """
    nodes = arch_str.strip().split("+")
    if len(nodes) != 3:
        raise _malformed(arch_str, f"expected 3 nodes joined by '+', got {len(nodes)}")
    cell = []
    for number, node in enumerate(nodes, 1):
        if len(node) < 2 or node[0] != "|" or node[-1] != "|":
            raise _malformed(arch_str, f"node {number} does not begin and end with '|': {node!r}")
        edges = node[1:-1].split("|")
        if len(edges) != number:
            raise _malformed(arch_str, f"node {number} has {len(edges)} edges instead of {number}")
        for source, edge in enumerate(edges):
            operation, mark, index = edge.partition("~")
            if not mark or index != str(source):
                raise _malformed(
                    arch_str, f"edge {source} of node {number} is {edge!r}, expected 'operation~{source}'"
                )
            if operation not in OPERATIONS:
                raise unknown_name("NAS-Bench-201 operation", operation, OPERATIONS)
        cell.append(tuple(edge.partition("~")[0] for edge in edges))
    return (cell[0], cell[1], cell[2])


def _malformed(arch_str: str, reason: str) -> UsageError:
    return UsageError(f"Not a NAS-Bench-201 cell: {arch_str!r}: {reason}. A cell looks like {_EXAMPLE}")


def nasbench201_graph(
    arch_str: str,
    *,
    dtype: str = "float32",
    dead: str = "zeros",
    cells: int = 5,
    merge_equal: bool = False,
) -> OpGraph:
    """Operators of a network of NAS-Bench-201 for CIFAR-10.

    Args:
        arch_str: the cell.
        dtype: "float32" or "int8".
        dead: how parts that compute nothing are treated, a key of `DEAD_PARTS`.
        cells: cells per stage; 5 in the benchmark.
        merge_equal: convolutions that read one node share its ReLU, as in a file that today's converter makes;
            in the tables each has its own (fits of HW-NAS-Bench's columns price them one by one).

    Raises:
        UsageError: the cell is malformed, or `dead` is none of those.
    """
    if dead not in DEAD_PARTS:
        raise unknown_name("treatment of dead parts", dead, DEAD_PARTS)
    return _graph(parse_cell(arch_str), dtype, dead, cells, merge_equal)


@lru_cache(maxsize=1 << 16)  # The largest table in each of the three treatments.
def _graph(cell: Cell, dtype: str, dead: str, cells: int, merge_equal: bool) -> OpGraph:
    terms = _TERMS[dead](cell)
    depends = _depends_on_input(terms)
    multiplied = _multiplied_by_zero(cell, _executed_terms(cell)) if dead == "zeros" else frozenset()
    builder = GraphBuilder(_INPUT, dtype, merge_equal=merge_equal)
    x = builder.conv(0, _STAGE_CHANNELS[0], 3)
    for stage, channels in enumerate(_STAGE_CHANNELS):
        if stage:
            x = _reduction(builder, x, channels)
        for _ in range(cells):
            x = _cell(builder, x, terms, depends, multiplied)
    if not builder.is_constant(x):  # Of a constant nothing is left of these two.
        x = builder.relu(builder.batch_norm(x))
    x = builder.dense(builder.global_mean(x), _CLASSES)
    return builder.graph(x, "logits", prune=dead != "all")


def _reduction(builder: GraphBuilder, x: int, channels: int) -> int:
    """The residual block of stride 2 between two stages."""
    shortcut = builder.conv(builder.average_pool(x, 2, 2, "valid"), channels, 1)
    y = builder.conv(builder.relu(x), channels, 3, 2)
    return builder.add(shortcut, builder.conv(builder.relu(y), channels, 3))


def _cell(builder: GraphBuilder, x: int, terms: _Terms, depends: bool, multiplied: frozenset[int]) -> int:
    """One cell on the value `x`; the convolutions into the nodes `multiplied` have weights that are all zero.

    Zeros come from a product of the cell's input with 0. Where the whole cell does not depend on its input they are
    constants: the measured times show that the cells before it did not run then.
    """
    channels = builder.image(x)[-1]
    values = [x]
    zero = -1
    for number, node in enumerate(terms, 1):
        total = -1
        for operation, source in node:
            if operation == "none":
                y = builder.times_zero(values[source])
            elif operation == "skip_connect":
                y = values[source]
            elif operation == "avg_pool_3x3":
                y = builder.average_pool(values[source], 3, 1)
            else:
                y = builder.conv(
                    builder.relu(values[source]), channels, int(operation[-1]), zero=number in multiplied
                )
            total = y if total < 0 else builder.add(total, y)
        if total < 0:
            if zero < 0:
                zero = builder.times_zero(x) if depends else builder.constant(builder.image(x))
            total = zero
        values.append(total)
    return values[3]


def _everything(cell: Cell) -> _Terms:
    return tuple(tuple((operation, source) for source, operation in enumerate(node)) for node in cell)


def _without_dead_parts(cell: Cell) -> _Terms:
    """Edges of which nothing depends on zeros alone; a node without terms is zero."""
    terms: list[tuple[_Term, ...]] = []
    zero = [False]
    for node in cell:
        terms.append(
            tuple((operation, i) for i, operation in enumerate(node) if operation != "none" and not zero[i])
        )
        zero.append(not terms[-1])
    return tuple(terms)


def _with_sums_of_zeros(cell: Cell) -> _Terms:
    """As without dead parts, but operators on a second node that is the sum of two zeros stay.

    So it is in the measurements of the Cortex-A76: where both edges into node 2 are `none`, a 3x3 convolution of
    node 2 costs as much as any other (0.3 to 0.5 of the whole latency), and nothing else of zeros costs anything.
    """
    terms: list[tuple[_Term, ...]] = []
    zero = [False]
    sum_of_zeros = cell[1] == ("none", "none")
    for node in cell:
        terms.append(
            tuple(
                (operation, i)
                for i, operation in enumerate(node)
                if operation != "none"
                and (not zero[i] or (i == 2 and sum_of_zeros and operation != "skip_connect"))
            )
        )
        zero.append(not terms[-1])
    return tuple(terms)


def _executed_terms(cell: Cell) -> _Terms:
    """As without dead parts, but convolutions and pools of zeros stay."""
    terms: list[tuple[_Term, ...]] = []
    zero = [False]
    for node in cell:
        terms.append(
            tuple(
                (operation, i)
                for i, operation in enumerate(node)
                if operation != "none" and not (zero[i] and operation == "skip_connect")
            )
        )
        zero.append(not terms[-1])
    return tuple(terms)


def _with_zeros(cell: Cell) -> _Terms:
    """The executed terms and, where convolutions are multiplied by zero, their results as further terms."""
    terms = _executed_terms(cell)
    kept = _multiplied_by_zero(cell, terms)
    return tuple(
        node
        + tuple(
            ("skip_connect", i) for i, operation in enumerate(cell[j]) if i in kept and operation == "none"
        )
        for j, node in enumerate(terms)
    )


def _multiplied_by_zero(cell: Cell, terms: _Terms) -> frozenset[int]:
    """Nodes that are one convolution which others read times zero only.

    The converter of HW-NAS-Bench multiplied the weights by zero instead of dropping the convolution: on its Pixel 3
    and Raspberry Pi 4 each costs as much as any other, on its Edge TPU it does not compile.
    """
    read = _read_nodes(terms)
    lone = {n: len(terms[n - 1]) == 1 and terms[n - 1][0][0].startswith("nor_conv") for n in (1, 2)}
    unread = {n: all(cell[j][n] == "none" for j in range(n, 3)) for n in (1, 2)}
    # Node 2 that hands on node 1 unchanged to nobody is only another name of node 1.
    alias = terms[1] == (("skip_connect", 1),) and unread[2] and cell[2][1] == "none"
    kept = set()
    if lone[1] and (alias or (unread[1] and (2 in read or not terms[1]))):
        kept.add(1)
    if lone[2] and unread[2] and not (lone[1] and unread[1]):
        kept.add(2)
    return frozenset(kept)


_TERMS = {
    "pruned": _without_dead_parts,
    "sums": _with_sums_of_zeros,
    "zeros": _with_zeros,
    "all": _everything,
}


def _read_nodes(terms: _Terms) -> frozenset[int]:
    """Nodes on which the output of a cell depends."""
    read = {3}
    for j in (3, 2, 1):
        if j in read:
            read.update(i for _, i in terms[j - 1])
    return frozenset(read)


def _depends_on_input(terms: _Terms) -> bool:
    """Whether the output of a cell depends on its input otherwise than through zeros."""
    depends = [True]
    for node in terms:
        depends.append(any(depends[i] and operation != "none" for operation, i in node))
    return depends[3]


def canonical_cell(arch_str: str) -> str:
    """A name that all cells share that compute the same with the same operators, up to dead parts."""
    terms = _without_dead_parts(parse_cell(arch_str))
    names = ["x"]
    for node in terms:
        parts = sorted(
            names[i] if operation == "skip_connect" else f"{operation[0]}{operation[-1]}({names[i]})"
            for operation, i in node
        )
        names.append("+".join(parts) if len(parts) == 1 else f"[{'+'.join(parts)}]" if parts else "0")
    return names[3]


def fails_on_edgetpu(arch_str: str) -> str:
    """Why the network would not compile or run on HW-NAS-Bench's Edge TPU; "" if it would.

    Three patterns explain 205 of the 208 failures of that table, without a false alarm. They are facts of its
    converter and compiler, not of the chip: the other Edge TPU laboratory (EAGLE) ran all of these cells.
    """
    cell = parse_cell(arch_str)
    terms = _executed_terms(cell)
    for number, node in enumerate(terms, 1):
        for operation, source in node:
            if source and not terms[source - 1]:
                return f"{operation} into node {number} works on node {source}, which is constantly zero"
    for number in (1, 2):
        node = terms[number - 1]
        if len(node) != 1:
            continue
        operation, readers = (
            node[0][0],
            [cell[j][number] for j in range(number, 3) if cell[j][number] != "none"],
        )
        if operation == "avg_pool_3x3" and len(readers) == 1 and readers[0].startswith("nor_conv"):
            return f"a ReLU is fused into the average pool of node {number}"
        if operation.startswith("nor_conv") and not readers:
            return f"the weights of the convolution into node {number} are multiplied by zero"
    return ""
