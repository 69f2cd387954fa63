"""Measurements of NAS-Bench-201 networks: HW-NAS-Bench, EAGLE and tables of their layout."""

from __future__ import annotations

from collections.abc import Container
from functools import partial
from pathlib import Path

from edgenas.latency_models.tables.cell_tables import Treatment, read_cell_table
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.nasbench201 import DEAD_PARTS, canonical_cell, nasbench201_graph

__all__ = ["dead_parts_of", "element_type_of", "read_nasbench201", "states_dead_parts"]

_HW_NAS_BENCH = Origin("HW-NAS-Bench, https://github.com/RICE-EIC/HW-NAS-Bench", "MIT")
_EAGLE = Origin("EAGLE (BRP-NAS), https://github.com/SamsungLabs/eagle", "MIT")
_OTHER = Origin("table of NAS-Bench-201 networks", "unstated")

# What runs of a cell's dead parts, by the price that a non-negative least squares fit to each public column gives
# them beside the live ones: on HW-NAS-Bench's devices a convolution of zeros costs as much as any other and what
# nobody reads costs nothing; in EAGLE's both cost nothing; on the phones of pixel2 and so on all cost the same, and
# a product with zero costs 0.2 to 0.4 ms too. The two simulators (eyeriss, fpga) count every layer.
_DEAD = {
    "pixel3": "zeros", "raspi4": "zeros", "edgetpu": "zeros", "edgegpu": "zeros", "true_a76": "sums", "pixel2": "all",
    "samsung_a50": "all", "samsung_s7": "all", "essential_ph_1": "all", "eyeriss": "all", "fpga": "all",
}  # fmt: skip
_INT8 = frozenset({"rice_edgetpu", "edgetpu", "eagle_tpu", "eagle_cpu_855", "eagle_dsp_855"})
_KNOWN = frozenset({"arch_idx", "i", "index", "op_idx_list"})
_SIMULATED = frozenset({"eyeriss", "fpga"})
_FAILED = "-1"


def dead_parts_of(column: str, default: str = "pruned") -> str:
    """How the networks of a column were run: a key of `nasbench201.DEAD_PARTS`.

    Columns that are not known count as `default`; pruned is what today's converter and EAGLE's did.
    """
    return _DEAD.get(column.removeprefix("rice_"), default)


def states_dead_parts(column: str) -> bool:
    """Whether it is known how the networks of a column were run."""
    return column.removeprefix("rice_") in _DEAD or column.startswith(("eagle_", "true_"))


def element_type_of(column: str) -> str:
    """Element type of the activations; "float32" for columns that no public release has."""
    return "int8" if column in _INT8 else "float32"


def _origin_of(column: str) -> Origin:
    if column.startswith("rice_") or column in ("pixel3", "raspi4", "eyeriss", "fpga"):
        return _HW_NAS_BENCH
    return _EAGLE if column.startswith("eagle_") else _OTHER


def _treatment(column: str, dead_parts: str | None) -> Treatment:
    dead = dead_parts or dead_parts_of(column)
    notes = [f"Dead parts of cells: {DEAD_PARTS[dead]}."]
    if column.removeprefix("rice_") in _SIMULATED:
        notes.append("Simulated by the release, not measured.")
    graph_of = partial(nasbench201_graph, dtype=element_type_of(column), dead=dead)
    return Treatment(graph_of, _origin_of(column), tuple(notes))


def read_nasbench201(
    path: Path, *, only: Container[str] | None = None, dead_parts: str | None = None
) -> list[MeasuredColumn]:
    """Reads a CSV file with the column `arch_str` and one column `<device>_ms` per device; -1 is a failure.

    Networks that are the same up to dead parts are one family.

    Args:
        path: the file.
        only: names of the columns to read; all by default.
        dead_parts: a key of `nasbench201.DEAD_PARTS` for all columns, by default what is known of each.

    Raises:
        UsageError: the file lacks a column, or a cell is malformed.
    """
    return read_cell_table(
        path,
        "nasbench201",
        partial(_treatment, dead_parts=dead_parts),
        canonical_cell,
        known=_KNOWN,
        failed=_FAILED,
        only=only,
    )
