"""Stacks of convolutions and of dense layers on one Edge TPU, and micro-models on Coral USB.

The sweeps name a width and multiply-accumulates only; the rest of the geometry is derived so that the counts agree
exactly: convolutions are L layers of 3x3 on a square image, dense stacks go from an input vector through one layer
and k square ones to 10 results. Where the compiler's memory holds one square layer less than was counted (the files of
five layers), it is right: the release's formula counts L of them for a stack that has L - 1.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.checks import (
    CsvTable,
    column_notes,
    latency_of,
    non_negative_of,
    read_csv,
    require_columns,
)
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.graph_builder import GraphBuilder
from edgenas.latency_models.tables.operators import fully_connected

__all__ = [
    "ConvStack",
    "DenseStack",
    "conv_stack_graph",
    "dense_stack_graph",
    "read_edgetpu_sweeps",
    "sweep_geometry",
]

_ORIGIN = Origin("Edge TPU convolution and dense sweeps", "MIT")
_COLUMNS = (
    "kind", "device", "filters_or_neurons", "macs", "W_inferred", "L_inferred", "on_chip_MiB", "off_chip_MiB",
    "latency_ms",
)  # fmt: skip
_NAME = "edgetpu_sweeps_pcie"
_KERNEL = 3
_MAX_INPUT_CHANNELS = 16
_DENSE_INPUTS = (48 * 48 * 3, 64)
_DENSE_RESULTS = 10
_MIB = 1 << 20
_LARGEST_MIB = 64.0  # More is no Edge TPU's memory: some of the release's files count KiB.
# What was measured in these files is not known: one whose name says 30 layers holds the counts of one, and those of
# one segment count 4 or 8 input channels where the memory holds 3; their latencies scatter twofold.
_DOUBTFUL_FILES = ("L30.csv", "-seg1-")
_SMALLEST_SHARE = 0.85  # Of the weights, that on-chip and off-chip memory must hold; logs round.


@dataclass(frozen=True, slots=True)
class ConvStack:
    """Convolutions with "same" padding one after the other.

    Attributes:
        size: height and width of every map.
        input_channels: channels of the image.
        filters: channels of every result.
        layers: number of convolutions.
        kernel: height and width of each.
    """

    size: int
    input_channels: int
    filters: int
    layers: int
    kernel: int = _KERNEL

    @property
    def weights(self) -> int:
        """Number of weights without biases."""
        inner = (self.layers - 1) * self.filters * self.filters
        return self.kernel * self.kernel * (self.input_channels * self.filters + inner)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.size * self.size * self.weights

    @property
    def name(self) -> str:
        """Unique name."""
        image = f"{self.size}x{self.size}x{self.input_channels}"
        return f"conv {image} {self.filters} filters {self.kernel}x{self.kernel} x{self.layers}"

    @property
    def family(self) -> str:
        """Name that all widths of one sweep share."""
        return f"conv-{self.layers}-layers-{self.input_channels}-channels"


@dataclass(frozen=True, slots=True)
class DenseStack:
    """Dense layers one after the other.

    Attributes:
        inputs: length of the input vector.
        units: results of each layer.
        layers: layers of that width.
        results: length of the last layer; 0 for none.
    """

    inputs: int
    units: int
    layers: int
    results: int = _DENSE_RESULTS

    @property
    def weights(self) -> int:
        """Number of weights without biases."""
        return self.units * (self.inputs + (self.layers - 1) * self.units + self.results)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.weights

    @property
    def name(self) -> str:
        """Unique name."""
        return f"dense {self.inputs} inputs {self.units} units x{self.layers}" + (
            f" to {self.results}" if self.results else ""
        )

    @property
    def family(self) -> str:
        """Name that all widths of one sweep share."""
        return f"dense-{self.layers}-layers-{self.inputs}-inputs"


Geometry = ConvStack | DenseStack


def conv_stack_graph(stack: ConvStack) -> OpGraph:
    """Operators of a stack of convolutions in int8."""
    builder = GraphBuilder((stack.size, stack.size, stack.input_channels), "int8")
    x = 0
    for _ in range(stack.layers):
        x = builder.conv(x, stack.filters, stack.kernel)
    return builder.graph(x, "output")


def dense_stack_graph(stack: DenseStack, *, bias: bool = False) -> OpGraph:
    """Operators of a stack of dense layers in int8; those of the sweeps have no biases."""
    builder = GraphBuilder((stack.inputs,), "int8")
    x = 0
    for units in (*(stack.units,) * stack.layers, *(stack.results,) * (stack.results > 0)):
        x = builder.append(fully_connected(builder.image(x), units, "int8", bias=bias), (x,))
    return builder.graph(x, "output")


def sweep_geometry(kind: str, width: int, macs: int, size: float, layers: float) -> Geometry | None:
    """The stack whose multiply-accumulates are exactly `macs`; `None` if there is none.

    Args:
        kind: "conv" or "fc".
        width: filters or neurons per layer.
        macs: multiply-accumulates.
        size: height and width of the image, for convolutions.
        layers: number of convolutions.
    """
    if kind == "conv" and width > 0 and size > 0 and layers > 0:
        taps = int(size) ** 2 * _KERNEL**2
        rest = macs - taps * (int(layers) - 1) * width * width
        channels = rest // (taps * width)
        if 1 <= channels <= _MAX_INPUT_CHANNELS and channels * taps * width == rest:
            return ConvStack(int(size), channels, width, int(layers))
    if kind == "fc" and width > 0:
        for inputs in _DENSE_INPUTS:
            square = macs - width * (inputs + _DENSE_RESULTS)
            if square >= 0 and square % (width * width) == 0:
                return DenseStack(inputs, width, 1 + square // (width * width))
    return None


def read_edgetpu_sweeps(path: Path, *, only: Container[str] | None = None) -> list[MeasuredColumn]:
    """Reads the rows of the Edge TPU as the column "edgetpu_sweeps_pcie".

    Several files of the release measure the same network: their median is taken, their standard deviation is the
    spread.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    table = read_csv(path)
    require_columns(table, _COLUMNS, "edgetpu-sweeps")
    if only is not None and _NAME not in only:
        return []
    place = {name: table.index(name) for name in _COLUMNS}
    found: dict[Geometry, dict[float, int]] = {}
    unexplained = inconsistent = not_measured = elsewhere = copies = doubtful = 0
    file = table.header.index("source_file") if "source_file" in table.header else -1
    for row, cells in enumerate(table.rows):
        if cells[place["device"]] != "edgetpu":
            elsewhere += 1
            continue
        if file >= 0 and any(part in cells[file] for part in _DOUBTFUL_FILES):
            doubtful += 1
            continue
        geometry = _geometry(table, row, cells, place)
        if geometry is None:
            unexplained += 1
            continue
        geometry = _as_stored(geometry, _memory_bytes(table, row, cells, place))
        if not _fits_memory(table, row, cells, place, geometry):
            inconsistent += 1
            continue
        latency_ms = latency_of(table, row, "latency_ms", cells[place["latency_ms"]])
        if latency_ms is None:
            not_measured += 1
            continue
        measured = found.setdefault(geometry, {})
        copies += latency_ms in measured
        measured.setdefault(latency_ms, row)
    repeated = sum(len(measured) - 1 for measured in found.values())
    notes = [
        f"{elsewhere} rows left out: not of the Edge TPU.",
        "The activations of the layers are not stated: none.",
    ]
    if unexplained:
        notes.append(f"{unexplained} rows left out: no stack of layers has their multiply-accumulates.")
    if doubtful:
        notes.append(f"{doubtful} rows left out: the names of their files contradict their counts.")
    if inconsistent:
        notes.append(
            f"{inconsistent} rows left out: their memory holds fewer weights than their layers have."
        )
    if copies:
        notes.append(f"{copies} rows left out: copies of an earlier row.")
    if repeated:
        notes.append(f"{repeated} rows measure a network again: the median is taken.")
    geometries = list(found)
    values = [list(found[geometry]) for geometry in geometries]
    latency = np.array([np.median(v) for v in values], np.float64)
    return [
        MeasuredColumn(
            name=_NAME,
            names=tuple(geometry.name for geometry in geometries),
            families=tuple(geometry.family for geometry in geometries),
            graphs=tuple(_graph(geometry) for geometry in geometries),
            latency_ms=latency,
            spread_ms=np.array([np.std(v, ddof=1) if len(v) > 1 else np.nan for v in values], np.float64),
            rows=tuple(table.lines[next(iter(found[geometry].values()))] for geometry in geometries),
            origin=_ORIGIN,
            notes=(*notes, *column_notes(latency, not_measured)),
        )
    ]


def _geometry(table: CsvTable, row: int, cells: Sequence[str], place: dict[str, int]) -> Geometry | None:
    width, macs, size, layers = (
        non_negative_of(table, row, column, cells[place[column]])
        for column in ("filters_or_neurons", "macs", "W_inferred", "L_inferred")
    )
    if math.isnan(width) or math.isnan(macs):
        return None
    return sweep_geometry(cells[place["kind"]], int(width), int(macs), size, layers)


def _fits_memory(
    table: CsvTable, row: int, cells: Sequence[str], place: dict[str, int], geometry: Geometry
) -> bool:
    """Whether the compiler's log holds the weights of the stack; true where it says nothing.

    One file's rows claim five layers and store the weights of one.
    """
    stored = _memory_bytes(table, row, cells, place)
    return math.isnan(stored) or stored >= _SMALLEST_SHARE * geometry.weights


def _memory_bytes(table: CsvTable, row: int, cells: Sequence[str], place: dict[str, int]) -> float:
    """On-chip and off-chip memory of the compiler's log, NaN where it says nothing."""
    on_chip, off_chip = (
        non_negative_of(table, row, column, cells[place[column]])
        for column in ("on_chip_MiB", "off_chip_MiB")
    )
    return _MIB * sum(mib / 1024 if mib > _LARGEST_MIB else mib for mib in (on_chip, off_chip))


def _as_stored(geometry: Geometry, memory_bytes: float) -> Geometry:
    """The dense stack with one layer less where the memory is nearer to that."""
    if not isinstance(geometry, DenseStack) or geometry.layers < 2 or math.isnan(memory_bytes):
        return geometry
    smaller = replace(geometry, layers=geometry.layers - 1)
    return min((geometry, smaller), key=lambda stack: abs(_dense_bytes(stack) - memory_bytes))


def _dense_bytes(stack: DenseStack) -> int:
    """What the compiler stores: outputs in 64s, inputs in fours; the release's layers have no biases."""
    outputs, depth = -(-stack.units // 64) * 64, -(-stack.units // 4) * 4
    first, last = outputs * (-(-stack.inputs // 4) * 4), (64 * depth if stack.results else 0)
    return first + (stack.layers - 1) * outputs * depth + last


def _graph(geometry: Geometry) -> OpGraph:
    return conv_stack_graph(geometry) if isinstance(geometry, ConvStack) else dense_stack_graph(geometry)
