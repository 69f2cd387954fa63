"""The formats of public latency tables by name."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from edgenas.errors import UsageError, unknown_name
from edgenas.latency_models.tables.column import MeasuredColumn

__all__ = ["FORMATS", "LOG_FORMATS", "read_columns"]

FORMATS: tuple[str, ...] = (
    "nasbench201", "fbnet", "mobile-ml-benchmark", "edgetpu-sweeps", "edgetpu-micro", "help", "edgenas",
)  # fmt: skip

LOG_FORMATS: tuple[str, ...] = ("benchmark-model", "litert-benchmark", "edgetpu-compiler")
"""Formats of recorded logs; `logs.read_logs` reads them. They are no tables: a log becomes a row with its network."""


def read_columns(
    format: str,
    files: Sequence[Path],
    *,
    operators: Path | None = None,
    only: Container[str] | None = None,
    dead_parts: str | None = None,
) -> list[MeasuredColumn]:
    """Reads measured columns with their networks.

    Args:
        format: one of `FORMATS`.
        files: the files of the release; several are read one after the other.
        operators: for "mobile-ml-benchmark", the file of the networks' operators.
        only: names of the columns to build; all by default.
        dead_parts: for "nasbench201", what ran of the dead parts of cells (a key of `nasbench201.DEAD_PARTS`); by
            default what is known of each column.

    Raises:
        UsageError: the format is unknown, no file is given, or a file is malformed.
    """
    if format not in FORMATS:
        raise unknown_name("table format", format, FORMATS, "edgenas latency import --help")
    if not files:
        raise UsageError(f"No file of the format {format!r} is given. Name at least one CSV file.")
    if operators is not None and format != "mobile-ml-benchmark":
        raise UsageError(
            f"The format {format!r} has no file of operators: its networks follow from their names. "
            "Leave out --operators, or check the format."
        )
    columns: list[MeasuredColumn] = []
    for path in files:
        columns.extend(_read_one(format, path, operators, only, dead_parts))
    return columns


def _read_one(
    format: str,
    path: Path,
    operators: Path | None,
    only: Container[str] | None,
    dead_parts: str | None,
) -> list[MeasuredColumn]:
    if format == "nasbench201":
        from edgenas.latency_models.tables.nasbench201_table import read_nasbench201

        return read_nasbench201(path, only=only, dead_parts=dead_parts)
    if format == "fbnet":
        from edgenas.latency_models.tables.fbnet import read_fbnet

        return read_fbnet(path, only=only)
    if format == "mobile-ml-benchmark":
        from edgenas.latency_models.tables.mobile_ml_benchmark import read_mobile_ml_benchmark

        return read_mobile_ml_benchmark(path, operators, only=only)
    if format == "edgetpu-sweeps":
        from edgenas.latency_models.tables.edgetpu_sweeps import read_edgetpu_sweeps

        return read_edgetpu_sweeps(path, only=only)
    if format == "edgetpu-micro":
        from edgenas.latency_models.tables.edgetpu_micro import read_edgetpu_micro

        return read_edgetpu_micro(path, only=only)
    if format == "help":
        from edgenas.latency_models.tables.help_layout import read_help

        return read_help(path, only=only)
    from edgenas.latency_models.tables.store import read_table_file

    return read_table_file(path, only=only)
