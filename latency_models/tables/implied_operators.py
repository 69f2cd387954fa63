"""Padding, sums and products that mobile-ml-benchmark runs but does not list among a network's operators.

Padding shows in the shapes: a map of a size that no earlier operator wrote was padded. Elementwise operators show in
the names of the GPU's kernels, which hold the numbers of the graph's nodes ("convolution_2d_3_linked_:_relu_4": node 4
is fused into node 3; a number that no kernel has belongs to an operator that is not listed). Without such names the
usual blocks tell of residual sums and of squeeze-and-excitation. `benchmarks/mobile_cpu_models.py` shows what the
operators are worth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgenas.graph.opgraph import Operator, Tensor
from edgenas.latency_models.tables import operators as ops
from edgenas.latency_models.tables.operators import Image

__all__ = ["names_fit", "with_implied"]

_NODE = re.compile(r"_(\d+)(?=_|$)")
_FUSED = re.compile(r"_:_([a-z_]+?)_?\d")
# These kernels name their first node only, so that what is fused into them seems to be missing.
_UNNUMBERED = "winograd"
_IN_THE_KERNEL = frozenset({"relu", "relu6"})
_SPATIAL = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
# Sides of the images that classifiers are made for are multiples of this.
_IMAGE_STEP = 32

Shape = tuple[int, int]
"""Side and channels of a square map."""


@dataclass(frozen=True)
class _Row:
    """One listed operator.

    Attributes:
        operator: as listed: where its map was padded, it reads the padded one.
        reads: side and channels of the map before any padding; side 1 for a vector.
        writes: side and channels of its result.
        padded: whether its map was padded.
    """

    operator: Operator
    reads: Shape
    writes: Shape
    padded: bool

    @property
    def kernel(self) -> int:
        return self.operator.kernel[0]

    @property
    def stride(self) -> int:
        return self.operator.stride[0]

    @property
    def grouped(self) -> bool:
        return any(flag.startswith("groups=") for flag in self.operator.flags)

    @property
    def convolves(self) -> bool:
        """A convolution of all channels, on a map or on a vector."""
        return self.operator.type == "CONV_2D" and not self.grouped

    @property
    def gates(self) -> bool:
        """A convolution of a vector: the layers of squeeze-and-excitation."""
        return self.convolves and self.operator.inputs[0].shape[1:-1] == (1, 1)


class _Found:
    """Operators to put before and after the listed ones."""

    def __init__(self, dtype: str, count: int) -> None:
        self.dtype = dtype
        self.before: list[list[Operator]] = [[] for _ in range(count)]
        self.after: list[list[Operator]] = [[] for _ in range(count)]

    def sum_of(self, shape: Shape) -> Operator:
        """Residual sum of two maps."""
        return ops.add(_image(shape), self.dtype).plain

    def scaling_of(self, shape: Shape) -> Operator:
        """Pass over a map that is no sum of two: batch normalisation, an activation that stands alone."""
        return ops.multiply_constant(_image(shape), shape[1], self.dtype).plain

    def gating_of(self, shape: Shape) -> Operator:
        """Product of a map and one number per channel."""
        x = ops.tensor(_image(shape), self.dtype)
        return Operator("MUL", (x, ops.tensor((1, 1, shape[1]), self.dtype)), (x,))


def names_fit(kernels: Sequence[str]) -> bool:
    """Whether the names of a network's kernels number the nodes of its graph, one listed operator after the other."""
    last = -1
    for name in kernels:
        nodes = _nodes(name)
        if not nodes or _UNNUMBERED in name or nodes[0] <= last or any(b <= a for a, b in pairwise(nodes)):
            return False
        last = nodes[-1]
    return bool(kernels)


def with_implied(listed: Sequence[Operator], kernels: Sequence[str] | None = None) -> tuple[Operator, ...]:
    """Adds PAD, ADD and MUL where a network runs them.

    Args:
        listed: the listed operators of one network, in order; convolutions of padded maps read the padded map.
        kernels: name of the GPU kernel of each (`names_fit`); `None` to go by the blocks that the shapes show, which
            finds residual sums and the products of squeeze-and-excitation but no batch normalisation.

    Returns:
        All operators, in order of execution.
    """
    if not listed:
        return ()
    rows = _rows(listed)
    found = _Found(listed[0].inputs[0].dtype, len(rows))
    if kernels is None:
        _by_shapes(rows, found)
    else:
        _by_names(rows, kernels, found)
    sequence: list[Operator] = []
    for row, before, after in zip(rows, found.before, found.after, strict=True):
        sequence += before
        if row.padded:
            read = row.operator.inputs[0]
            whole = Tensor((read.shape[0], row.reads[0], row.reads[0], row.reads[1]), read.dtype)
            sequence.append(Operator("PAD", (whole,), (read,)))
        sequence += [row.operator, *after]
    return tuple(sequence)


def _image(shape: Shape) -> Image:
    return shape[0], shape[0], shape[1]


def _shape(tensor: Tensor) -> Shape:
    return (tensor.shape[1] if len(tensor.shape) == 4 else 1), tensor.shape[-1]


def _nodes(name: str) -> list[int]:
    return [int(number) for number in _NODE.findall(name)]


def _rows(listed: Sequence[Operator]) -> list[_Row]:
    first = _shape(listed[0].inputs[0])[0]
    kernel = max(1, listed[0].kernel[0])
    below = first - first % _IMAGE_STEP
    seen = {below if below > 0 and first - below < kernel else first}
    rows = []
    for operator in listed:
        side, channels = _shape(operator.inputs[0])
        whole = max((s for s in seen if s <= side), default=side)
        # Padding adds less than the kernel; a larger gap is something else, such as a resized map.
        padded = 1 < whole < side < whole + operator.kernel[0]
        writes = _shape(operator.outputs[0])
        rows.append(_Row(operator, (whole if padded else side, channels), writes, padded))
        seen.add(writes[0])
    return rows


def _by_names(rows: Sequence[_Row], kernels: Sequence[str], found: _Found) -> None:
    """Sums and products by the numbers and the fused parts in the names of the kernels."""
    last_node, gated, main = -1, False, rows[0].reads
    squeezed: Shape = (0, 0)
    for i, (row, name) in enumerate(zip(rows, kernels, strict=True)):
        nodes = _nodes(name)
        missing = max(0, (nodes[0] if nodes else last_node + 1) - last_node - 1 - row.padded)
        if missing and gated:
            found.before[i].append(found.gating_of(squeezed))
            missing, gated = missing - 1, False
        if missing in (
            2,
            4,
        ):  # A sum and its ReLU, or a sum and the scale, shift and ReLU of a batch normalisation.
            found.before[i].append(found.sum_of(main))
            missing -= 2 if missing == 2 else 1
        if missing:  # Scale, shift and ReLU, of which the ReLU costs nothing; or what cannot be told.
            found.before[i] += [found.scaling_of(main)] * max(1, missing - 1)
        fused = _FUSED.findall(name)
        for place, part in enumerate(fused):
            if part == "add" and (place == 0 or fused[place - 1] != "mul"):
                found.after[i].append(found.sum_of(row.writes))
            elif part not in _IN_THE_KERNEL and row.writes[0] > 1:
                found.after[i].append(found.scaling_of(row.writes))
        if row.operator.type == "MEAN":
            squeezed = row.reads
        if row.gates and row.writes[1] == squeezed[1]:
            gated = True
        if row.operator.type != "FULLY_CONNECTED" and row.writes[0] > 1:
            main = row.writes
        last_node = max([last_node, *nodes])


def _by_shapes(rows: Sequence[_Row], found: _Found) -> None:
    """Sums and products of the usual blocks."""
    for i, row in enumerate(rows):
        gates = [j for j in range(i + 1, min(i + 4, len(rows))) if rows[j].gates]
        if row.operator.type == "MEAN" and len(gates) == 2:
            found.after[gates[-1]].append(found.gating_of(row.reads))
    main = [
        i
        for i, row in enumerate(rows)
        if row.operator.type not in ("MEAN", "FULLY_CONNECTED") and not row.gates
    ]
    for j in _residual_ends([rows[i] for i in main]):
        found.after[main[j]].append(found.sum_of(rows[main[j]].writes))


def _residual_ends(main: Sequence[_Row]) -> list[int]:
    """Rows after which a residual block sums up: by a projection, by a bottleneck, or pairs of 3x3 convolutions."""
    ends: list[int] = []
    pairs: list[int] = []
    projections = 0
    run, last = 0, -1
    before: Shape = main[0].reads if main else (0, 0)
    for j, row in enumerate(main):
        following = main[j + 1] if j + 1 < len(main) else None
        joined = following is not None and following.operator.type == "CONCATENATION"
        if j and not joined and _projects(row, before, following):
            ends.append(j)
            projections += 1
            run, last = 0, j
        else:
            if not joined and _ends_bottleneck(main, j, last):
                ends.append(j)
                last = j
            same = row.writes == row.reads == before
            if not joined and same and row.convolves and row.kernel == 3 and row.stride == 1:
                run += 1
                if run == 2:
                    pairs.append(j)
                    run = 0
            else:
                run = 0
        before = row.writes
    # Pairs of 3x3 convolutions are residual blocks only in networks that have residual blocks of another shape.
    if projections and not any(row.operator.type == "CONCATENATION" for row in main):
        ends += pairs
    return ends


def _projects(row: _Row, before: Shape, following: _Row | None) -> bool:
    """A 1x1 convolution beside the main path: it reads something else but writes what the main path just did."""
    beside = row.reads != before and row.writes == before
    goes_on = following is None or following.reads == row.writes
    return row.convolves and row.kernel == 1 and beside and goes_on


def _ends_bottleneck(main: Sequence[_Row], j: int, last: int) -> bool:
    """Three or four operators of one size, from a 1x1 convolution to one that restores its channels."""
    row = main[j]
    if not (row.convolves and row.kernel == 1 and row.stride == 1):
        return False
    for start in (j - 2, j - 3):
        if start < 1 or start <= last:
            return False
        block = main[start : j + 1]
        first, source = block[0], main[start - 1]
        if (
            first.convolves
            and first.kernel == 1
            and first.reads == row.writes
            and not first.padded
            and all(
                b.operator.type in _SPATIAL and b.stride == 1 and b.writes[0] == row.writes[0] for b in block
            )
            and all(b.reads[1] == a.writes[1] for a, b in pairwise(block))
            and source.operator.type != "DEPTHWISE_CONV_2D"
            and source.writes[1] == first.reads[1]
        ):
            return True
    return False
