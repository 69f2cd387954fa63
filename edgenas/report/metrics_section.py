"""The metrics table: baseline and winner under the proxy schedule, then the final model in each format."""

from __future__ import annotations

from edgenas.report.coerce import Intervals, Metrics, as_text
from edgenas.report.commands import missing
from edgenas.report.evaluation_tables import changes_table, evaluation_tables
from edgenas.report.markup import Cell, Html, definitions, join, note, table
from edgenas.report.run_data import RunData
from edgenas.report.wording import byte_size, in_reading_order, metric_name, number, score

__all__ = ["exported_files", "metrics_section"]


def metrics_section(run: RunData) -> Html:
    """All metrics side by side; what was not computed is a dash."""
    card = run.card.metrics if run.card else {}
    how = "inherited" if as_text(run.config.settings.get("algorithm")) == "oneshot" else "proxy"
    intervals = run.card.intervals if run.card else {}
    kinds = dict.fromkeys(("float32", "int8", *(kind for kind in card if kind != "keras")))
    columns: list[tuple[str, Metrics, Intervals]] = [
        (f"baseline ({how})", run.baseline.metrics if run.baseline else {}, {}),
        (f"winner ({how})", run.best.metrics if run.best else {}, {}),
        ("final, Keras", run.trained or card.get("keras", {}), intervals.get("keras", {})),
        *((f"final, {kind}", card.get(kind, {}), intervals.get(kind, {})) for kind in kinds),
    ]
    rows: list[list[Cell]] = []
    for task in _tasks(columns):
        names = dict.fromkeys(name for _, metrics, _ in columns for name in metrics.get(task, {}))
        rows += [
            [task, metric_name(task, metric, run.config.depth_unit), *_scores(columns, task, metric)]
            for metric in names
        ]
    parts: list[Html] = []
    if rows:
        header = ["task", "metric", *(title for title, *_ in columns)]
        parts.append(table("Metrics on the validation split", header, rows, text_columns=2))
        parts.append(
            note(
                f"An arrow says which way is better. The columns ({how}) share "
                f"{'the weights of the supernet' if how == 'inherited' else 'the short schedule of the search'} and "
                "compare with each other only; the final columns are one network trained longer."
                f"{' In brackets the 95% interval over frames.' if any(intervals.values()) else ''}"
            )
        )
    if run.baseline is None or run.best is None:
        parts.append(missing("The search has not stored its baseline or its result.", "search", run))
    if run.trained is None:
        parts.append(missing("The winner was not trained to the end yet.", "train", run))
    if run.card is None:
        parts.append(missing("There is no exported model yet, so no int8 column.", "export", run))
    keras = run.trained or card.get("keras", {})
    changes = [
        (f"winner ({how}) against baseline", columns[1][1], columns[0][1]),
        ("int8 against Keras, final", card.get("int8", {}), keras),
        ("float32 against Keras, final", card.get("float32", {}), keras),
    ]
    parts.append(changes_table(changes) or Html(""))
    if run.trained is not None or run.card is not None:
        parts.append(evaluation_tables(run))
    return join((*parts, _head_errors(run)))


def _tasks(columns: list[tuple[str, Metrics, Intervals]]) -> list[str]:
    return in_reading_order({task for _, metrics, _ in columns for task in metrics})


def _scores(columns: list[tuple[str, Metrics, Intervals]], task: str, metric: str) -> list[Cell]:
    return [
        score(metrics.get(task, {}).get(metric), ends.get(task, {}).get(metric))
        for _, metrics, ends in columns
    ]


def _head_errors(run: RunData) -> Html | None:
    if run.card is None or not run.card.head_errors:
        return None
    titles = {"float32_max_abs": "float32, largest difference", "int8_max_abs": "int8, largest difference"}
    titles["int8_sqnr_db"] = "int8, SQNR (dB)"
    rows: list[list[Cell]] = []
    for task, errors in run.card.head_errors.items():
        scores = [errors.get(key) for key in titles]
        rows.append([task, *(None if score is None else number(score) for score in scores)])
    return table("Outputs of the exported models against Keras", ["head", *titles.values()], rows)


def exported_files(run: RunData) -> Html | None:
    """The exported files and what the network costs, or None before the export."""
    if run.card is None:
        return None
    card = run.card
    pairs = [
        (f.kind, f"{f.path}, {byte_size(f.size_bytes)}, SHA-256 {f.sha256[:16] or '—'}") for f in card.files
    ]
    if card.parameters is not None:
        pairs.append(("Parameters", number(card.parameters)))
    if card.macs is not None:
        pairs.append(("MACs per frame", f"{number(card.macs / 1e6)} million"))
    if card.peak_activation_bytes is not None:
        pairs.append(("Peak activations", f"{byte_size(card.peak_activation_bytes)} (computed)"))
    return definitions(pairs)
