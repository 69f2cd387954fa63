"""A comparison in the layout of the paper's tables: text, Markdown, LaTeX, CSV or JSON-ready."""

from __future__ import annotations

from typing import Any

from edgenas.evaluation.comparison import Comparison, Row, Spread
from edgenas.scoring import HIGHER_IS_BETTER, QUALITY_METRICS
from edgenas.text_tables import csv_text, markdown_table

__all__ = ["FORMATS", "as_csv", "as_json", "as_latex", "as_markdown", "columns_and_rows"]

FORMATS = ("text", "markdown", "latex", "csv")

_NAMES = {
    "miou": ("mIoU", 100.0, 2),
    "pixel_accuracy": ("PAcc", 100.0, 2),
    "abs_error": ("AbsE", 1.0, 4),
    "rel_error": ("RelE", 1.0, 3),
    "mean_angle_deg": ("Mean", 1.0, 1),
    "median_angle_deg": ("Median", 1.0, 1),
    "within_11_25": ("11.25", 100.0, 1),
    "within_22_5": ("22.5", 100.0, 1),
    "within_30": ("30", 100.0, 1),
}
_LETTERS = {"segmentation": "S", "depth": "D", "normals": "N"}


def columns_and_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Headings and cells: means over seeds with their standard deviation, deltas with their 95% interval.

    Shares are in percent as in the paper; arrows say which direction is better.
    """
    shown = _shown(comparison)
    columns = ["Model", "Seeds", "Params"]
    columns += [f"{_name(metric)} {_arrow(task, metric)}" for task, metric in shown]
    tasks = [task for task in comparison.tasks if any(task in row.delta for row in comparison.rows)]
    totals = any(row.total is not None for row in comparison.rows)
    columns += [f"dT_{_LETTERS.get(task, task)}" for task in tasks] + (["dT"] if totals else [])
    rows = []
    for row in comparison.rows:
        group = row.group
        cells = [group.label, str(len(group.results)), f"{group.results[0]['parameters']:,}"]
        cells += [_cell(row.metrics.get(task, {}).get(metric), metric) for task, metric in shown]
        cells += [_delta(row.delta.get(t), row.delta_interval.get(t, (None, None))) for t in tasks]
        cells += [_delta(row.total, row.total_interval)] if totals else []
        rows.append(cells)
    return columns, rows


def as_markdown(comparison: Comparison) -> str:
    """A Markdown table with a line that says what was compared."""
    columns, rows = columns_and_rows(comparison)
    return f"{markdown_table(columns, rows)}\n{caption(comparison)}\n"


def as_latex(comparison: Comparison) -> str:
    """A LaTeX table (package booktabs)."""
    columns, rows = columns_and_rows(comparison)
    head = [_latex(column) for column in columns]
    lines = [
        r"\begin{table}", r"\centering", rf"\caption{{{_latex(caption(comparison))}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}", r"\toprule", " & ".join(head) + r" \\", r"\midrule",
        *(" & ".join(_latex(cell) for cell in row) + r" \\" for row in rows),
        r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def as_csv(comparison: Comparison) -> str:
    """Every number unrounded, in its own unit: one line per row, metric by metric with deviation and interval."""
    records = [_record(row) for row in comparison.rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    return csv_text([names, *([record.get(name) for name in names] for record in records)])


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as a JSON-ready object."""
    return {
        "data": comparison.data,
        "split": comparison.split,
        "frames": comparison.frames,
        "tasks": list(comparison.tasks),
        "references": dict(comparison.references),
        "rows": [
            {
                "model": row.group.label,
                "seeds": len(row.group.results),
                "parameters": row.group.results[0]["parameters"],
                "metrics": {
                    task: {name: _spread(spread) for name, spread in values.items()}
                    for task, values in row.metrics.items()
                },
                "delta": {
                    task: {"percent": value, "interval": list(row.delta_interval[task])}
                    for task, value in row.delta.items()
                },
                "delta_total": {"percent": row.total, "interval": list(row.total_interval)},
            }
            for row in comparison.rows
        ],
    }


def caption(comparison: Comparison) -> str:
    """What was compared, in one sentence or two."""
    text = f"{comparison.frames} frames, {comparison.split} of {comparison.data}."
    if any(len(row.group.results) > 1 for row in comparison.rows):
        text += " Mean ± standard deviation over seeds; [95% bootstrap interval over seeds]."
    if comparison.references:
        named = ", ".join(f"{task}: {label}" for task, label in comparison.references.items())
        text += f" dT in percent (Eq. 9 to 12) against {named}."
    return text


def _shown(comparison: Comparison) -> list[tuple[str, str]]:
    """The metrics that enter the delta metrics, as the paper's tables show them."""
    shown = []
    for task in comparison.tasks:
        has = {name for row in comparison.rows for name in row.metrics.get(task, {})}
        shown += [(task, metric) for metric in QUALITY_METRICS.get(task, tuple(sorted(has))) if metric in has]
    return shown


def _name(metric: str) -> str:
    return _NAMES[metric][0] if metric in _NAMES else metric


def _arrow(task: str, metric: str) -> str:
    return "↑" if HIGHER_IS_BETTER.get(task, {}).get(metric, True) else "↓"


def _cell(spread: Spread | None, metric: str) -> str:
    if spread is None or spread.mean is None:
        return "-"
    _, factor, digits = _NAMES.get(metric, (metric, 1.0, 4))
    text = f"{spread.mean * factor:.{digits}f}"
    return text if spread.deviation is None else f"{text} ± {spread.deviation * factor:.{digits}f}"


def _delta(value: float | None, interval: tuple[float | None, float | None]) -> str:
    if value is None:
        return "-"
    low, high = interval
    return f"{value:+.1f}" if low is None or high is None else f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _record(row: Row) -> dict[str, Any]:
    group = row.group
    record: dict[str, Any] = {
        "model": group.label,
        "seeds": len(group.results),
        "parameters": group.results[0]["parameters"],
    }
    for task, values in row.metrics.items():
        for name, spread in values.items():
            for part, value in _spread(spread).items():
                record[f"{task}.{name}" if part == "mean" else f"{task}.{name}.{part}"] = value
    for task, delta in row.delta.items():
        record |= _named_delta(f"dT_{_LETTERS.get(task, task)}", delta, row.delta_interval[task])
    return record | _named_delta("dT", row.total, row.total_interval)


def _named_delta(
    name: str, value: float | None, interval: tuple[float | None, float | None]
) -> dict[str, Any]:
    return {name: value, f"{name}.low": interval[0], f"{name}.high": interval[1]}


def _spread(spread: Spread) -> dict[str, float | None]:
    low, high = spread.interval
    return {"mean": spread.mean, "sd": spread.deviation, "low": low, "high": high}


def _latex(text: str) -> str:
    replaced = {"\\": r"\textbackslash{}", "±": r"$\pm$", "↑": r"$\uparrow$", "↓": r"$\downarrow$"}
    replaced |= {sign: f"\\{sign}" for sign in "_%#&${}"}
    return "".join(replaced.get(sign, sign) for sign in text)
