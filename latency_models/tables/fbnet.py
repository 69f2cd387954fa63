"""The FBNet space as HW-NAS-Bench measured it: 22 blocks, rebuilt from `k3_e6 k5_e1_g2 skip ...`.

Source: Wu et al., "FBNet", CVPR 2019; the macro-architecture (channels, layers, strides) is HW-NAS-Bench's. Its phone
tables are of 224x224 images and 1000 classes.
"""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from pathlib import Path

from edgenas.errors import UsageError, unknown_name
from edgenas.graph.opgraph import OpGraph
from edgenas.latency_models.tables.cell_tables import Treatment, read_cell_table
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.graph_builder import GraphBuilder

__all__ = ["BLOCKS", "fbnet_graph", "parse_blocks", "read_fbnet"]

BLOCKS: dict[str, tuple[int, int, int]] = {
    "k3_e1": (3, 1, 1), "k3_e1_g2": (3, 1, 2), "k3_e3": (3, 3, 1), "k3_e6": (3, 6, 1), "k5_e1": (5, 1, 1),
    "k5_e1_g2": (5, 1, 2), "k5_e3": (5, 3, 1), "k5_e6": (5, 6, 1), "skip": (0, 0, 0),
}  # fmt: skip
"""Blocks by name: kernel, expansion, groups of the two 1x1 convolutions."""

_STAGES = ((16, 1, 1), (24, 4, 2), (32, 4, 2), (64, 4, 2), (112, 4, 1), (184, 4, 2), (352, 1, 1))
"""Channels, blocks and stride of the first block."""

_STEM_CHANNELS, _HEADER_CHANNELS, _CLASSES = 16, 1984, 1000
_INPUT = (224, 224, 3)
_COUNT = sum(blocks for _, blocks, _ in _STAGES)
_ORIGIN = Origin("HW-NAS-Bench, https://github.com/RICE-EIC/HW-NAS-Bench", "MIT")
_SIMULATED = frozenset({"eyeriss", "fpga"})
_KNOWN = frozenset({"i", "arch_idx", "index", "op_idx_list"})


def parse_blocks(arch_str: str) -> tuple[str, ...]:
    """Reads the 22 blocks.

    Raises:
        UsageError: their number is another, or one is unknown.
    """
    blocks = tuple(arch_str.split())
    if len(blocks) != _COUNT:
        raise UsageError(
            f"Not an FBNet network: expected {_COUNT} blocks separated by spaces, got {len(blocks)}: {arch_str[:80]!r}."
        )
    for block in blocks:
        if block not in BLOCKS:
            raise unknown_name("FBNet block", block, BLOCKS)
    return blocks


def fbnet_graph(arch_str: str, *, dtype: str = "float32") -> OpGraph:
    """Operators of a network of the FBNet space.

    Args:
        arch_str: its 22 blocks.
        dtype: "float32" or "int8".

    Raises:
        UsageError: the blocks are malformed.
    """
    blocks = iter(parse_blocks(arch_str))
    builder = GraphBuilder(_INPUT, dtype)
    x = builder.relu(builder.conv(0, _STEM_CHANNELS, 3, 2))
    for channels, count, stride in _STAGES:
        for i in range(count):
            x = _block(builder, x, next(blocks), channels, stride if i == 0 else 1)
    x = builder.relu(builder.conv(x, _HEADER_CHANNELS, 1))
    return builder.graph(builder.dense(builder.global_mean(x), _CLASSES), "logits")


def _block(builder: GraphBuilder, x: int, name: str, channels: int, stride: int) -> int:
    inputs = builder.image(x)[-1]
    keeps_shape = stride == 1 and inputs == channels
    if name == "skip":
        return x if keeps_shape else builder.relu(builder.conv(x, channels, 1, stride))
    kernel, expansion, groups = BLOCKS[name]
    y = builder.relu(builder.conv(x, inputs * expansion, 1, groups=groups))
    if groups > 1:
        y = builder.channel_shuffle(y, groups)
    y = builder.relu(builder.depthwise(y, kernel, stride))
    y = builder.conv(y, channels, 1, groups=groups)
    return builder.add(y, x) if keeps_shape else y


def read_fbnet(path: Path, *, only: Container[str] | None = None) -> list[MeasuredColumn]:
    """Reads a CSV file with the column `arch_str` and one column `<device>_ms` per device.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    return read_cell_table(path, "fbnet", _treatment, _family_of, known=_KNOWN, failed="-1", only=only)


def _treatment(column: str) -> Treatment:
    notes = ["Networks of 224x224 images and 1000 classes."]
    if column in _SIMULATED:
        notes.append("Simulated by the release, not measured.")
    return Treatment(partial(fbnet_graph, dtype="float32"), _ORIGIN, tuple(notes))


def _family_of(arch_str: str) -> str:
    return " ".join(parse_blocks(arch_str))
