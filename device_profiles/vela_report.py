"""Reads what Vela writes beside a compiled file: summary, per-layer table, debug database, log; by header names."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgenas.device_profiles.vela_result import CPU, NPU, UNLISTED, VelaCycles, VelaOperator
from edgenas.errors import EdgenasError
from edgenas.graph.opgraph import OpGraph

__all__ = ["Step", "operators_of", "read_reasons", "read_steps", "read_summary"]

_SUMMARY_NUMBERS = (
    "core_clock", "sram_memory_used", "dram_memory_used", "on_chip_flash_memory_used",
    "off_chip_flash_memory_used", "total_original_weights", "total_npu_encoded_weights", "nn_macs", "cycles_npu",
    "cycles_sram_access", "cycles_dram_access", "cycles_on_chip_flash_access", "cycles_off_chip_flash_access",
    "cycles_total",
)  # fmt: skip
_LAYER_NUMBERS = ("Op Cycles", "NPU", "SRAM AC", "DRAM AC", "OnFlash AC", "OffFlash AC")
_LAYER_TEXTS = ("Target", "Name")
_TABLE = re.compile(r'<table name="(?P<name>\w+)">\s*<!\[CDATA\[\n(?P<rows>.*?)\]\]>', re.DOTALL)
_WARNING = re.compile(
    r"Warning \(supported operators\) operator: (?P<type>\w+), ofm: '(?P<name>.*)'\n(?P<reason>(?:.+\n)*)"
)
_MOST_LINES, _MOST_REASON = 2, 300


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the per-layer table: a step of the compiled network.

    Attributes:
        name: name of what it writes.
        on_cpu: whether it is left to the CPU.
        cycles: estimate.
        source: number of the operator in the file that it belongs to, None where that is not told.
    """

    name: str
    on_cpu: bool
    cycles: VelaCycles
    source: int | None


def read_summary(path: Path) -> dict[str, float | str]:
    """The summary's only row: numbers where numbers belong, KiB and seconds as Vela gives them.

    Raises:
        EdgenasError: it is missing, or lacks a column or a number.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(_text(path))))
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error
    if len(rows) != 1:
        raise _unreadable(path, f"expected one row, got {len(rows)}")
    return {
        **{key: value for key, value in rows[0].items() if isinstance(value, str)},
        **{key: _number(rows[0], key, path) for key in _SUMMARY_NUMBERS},
    }


def read_steps(layers: Path, database: Path) -> list[Step]:
    """The rows of the per-layer table, each with its operator where the debug database tells it.

    Args:
        layers: `*_per-layer.csv`.
        database: `*_debug.xml`; may be missing.

    Raises:
        EdgenasError: the table is missing, or lacks a column or a number.
    """
    header, *lines = _text(layers).splitlines() or [""]
    columns = header.split(",")
    if columns[-1:] != ["Name"] or not set(columns).issuperset((*_LAYER_NUMBERS, *_LAYER_TEXTS)):
        raise _unreadable(layers, f"unknown columns {header[:200]!r}")
    # Vela does not quote: names, which stand last, may hold commas.
    rows = [dict(zip(columns, line.split(",", len(columns) - 1), strict=False)) for line in lines if line]
    sources = _sources(database)
    if len(sources) != len(rows):
        sources = [None] * len(rows)
    steps = []
    for row, source in zip(rows, sources, strict=True):
        total, npu, sram, dram, on_chip, off_chip = (int(_number(row, key, layers)) for key in _LAYER_NUMBERS)
        cycles = VelaCycles(npu=npu, sram=sram, dram=dram, flash=on_chip + off_chip, total=total)
        steps.append(Step(row.get("Name", ""), row.get("Target") == "CPU", cycles, source))
    return steps


def read_reasons(log: str) -> dict[tuple[str, str], str]:
    """(TFLite type, name of what it writes) to why Vela leaves the operator to the CPU."""
    return {
        (match["type"], match["name"]): _shortened(match["reason"])
        for match in _WARNING.finditer(log.replace("\r\n", "\n") + "\n")
    }


def _shortened(reason: str) -> str:
    """What failed and, where that takes one line, what is demanded; not the whole list of what a resize may be."""
    lines = [line.strip().rstrip(".") for line in reason.removeprefix("Reason: ").splitlines()]
    return ". ".join(lines if len(lines) <= _MOST_LINES else lines[:1])[:_MOST_REASON]


def operators_of(
    graph: OpGraph, steps: Sequence[Step], reasons: Mapping[tuple[str, str], str]
) -> tuple[VelaOperator, ...]:
    """Brings the steps back to the operators of the file; steps without an operator are left out.

    Raises:
        EdgenasError: a step is of an operator that the file does not have.
    """
    by_source: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        if step.source is not None:
            if not 0 <= step.source < len(graph.operators):
                raise EdgenasError(
                    f"Vela reports a step of operator {step.source}, but the file has {len(graph.operators)} operators."
                )
            by_source[step.source].append(step)
    operators = []
    for index, operator in enumerate(graph.operators):
        own = by_source.get(index, [])
        on_cpu = [step for step in own if step.on_cpu]
        target = CPU if on_cpu else NPU if own else UNLISTED
        name = (on_cpu or own)[0].name if own else ""
        reason = ""
        if on_cpu:
            # A fused activation is judged under a type of its own, but the name is the operator's.
            reason = reasons.get((operator.type, name)) or next(
                (text for (_, written), text in reasons.items() if written == name), "Vela gives no reason"
            )
        cycles = sum((step.cycles for step in own), VelaCycles())
        operators.append(VelaOperator(index, operator.type, name, target, cycles, reason, operator))
    return tuple(operators)


def _sources(database: Path) -> list[int | None]:
    """Number in the file of the operator of each row of the per-layer table; empty where it cannot be told."""
    if not database.is_file():
        return []
    tables = {match["name"]: match["rows"] for match in _TABLE.finditer(_text(database))}
    if not {"source", "perf"} <= set(tables):
        return []
    try:
        source, perf = (list(csv.DictReader(io.StringIO(tables[name]))) for name in ("source", "perf"))
        # `ext_key` is the operator's place in the .tflite file: tests hold its type against the file's.
        place = {row["id"]: int(row["ext_key"]) for row in source}
        return [place.get(row["source_id"]) for row in perf]
    except (KeyError, TypeError, ValueError, csv.Error):
        return []


def _number(row: Mapping[str, str], key: str, path: Path) -> float:
    try:
        value = float(row[key])
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"no number under {key!r}, got {row.get(key)!r}") from error
    if not math.isfinite(value) or value < 0:
        raise _unreadable(path, f"{value} under {key!r}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def _unreadable(path: Path, problem: str) -> EdgenasError:
    return EdgenasError(
        f"Vela's report {path.name} cannot be read: {problem}. edgenas knows the reports of ethos-u-vela 5.2: "
        "pip install 'edgenas[vela]'"
    )
