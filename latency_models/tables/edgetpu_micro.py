"""Micro-models on the Coral USB accelerator: convolution and dense stacks, transfer tests, three known networks.

The logs of the release's compiler show what its names leave out: convolution stacks get one pixel padded to the whole
map and end in a convolution back to one, dense stacks end in a layer of three.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container
from pathlib import Path

import numpy as np

from edgenas.graph.opgraph import Operator, OpGraph
from edgenas.latency_models.tables.checks import (
    CsvTable,
    column_notes,
    latency_of,
    non_negative_of,
    read_csv,
    require_columns,
)
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.edgetpu_networks import edgetpu_network, edgetpu_network_family
from edgenas.latency_models.tables.edgetpu_sweeps import ConvStack, DenseStack, dense_stack_graph
from edgenas.latency_models.tables.graph_builder import GraphBuilder
from edgenas.latency_models.tables.operators import Choice, Image, tensor

__all__ = ["micro_network", "on_chip_bytes", "read_edgetpu_micro"]

_ORIGIN = Origin("Edge TPU micro-models on Coral USB", "unstated")
_DEVICES = {"edgetpu_usb3": "tpu_usb3_10W_ms", "edgetpu_usb2": "tpu_usb2_10W_ms"}
_COLUMNS = ("sheet", "desc", "layers")
_DENSE_INPUTS = 2 * 2 * 3
_DENSE_RESULTS = 3
_PIXEL: Image = (1, 1, 3)
_NAMED = {
    "mobilenet_v1_1.0_224": "mobilenet_v1",
    "mobilenet_v2_1.0_224": "mobilenet_v2",
    # Its file of 3.99 MiB is that of three quarters of the channels.
    "coco_ssd_mobilenet_v1": "ssd_mobilenet_v1_0.75",
}
_STACKS = frozenset({"Ops_conv", "Ops_dense_layers", "Ops_dense_units"})
_ON_CHIP = "on_chip_used_MiB"
_SMALL: Image = (2, 2, 3)
_EARLY_COMPILER = (
    "The stacks were compiled by an early compiler that left parameters off the chip which today's keeps there (the "
    "table says how many): they are slower than what a predictor says."
)
_ASSUMED = "The release does not name the operators of the input and output tests: PAD and a strided 1x1 convolution."

Network = tuple[str, str, OpGraph]


def micro_network(sheet: str, desc: str, layers: str) -> Network | None:
    """Name, family and graph of one row; `None` where it does not say what the network is made of."""
    count = int(layers) if layers.isdigit() else 0
    conv = re.fullmatch(r"(\d+)x(\d+)x(\d+) (\d+)x(\d+)", desc)
    if sheet == "Ops_conv" and conv and count and conv[1] == conv[2]:
        stack = ConvStack(int(conv[1]), int(conv[3]), int(conv[4]), count, int(conv[5]))
        return stack.name, "conv", _conv_stack_graph(stack)
    dense = re.fullmatch(r"units(\d+)", desc)
    if sheet in ("Ops_dense_layers", "Ops_dense_units") and dense and count:
        units = DenseStack(_DENSE_INPUTS, int(dense[1]), count, _DENSE_RESULTS)
        return units.name, "dense", dense_stack_graph(units, bias=True)
    if sheet == "Ops_etc" and desc in _NAMED:
        named = _NAMED[desc]
        return named, edgetpu_network_family(named), edgetpu_network(named)
    sizes = [tuple(int(n) for n in text.split("x")) for text in re.findall(r"\d+x\d+x\d+", desc)]
    if sheet in _TRANSFERS and len(sizes) >= 2 and min(sizes[-1]) > 0:
        return f"{sheet} {'x'.join(map(str, sizes[-1]))}", "transfer", _transfer_graph(sheet, sizes[-1])
    return None


_TRANSFERS = ("InOut_stride", "InOut_padding", "InOut_padding_stride")


def _conv_stack_graph(stack: ConvStack) -> OpGraph:
    builder = GraphBuilder(_PIXEL, "int8")
    x = builder.append(_pad(_PIXEL, (stack.size, stack.size, stack.input_channels)), (0,))
    for _ in range(stack.layers):
        x = builder.conv(x, stack.filters, stack.kernel)
    return builder.graph(builder.append(_to_one_pixel(builder.image(x), _PIXEL[-1]), (x,)), "output")


def _transfer_graph(sheet: str, image: Image) -> OpGraph:
    """A small image padded to `image`, an image reduced to one pixel, or both one after the other."""
    builder = GraphBuilder(image if sheet == "InOut_stride" else _SMALL, "int8")
    x = 0
    if sheet != "InOut_stride":
        x = builder.append(_pad(_SMALL, image), (x,))
    if sheet != "InOut_padding":
        x = builder.append(_to_one_pixel(image, image[-1]), (x,))
    return builder.graph(x, "output")


def _pad(x: Image, y: Image) -> Choice:
    return Choice(Operator("PAD", (tensor(x, "int8"),), (tensor(y, "int8"),), parameter_bytes=32), None)


def _to_one_pixel(x: Image, channels: int) -> Choice:
    weights = x[-1] * channels
    operator = Operator(
        "CONV_2D", (tensor(x, "int8"),), (tensor((1, 1, channels), "int8"),), (1, 1), (x[0], x[1]), (1, 1),
        "valid", macs=weights, parameter_bytes=weights + 4 * channels,
    )  # fmt: skip
    return Choice(operator, None)


def on_chip_bytes(path: Path) -> dict[str, float]:
    """Bytes of parameters that the release's compiler left on the chip, by name of each stack.

    It was an early one that used less of the memory than today's, so its plan does not follow from the networks.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    table = read_csv(path)
    require_columns(table, (*_COLUMNS, _ON_CHIP), "edgetpu-micro")
    places = [table.index(column) for column in _COLUMNS]
    found: dict[str, float] = {}
    for row, cells in enumerate(table.rows):
        sheet, desc, layers = (cells[place].strip() for place in places)
        network = micro_network(sheet, desc, layers) if sheet in _STACKS else None
        if network is not None:
            mib = non_negative_of(table, row, _ON_CHIP, cells[table.index(_ON_CHIP)])
            if not math.isnan(mib):
                found[network[0]] = mib * 2**20
    return found


def read_edgetpu_micro(path: Path, *, only: Container[str] | None = None) -> list[MeasuredColumn]:
    """Reads the columns "edgetpu_usb3" and "edgetpu_usb2", both at the 10 W setting of the host.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    table = read_csv(path)
    require_columns(table, (*_COLUMNS, *_DEVICES.values()), "edgetpu-micro")
    networks: dict[int, Network] = {}
    unknown: list[str] = []
    names: set[str] = set()
    repeated = 0
    places = [table.index(column) for column in _COLUMNS]
    for row, cells in enumerate(table.rows):
        network = micro_network(*(cells[place].strip() for place in places))
        if network is None:
            unknown.append(cells[places[1]].strip())
        elif network[0] in names:
            repeated += 1
        else:
            names.add(network[0])
            networks[row] = network
    notes = [_ASSUMED, _EARLY_COMPILER]
    if unknown:
        notes.append(f"{len(unknown)} rows left out, their operators are not stated: {', '.join(unknown)}.")
    return [
        _column(table, name, networks, repeated, tuple(notes))
        for name in _DEVICES
        if only is None or name in only
    ]


def _column(
    table: CsvTable, name: str, networks: dict[int, Network], repeated: int, notes: tuple[str, ...]
) -> MeasuredColumn:
    column = _DEVICES[name]
    place = table.index(column)
    measured = {}
    for row in networks:
        value = latency_of(table, row, column, table.rows[row][place])
        if value is not None:
            measured[row] = value
    latency_ms = np.array(list(measured.values()), np.float64)
    return MeasuredColumn(
        name=name,
        names=tuple(networks[row][0] for row in measured),
        families=tuple(networks[row][1] for row in measured),
        graphs=tuple(networks[row][2] for row in measured),
        latency_ms=latency_ms,
        spread_ms=np.full(len(measured), np.nan),
        rows=tuple(table.lines[row] for row in measured),
        origin=_ORIGIN,
        notes=(*notes, *column_notes(latency_ms, len(networks) - len(measured), repeated)),
    )
