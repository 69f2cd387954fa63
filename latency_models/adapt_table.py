"""From a table of a few measurements to a predictor folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgenas.device_profiles.catalogue import load_device
from edgenas.errors import UsageError
from edgenas.latency_models.adapt import adapt, choose_next
from edgenas.latency_models.evaluate_tables import column_name, select_column
from edgenas.latency_models.fit import Fit
from edgenas.latency_models.predictor import LatencyPredictor
from edgenas.latency_models.registry import find_predictor
from edgenas.latency_models.table_fit import Group, merge_columns
from edgenas.latency_models.tables.column import MeasuredColumn
from edgenas.latency_models.tables.nasbench201 import DEAD_PARTS
from edgenas.latency_models.tables.nasbench201_table import states_dead_parts
from edgenas.latency_models.tables.read import read_columns

__all__ = ["adapt_from_table"]

# A treatment of dead parts other than the plain one must predict the samples clearly better.
_CLEARLY = 0.85


def adapt_from_table(
    *,
    source: str,
    source_configuration: str | None,
    samples: Path,
    format_: str,
    operators: Path | None,
    column: str | None,
    name: str | None,
    out: Path,
    suggest: int | None,
    candidates: Path | None,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Adapts and stores a predictor; see `edgenas latency adapt --help` for the arguments.

    Returns:
        `folder`, `card`, and `measure_next`: names of the networks that would tell most.

    Raises:
        UsageError: an argument or the table is wrong.
    """
    configuration = _source_configuration(source, source_configuration, samples, format_, operators, column)
    predictor = find_predictor(configuration[0], configuration=configuration[1])
    fit, found, dead_parts = _best_treatment(predictor, samples, format_, operators, column, name)
    card = {**fit.card, "column": found.name}
    if dead_parts is not None:
        card["dead_parts"] = dead_parts
    fit.predictor.save(out, card)
    for note in card["notes"]:
        tell(note)
    chosen: list[str] = []
    if suggest:
        # Networks do not depend on the device: the first column of the candidates names them all.
        others = read_columns(format_, [candidates or samples], operators=operators, dead_parts=dead_parts)[0]
        measured = set(found.names)
        free = [i for i, n in enumerate(others.names) if n not in measured]
        picks = choose_next(predictor, [others.graphs[i] for i in free], suggest, found.graphs)
        chosen = [others.names[free[i]] for i in picks]
    return {"folder": str(out), "card": card, "measure_next": chosen}


def _source_configuration(
    source: str,
    configuration: str | None,
    samples: Path,
    format: str,
    operators: Path | None,
    column: str | None,
) -> tuple[str, str]:
    """(device, configuration) to adapt from: by default the one nearest to the default that has the samples' type."""
    profile = load_device(source)
    chosen = profile.configuration(configuration)
    if configuration is None:
        only = None if column is None else {column_name(column)}
        graphs = select_column(read_columns(format, [samples], operators=operators, only=only), column).graphs
        dtype = graphs[0].tensors[graphs[0].inputs[0]].dtype if graphs else chosen.dtype
        twin = chosen.name.replace(chosen.dtype, dtype)
        if twin in {c.name for c in profile.configurations}:
            chosen = profile.configuration(twin)
    return profile.name, chosen.name


def _best_treatment(
    predictor: LatencyPredictor,
    samples: Path,
    format: str,
    operators: Path | None,
    column: str | None,
    name: str | None,
) -> tuple[Fit, MeasuredColumn, str | None]:
    """The fit to the samples; for NAS-Bench-201 with what fits best of what may have run of the dead parts of cells."""
    treatments: list[str | None] = [None]
    if format == "nasbench201" and column is not None and not states_dead_parts(column_name(column)):
        treatments = list(DEAD_PARTS)
    best: tuple[Fit, MeasuredColumn, str | None] | None = None
    for dead_parts in treatments:
        only = None if column is None else {column_name(column)}
        found = select_column(
            read_columns(format, [samples], operators=operators, only=only, dead_parts=dead_parts), column
        )
        group: Group = merge_columns(format, [found], found.name)
        label = name or found.name
        fit = adapt(
            predictor,
            group,
            device=label,
            configuration="adapted",
            dtype=found.graphs[0].tensors[found.graphs[0].inputs[0]].dtype if len(found) else None,
        )
        error = fit.card["mape_percent"]
        if best is None or error < _CLEARLY * best[0].card["mape_percent"]:
            best = (fit, group.column, dead_parts)
    if best is None:
        raise UsageError(f"{samples} holds no column to adapt to.")
    return best
