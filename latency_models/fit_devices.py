"""From tables to predictor folders, for the shipped devices and for a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edgenas.errors import UsageError
from edgenas.latency_models.accuracy_table import write_accuracy_table
from edgenas.latency_models.evaluate_tables import select_column
from edgenas.latency_models.registry import user_predictors
from edgenas.latency_models.shipped import Stored, fit_shipped, shippable_devices
from edgenas.latency_models.table_fit import fit_groups, merge_columns
from edgenas.latency_models.tables.read import read_columns

__all__ = ["fit_devices"]


def fit_devices(
    *,
    device: str,
    data: Path | None,
    tables: tuple[Path, ...],
    format_: str,
    operators: Path | None,
    column: str | None,
    configuration: str,
    out: Path | None,
    readme: Path | None,
    processes: int,
    seed: int,
) -> Iterator[Stored]:
    """Fits and stores predictors; see `edgenas latency fit --help` for the arguments.

    Yields:
        (device, configuration, folder, card), as they are stored.

    Raises:
        UsageError: an argument or a table is wrong.
    """
    if (data is None) == (not tables):
        raise UsageError(
            "Expected either --data FOLDER (the public tables, for devices that edgenas knows) or --table FILE (your "
            "own measurements). See: edgenas latency fit --help"
        )
    root = out or user_predictors()
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    if data is not None:
        devices = shippable_devices() if device == "all" else (device,)
        yield from fit_shipped(devices, data, root, date=date, processes=processes, seed=seed)
        if readme is not None:
            write_accuracy_table(root, readme)
        return
    found = select_column(read_columns(format_, tables, operators=operators), column)
    group = merge_columns("networks" if format_ == "edgenas" else format_, [found], found.name)
    if not len(group.column):
        raise UsageError(f"Column {found.name!r} has no usable rows: {' '.join(group.notes)}")
    graph = group.column.graphs[0]
    fit = fit_groups(
        [group],
        device=device,
        configuration=configuration,
        dtype=graph.tensors[graph.inputs[0]].dtype,
        seed=seed,
        facts={"date": date, "column": found.name},
    )
    folder = root / device / configuration
    fit.predictor.save(folder, fit.card)
    yield device, configuration, folder, fit.card
