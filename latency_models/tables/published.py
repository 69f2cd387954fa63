"""Small published tables of well-known models: numbers to compare with, without graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgenas.errors import UsageError
from edgenas.latency_models.tables.checks import latency_of, read_csv, read_text

__all__ = ["PublishedTable", "read_published"]

_SOURCE = "# source:"
_UNIT = "_ms"


@dataclass(frozen=True)
class PublishedTable:
    """Published latencies of models.

    Attributes:
        source: what the first line of the file says, "" if it says nothing.
        rows: per row its cells by column that are no latencies, e.g. model and precision.
        latency_ms: per row the latencies by column, in ms; what was not measured is not in it.
    """

    source: str
    rows: tuple[dict[str, str], ...]
    latency_ms: tuple[dict[str, float], ...]


def read_published(path: Path) -> PublishedTable:
    """Reads a CSV file whose columns `..._ms` are latencies, or pycoral's reference of "MODEL INFERENCE_TIME" in ms.

    Raises:
        UsageError: the file cannot be read, or a cell is malformed.
    """
    first, *lines = read_text(path).splitlines()
    if first.split() == ["MODEL", "INFERENCE_TIME"]:
        return _read_pycoral(path, lines)
    source = first.removeprefix(_SOURCE).strip() if first.startswith("#") else ""
    table = read_csv(path, comments=True)
    rows, latencies = [], []
    for number, cells in enumerate(table.rows):
        named = dict(zip(table.header, cells, strict=True))
        values = {}
        for column, text in named.items():
            if column.endswith(_UNIT):
                value = latency_of(table, number, column, text)
                if value is not None:
                    values[column] = value
        rows.append({column: text for column, text in named.items() if not column.endswith(_UNIT)})
        latencies.append(values)
    return PublishedTable(source, tuple(rows), tuple(latencies))


def _read_pycoral(path: Path, lines: list[str]) -> PublishedTable:
    rows, latencies = [], []
    for number, line in enumerate(lines, 2):
        if not line.strip():
            continue
        model, _, text = line.strip().rpartition(" ")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not model or not 0 < value < float("inf"):
            raise UsageError(
                f"{path}, line {number}: expected 'MODEL INFERENCE_TIME' with a time above 0, got {line!r}."
            )
        rows.append({"model": model.strip()})
        latencies.append({"inference_ms": value})
    return PublishedTable("", tuple(rows), tuple(latencies))
