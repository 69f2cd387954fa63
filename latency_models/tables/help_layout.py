"""The layout of HELP: one file per device in a folder `latency`, the architectures in a file beside the folder.

HELP (Lee et al., "HELP", NeurIPS 2021) ships PyTorch pickles. They are never opened here, because opening a pickle
runs whatever code it holds; the error says how to convert them to JSON where they are trusted. Accepted is, per
device, an object `{arch_str: ms, ...}` or a list in the order of `str_arch2idx.json` (an object `{arch_str: index}`)
or `arch.json` (a list) in the same folder or the one above.
"""

from __future__ import annotations

import json
import math
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from edgenas.errors import UsageError
from edgenas.latency_models.tables.checks import column_notes, read_text, unique_rows
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.fbnet import BLOCKS, fbnet_graph, parse_blocks
from edgenas.latency_models.tables.nasbench201 import canonical_cell, nasbench201_graph
from edgenas.latency_models.tables.nasbench201_table import dead_parts_of, element_type_of

__all__ = ["read_help"]

_ORIGIN = Origin("HELP, https://github.com/HayeonLee/HELP", "unstated")
_ORDER_FILES = ("str_arch2idx.json", "arch.json")
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle"})
_FAILED = -1.0
_CONVERT = (
    'python -c "import json, sys, torch; v = torch.load(sys.argv[1], weights_only=True); '
    "json.dump(v.tolist() if hasattr(v, 'tolist') else v, open(sys.argv[2], 'w'))\" {name} {stem}.json"
)


def read_help(path: Path, *, only: Container[str] | None = None) -> list[MeasuredColumn]:
    """Reads one device's file, or every one of a folder; the column is called like the file.

    Raises:
        UsageError: a file is a pickle, is no JSON, or does not fit its architectures.
    """
    if path.is_dir():
        files = sorted(
            file for file in path.iterdir() if file.suffix == ".json" and file.name not in _ORDER_FILES
        )
        pickles = sorted(file for file in path.iterdir() if file.suffix in _PICKLES)
        if not files and pickles:
            raise _pickle_error(pickles[0])
        if not files:
            raise UsageError(f"{path} holds no .json file. Expected one per device, e.g. pixel2.json.")
    else:
        files = [path]
    return [_read_device(file) for file in files if only is None or file.stem in only]


def _pickle_error(path: Path) -> UsageError:
    return UsageError(
        f"{path} is a pickle, and opening a pickle runs the code in it: edgenas does not. If you trust the file, "
        f"convert it to JSON where PyTorch is installed:\n  {_CONVERT.format(name=path.name, stem=path.stem)}"
    )


def _load(path: Path) -> Any:
    if path.suffix in _PICKLES:
        raise _pickle_error(path)
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {error}. Convert or copy it again.") from error


def _read_device(path: Path) -> MeasuredColumn:
    values = _load(path)
    if isinstance(values, dict):
        architectures, measured = list(values), list(values.values())
    elif isinstance(values, list):
        architectures, measured = _order_beside(path), values
    else:
        raise UsageError(
            f"{path}: expected an object {{arch_str: ms}} or a list of ms, got {type(values).__name__}."
        )
    if len(architectures) != len(measured) or not measured:
        raise UsageError(
            f"{path} has {len(measured)} latencies for {len(architectures)} architectures. Expected as many, in "
            "the same order; convert both files from one release."
        )
    kept, repeated = unique_rows(architectures)
    rows, latencies = [], []
    for row in kept:
        value = _latency(path, architectures[row], measured[row])
        if value is not None:
            rows.append(row)
            latencies.append(value)
    names = [architectures[row] for row in rows]
    latency_ms = np.array(latencies, np.float64)
    # HELP's own devices ran PyTorch, which executes everything.
    dead, dtype = dead_parts_of(path.stem, "all"), element_type_of(path.stem)
    cells = [name.startswith("|") for name in names]
    try:
        families = tuple(
            canonical_cell(name) if cell else " ".join(parse_blocks(name))
            for name, cell in zip(names, cells, strict=True)
        )
        graphs = tuple(
            nasbench201_graph(name, dtype=dtype, dead=dead) if cell else fbnet_graph(name, dtype=dtype)
            for name, cell in zip(names, cells, strict=True)
        )
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return MeasuredColumn(
        name=path.stem,
        names=tuple(names),
        families=families,
        graphs=graphs,
        latency_ms=latency_ms,
        spread_ms=np.full(len(rows), np.nan),
        rows=tuple(row + 1 for row in rows),
        origin=_ORIGIN,
        notes=column_notes(latency_ms, len(kept) - len(rows), repeated),
    )


def _order_beside(path: Path) -> list[str]:
    """Architectures in the order of the latencies."""
    for folder in (path.parent, path.parent.parent):
        for name in _ORDER_FILES:
            file = folder / name
            if file.is_file():
                return _order(file)
    raise UsageError(
        f"{path} is a list: nothing says to which architectures its numbers belong. Put {' or '.join(_ORDER_FILES)} "
        "beside it or into the folder above, or write an object {arch_str: ms}."
    )


def _order(path: Path) -> list[str]:
    values = _load(path)
    if isinstance(values, dict):
        if sorted(map(str, values.values())) != sorted(map(str, range(len(values)))):
            raise UsageError(f"{path}: expected each index from 0 to {len(values) - 1} once.")
        return sorted(values, key=lambda arch: int(values[arch]))
    if isinstance(values, list):
        return [_architecture(path, value) for value in values]
    raise UsageError(
        f"{path}: expected an object {{arch_str: index}} or a list, got {type(values).__name__}."
    )


def _architecture(path: Path, value: Any) -> str:
    """`arch_str` of an entry: text, or the numbers of FBNet blocks."""
    if isinstance(value, str):
        return value
    blocks = tuple(BLOCKS)
    if isinstance(value, list) and all(isinstance(n, int) and 0 <= n < len(blocks) for n in value):
        return " ".join(blocks[n] for n in value)
    raise UsageError(
        f"{path}: expected architectures as text or as lists of block numbers, got {str(value)[:60]!r}."
    )


def _latency(path: Path, architecture: str, value: Any) -> float | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value < math.inf:
            return float(value)
        if value == _FAILED:
            return math.nan
    raise UsageError(
        f"{path}, {architecture}: expected a latency above 0 in ms, -1 for a network that would not run or null if "
        f"nothing was measured; got {value!r}."
    )
