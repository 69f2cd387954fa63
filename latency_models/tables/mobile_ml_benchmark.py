"""mobile-ml-benchmark: CNNs timed with TFLite 2.10 on phones, with the list of each network's operators.

The release has two files: end-to-end times (one row per network, microseconds, a column `device|cores|dtype|mean` and
one `...|std` per configuration) and operators (one row each, shapes as a dictionary written as text).
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgenas.errors import UsageError
from edgenas.graph.opgraph import OpGraph, Tensor
from edgenas.latency_models.tables import operators as ops
from edgenas.latency_models.tables.checks import (
    CsvTable,
    column_notes,
    latency_of,
    non_negative_of,
    read_csv,
    require_columns,
    unique_rows,
)
from edgenas.latency_models.tables.column import MeasuredColumn, Origin
from edgenas.latency_models.tables.implied_operators import names_fit, with_implied
from edgenas.latency_models.tables.operators import Choice

__all__ = ["Listing", "family_of", "operator_choice", "read_mobile_ml_benchmark", "read_operator_file"]

_FORMAT = "mobile-ml-benchmark"
_ORIGIN = Origin("mobile-ml-benchmark (TFLite 2.10 on phones)", "MIT")
_DTYPES = {"float": "float32", "quant": "int8"}
_MEAN, _SPREAD = "|mean", "|std"
_US_PER_MS = 1000.0
_KNOWN = frozenset({"model", "FLOPS", "size"})
_KERNELS, _BEST_KERNELS = "|gpu|kernel", "mi8se|gpu|kernel"
_CHAINED = (
    "The release lists operators without their wiring: the graphs are chains of the listed ones. Padding, sums and "
    "products are not listed and were added: padding by the shapes, the others "
)
# Networks that differ in details only are one family: left out one by one, each would be predicted by its twin.
_TWINS = {
    "mobilenetb": "mobilenet", "fdmobilenet": "mobilenet", "squeezeresnet": "squeezenet", "mnasnet": "fbnet",
    "seresnetbc": "seresnet", "sepreresnet": "seresnet", "sepreresnetbc": "seresnet",
}  # fmt: skip

Feature = dict[str, object]
Chain = tuple[tuple[str, Feature], ...]


@dataclass(frozen=True)
class Listing:
    """What the release lists of one network.

    Attributes:
        chain: operation and feature of each row, in order.
        kernels: column of GPU kernels to the names of the kernels that ran the rows, "" where there is none.
    """

    chain: Chain
    kernels: Mapping[str, tuple[str, ...]]

    def fitting_kernels(self) -> str | None:
        """The column whose kernels number the nodes of the network's graph, None where no column does.

        Of several, the Mi 8 SE's is taken: it ran all networks by kernels that do so.
        """
        columns = sorted(self.kernels, key=lambda column: column != _BEST_KERNELS)
        return next((column for column in columns if names_fit(self.kernels[column])), None)


def family_of(name: str) -> str:
    """Family of a network: its leading letters with a version, without width and depth; near-twins share one.

    "mobilenet_w1", "mobilenetb_wd2" and "fdmobilenet_w1" are "mobilenet", "mobilenetv2b_w1" is "mobilenetv2",
    "sepreresnet10" is "seresnet"; "resnetbc14b" (bottlenecks) is "resnetbc", apart from "resnet".
    """
    match = re.match(r"[a-z]+", name.lower())
    if match is None:
        return name
    family = match.group()
    version = re.match(r"\d+", name[len(family) :])
    if family.endswith("v") and version is not None:
        return family + version.group()
    return _TWINS.get(family, family)


def _number(feature: Feature, key: str) -> int:
    try:
        value = int(str(feature[key]))
    except KeyError:
        raise ValueError(f"the feature has no {key!r}") from None
    except ValueError:
        raise ValueError(f"{key!r} is {feature[key]!r}, expected a whole number") from None
    if value < 1:
        raise ValueError(f"{key!r} is {value}, expected at least 1")
    return value


def operator_choice(operation: str, feature: Feature, dtype: str) -> Choice:
    """The operator of one row.

    Raises:
        ValueError: the operation is unknown, or its feature lacks a number.
    """
    channels = _number(feature, "Input_channel")
    if operation == "FULLY_CONNECTED":
        return ops.fully_connected((channels,), _number(feature, "Filter"), dtype)
    x = (_number(feature, "Input_shape"),) * 2 + (channels,)
    if operation == "MEAN":
        return ops.global_mean(x, dtype)
    size = _number(feature, "Output_shape")
    if operation == "CONCATENATION":
        count, total = _number(feature, "Kernel"), _number(feature, "Filter")
        # Only the first part's channels are listed; the others share the rest evenly.
        rest, others = max(total - channels, 0), max(count - 1, 1)
        widths = [channels, *(rest // others + (i < rest % others) for i in range(count - 1))]
        return ops.concatenation(tuple((*x[:2], width) for width in widths), (size, size, total), dtype)
    kernel, stride = _number(feature, "Kernel"), _number(feature, "Stride")
    padding = "valid" if (x[0] - kernel) // stride + 1 == size and kernel > 1 else "same"
    if operation in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return ops.pool(operation, x, (size, size, channels), kernel, stride, dtype, padding=padding)
    if operation == "DEPTHWISE_CONV_2D":
        return ops.depthwise(x, (size, size, channels), kernel, stride, dtype, padding=padding)
    if operation in ("CONV_2D", "CONV_2D_GROUP"):
        y = (size, size, _number(feature, "Filter"))
        groups = _number(feature, "Group")
        if channels % groups:
            raise ValueError(f"{channels} channels cannot be split into {groups} groups")
        return ops.conv(x, y, kernel, stride, dtype, groups=groups, padding=padding)
    raise ValueError(f"unknown operation {operation!r}")


def read_operator_file(path: Path) -> dict[str, Listing]:
    """Reads the operators of each network, in order.

    Raises:
        UsageError: the file lacks a column, or a row describes no operator.
    """
    table = read_csv(path)
    require_columns(table, ("model", "operation", "feature"), f"{_FORMAT} (operators)")
    kernels = {name: table.column(name) for name in table.header if name.endswith(_KERNELS)}
    chains: dict[str, list[tuple[str, Feature]]] = {}
    places: dict[str, list[int]] = {}
    rows = zip(
        table.lines, table.column("model"), table.column("operation"), table.column("feature"), strict=True
    )
    for place, (line, model, operation, text) in enumerate(rows):
        try:
            feature = ast.literal_eval(text)
            if not isinstance(feature, dict):
                raise ValueError("the feature is no dictionary")
            operator_choice(operation, feature, "float32")
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise UsageError(
                f"{path}, line {line}: operation {operation!r} with the feature {text[:120]!r} describes no operator: "
                f"{error}. Expected a dictionary with Input_shape, Input_channel, Output_shape, Stride, Kernel and "
                "Filter as whole numbers."
            ) from error
        chains.setdefault(model, []).append((operation, feature))
        places.setdefault(model, []).append(place)
    return {
        model: Listing(
            tuple(chain), {name: tuple(cells[i] for i in places[model]) for name, cells in kernels.items()}
        )
        for model, chain in chains.items()
    }


def _chain_graph(listing: Listing, dtype: str) -> OpGraph:
    """The operators one after the other; each reads what the one before it wrote."""
    listed = [operator_choice(operation, feature, dtype).plain for operation, feature in listing.chain]
    column = listing.fitting_kernels()
    chosen = with_implied(listed, listing.kernels[column] if column else None)
    tensors: dict[int, Tensor] = {0: chosen[0].inputs[0]}
    wiring = []
    for number, operator in enumerate(chosen):
        tensors[number + 1] = operator.outputs[0]
        wiring.append(((number,) * len(operator.inputs), (number + 1,)))
    return OpGraph(chosen, tuple(wiring), tensors, (0,), (len(chosen),), ("logits",))


def _how_implied(listings: Iterable[Listing]) -> str:
    """How the operators that are not listed were found."""
    counts = Counter(listing.fitting_kernels() for listing in listings)
    ways = [
        f"by the blocks that the shapes show ({count} networks)"
        if column is None
        else f"by the names of the kernels in {column!r} ({count} networks)"
        for column, count in counts.most_common()
    ]
    return _CHAINED + (" or ".join(ways) or "by nothing, no network is left") + "."


def read_mobile_ml_benchmark(
    path: Path, operators: Path | None, *, only: Container[str] | None = None
) -> list[MeasuredColumn]:
    """Reads every CPU configuration; columns are called `device|cores|dtype`, e.g. "pixel4|1large|quant".

    Args:
        path: the end-to-end file.
        operators: the operator file.
        only: names of the columns to read; all by default.

    Raises:
        UsageError: a file is missing or malformed.
    """
    if operators is None:
        raise UsageError(
            f"The format {_FORMAT!r} needs two files: {path.name} has the times, the operators of the networks are in "
            "another. Name it with --operators FILE."
        )
    table = read_csv(path)
    require_columns(table, ("model",), _FORMAT)
    means = [name.removesuffix(_MEAN) for name in table.header if name.endswith(_MEAN)]
    if not means:
        raise UsageError(
            f"{path} holds no measurements: expected columns called 'device|cores|dtype|mean' in microseconds, found "
            f"{', '.join(map(repr, table.header[:8]))}."
        )
    listings = read_operator_file(operators)
    models = [text.strip() for text in table.column("model")]
    kept, repeated = unique_rows(models)
    rows = [row for row in kept if models[row] in listings]
    notes, names = [_how_implied(listings[models[row]] for row in rows)], []
    for name in means:
        parts = name.split("|")
        if len(parts) == 3 and parts[1] != "gpu" and parts[2] in _DTYPES:
            names.append(name)
    if len(names) < len(means):
        notes.append(
            f"{len(means) - len(names)} of {len(means)} configurations left out: run on a GPU, or of an unknown type."
        )
    unlisted = [models[row] for row in kept if models[row] not in listings]
    if unlisted:
        notes.append(
            f"Networks left out, {operators.name} lists no operators of theirs: {', '.join(unlisted)}."
        )
    others = [name for name in table.header if not name.endswith((_MEAN, _SPREAD)) and name not in _KNOWN]
    if others:
        notes.append(f"Columns left out, neither a mean nor a spread: {', '.join(others)}.")
    graphs = {
        dtype: {row: _chain_graph(listings[models[row]], dtype) for row in rows} for dtype in _DTYPES.values()
    }
    return [
        _column(table, name, models, graphs[_DTYPES[name.split("|")[2]]], repeated, tuple(notes))
        for name in names
        if only is None or name in only
    ]


def _column(
    table: CsvTable,
    name: str,
    models: list[str],
    graphs: dict[int, OpGraph],
    repeated: int,
    notes: tuple[str, ...],
) -> MeasuredColumn:
    mean, spread = name + _MEAN, name + _SPREAD
    place = table.index(mean)
    spread_place = table.index(spread) if spread in table.header else -1
    rows, means_us, spreads_us = [], [], []
    for row in graphs:
        value = latency_of(table, row, mean, table.rows[row][place])
        if value is None:
            continue
        rows.append(row)
        means_us.append(value)
        spread_text = table.rows[row][spread_place] if spread_place >= 0 else ""
        spreads_us.append(non_negative_of(table, row, spread, spread_text))
    latency_ms = np.array(means_us, np.float64) / _US_PER_MS
    return MeasuredColumn(
        name=name,
        names=tuple(models[row] for row in rows),
        families=tuple(family_of(models[row]) for row in rows),
        graphs=tuple(graphs[row] for row in rows),
        latency_ms=latency_ms,
        spread_ms=np.array(spreads_us, np.float64) / _US_PER_MS,
        rows=tuple(table.lines[row] for row in rows),
        origin=_ORIGIN,
        notes=(*notes, *column_notes(latency_ms, len(graphs) - len(rows), repeated)),
    )
