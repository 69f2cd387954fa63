"""The best networks measured after the search: latencies and ranks before the correction and after it."""

from __future__ import annotations

from edgenas.report.coerce import as_mapping, as_number, as_text
from edgenas.report.markup import Cell, Html, join, note, table, tag
from edgenas.report.remeasured_data import RemeasuredRow, Remeasurement
from edgenas.report.run_data import RunData
from edgenas.report.scatter_figure import relative_error
from edgenas.report.svg import Plot, chart, cross, line, mark, scale_over, text
from edgenas.report.wording import ms, number

__all__ = ["remeasured_section", "what_changed"]

_WIDTH, _HEIGHT = 440.0, 400.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 420.0, 54.0, 344.0


def remeasured_section(run: RunData) -> Html | None:
    """A table of the networks, and per device its correction with a figure; None where nothing was measured."""
    found = run.remeasured
    if found is None:
        return None
    parts: list[Html | None] = [tag("h3", "The best networks on the device"), note(what_changed(run))]
    devices = list(dict.fromkeys((*(row.device for row in found.rows), *found.absent)))
    for position, device in enumerate(devices):
        rows = [row for row in found.rows if row.device == device]
        figure = _figure(device, [r for r in rows if r.measured_ms], position)
        words = _correction(found, device)
        parts.append(tag("figure", figure, tag("figcaption", note(words))) if figure else note(words))
        if device in found.absent:
            parts.append(note(f"No latency of {device} at the last attempt: {found.absent[device]}"))
    source = " or ".join(sorted({row.source for row in found.rows})) or run.source
    header: list[Cell] = [
        "trial", "device", "remark", "predicted", source, "predicted, corrected", "error before", "error after",
        "rank", "within every target",
    ]  # fmt: skip
    if found.rows:
        title = f"Predicted and {source} latency, before and after the correction"
        parts.append(table(title, header, [_row(row) for row in found.rows], text_columns=3))
    return join(parts)


def what_changed(run: RunData) -> str:
    """One sentence: which network is recommended now, and which one the predictions alone put first."""
    best = run.best
    first = best.first_recommended if best else {}
    if run.remeasured is None or not first:
        return ""
    trial = as_text(first.get("trial"))
    if best and best.feasible and as_text(best.trial) == trial:
        return f"Trial {trial}, which the predictions alone recommend, is recommended still."
    why = "is not the best any more" if first.get("feasible") is True else "breaks the latency target"
    on_device = as_number(first.get("measured_ms"))
    known = f"{ms(on_device)} on the device" if on_device is not None else "by the corrected prediction"
    now = (
        f"trial {best.trial} is recommended instead"
        if best and best.feasible
        else "no network is recommended now"
    )
    return (
        f"Trial {trial}, which the predictions alone recommend, {why}: predicted "
        f"{ms(as_number(first.get('predicted_ms')))}, {known}; {now}."
    )


def _correction(found: Remeasurement, device: str) -> str:
    correction = found.corrections.get(device, {})
    rows = [row for row in found.rows if row.device == device and row.measured_ms is not None]
    if not rows or not correction:
        return f"{device}: no latency, so its predictor stays as it is."
    kind = as_text(correction.get("kind"))
    scale, offset = as_number(correction.get("scale")), as_number(correction.get("offset_ms"))
    form = {"none": "no correction", "scale": f"times {number(scale)}"}.get(
        kind, f"times {number(scale)} plus {ms(offset)}"
    )
    errors = ", ".join(
        f"{name} {number(as_number(value))}%"
        for name, value in as_mapping(correction.get("leave_one_out_error_percent")).items()
    )
    left_out = f" Typical error on networks left out: {errors}." if errors else ""
    return (
        f"{device}, {len(rows)} {rows[0].source}: {form} ({as_text(correction.get('reason'))}).{left_out} "
        "Crosses are before the correction, dots after it."
    )


def _row(row: RemeasuredRow) -> list[Cell]:
    def error(predicted: float | None) -> str | None:
        return relative_error(predicted, row.measured_ms) if predicted and row.measured_ms else None

    before, after = row.ranks
    ranks = None if before is None or after is None else f"{before:.0f} → {after:.0f}"
    within = " → ".join("yes" if value else "no" for value in row.within)
    return [
        row.trial,
        row.device,
        row.remark,
        ms(row.predicted_ms),
        ms(row.measured_ms),
        ms(row.corrected_ms),
        error(row.predicted_ms),
        error(row.corrected_ms),
        ranks,
        within,
    ]


def _figure(device: str, rows: list[RemeasuredRow], position: int) -> Html | None:
    """Predicted over measured latency, each network twice."""
    ends = [
        v for r in rows for v in (r.measured_ms, r.predicted_ms, r.corrected_ms) if v is not None and v > 0
    ]
    if not rows or not ends:
        return None
    source = rows[0].source
    x, y = (scale_over(ends, start, end, log=False) for start, end in ((_LEFT, _RIGHT), (_BOTTOM, _TOP)))
    plot = Plot(_WIDTH, _HEIGHT, x, y)
    parts = [plot.axes(f"{source} latency (ms)", "predicted latency (ms)")]
    parts.append(line(x.start, y.start, x.end, y.end, "identity"))
    parts.append(text(x.end - 4, y.end - 8, f"predicted = {source}", "tick", anchor="end"))
    for row in rows:
        for predicted, when in ((row.predicted_ms, "before"), (row.corrected_ms, "corrected")):
            if predicted is None or row.measured_ms is None or predicted <= 0:
                continue
            error = relative_error(predicted, row.measured_ms)
            tip = f"Trial {row.trial}, {when}\n{source} {ms(row.measured_ms)}\npredicted {ms(predicted)}\nerror {error}"
            at = (x(row.measured_ms), y(predicted))
            touch = tag("circle", cx=at[0], cy=at[1], r=9, class_="touch")
            if when == "before":
                parts.append(mark("infeasible", tip, cross(*at, 5), touch))
            else:
                parts.append(mark("feasible front", tip, tag("circle", cx=at[0], cy=at[1], r=5), touch))
    description = (
        f"{len(rows)} networks {source} on {device} after the search: {source} latency across, predicted latency "
        "upwards, before and after the correction. The diagonal is an exact prediction."
    )
    return chart(
        f"remeasured-{position}",
        f"The best networks on {device}",
        description,
        (_WIDTH, _HEIGHT),
        parts,
        "wide",
    )
