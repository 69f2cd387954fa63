"""Predicted beside measured or simulated: the profile, the predictor's card, the exported model, its operators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from edgenas.device_profiles.measurement import MEASURED, SIMULATED
from edgenas.report.commands import missing
from edgenas.report.markup import Cell, Html, definitions, join, note, table, tag
from edgenas.report.model_card import OperatorTime
from edgenas.report.part_times import operator_times
from edgenas.report.remeasured_section import remeasured_section
from edgenas.report.run_data import RunData
from edgenas.report.scatter_figure import relative_error, scatter_figure
from edgenas.report.wording import interval, ms, number

__all__ = ["latency_section", "latency_title", "operator_share", "operators_section"]

_MOST_BARS = 16
_MOST_ROWS = 600
_MOST_DEVICES = 100
_SHARE_CLASSES = 6
_MOST_CARD_ROWS = 60
_FIRST_CARD_ROWS = 14


def latency_title(run: RunData) -> str:
    """Name of the section: what predictions are held against."""
    return f"Predicted against {run.source}"


def latency_section(run: RunData) -> Html:
    """The scatter of the profile with the predictor's card, then the models of this run."""
    parts: list[Html] = []
    if run.profile is None:
        parts.append(missing("This run folder holds no profile table.", "profile", run))
    else:
        figure = scatter_figure(run.profile, run.card.latency if run.card else None)
        source = run.profile.source
        entries = [_card_entry(key, value, source) for key, value in run.profile.card[:_MOST_CARD_ROWS]]
        rest = entries[_FIRST_CARD_ROWS:]
        folded = tag("details", tag("summary", "The rest of the card"), definitions(rest)) if rest else None
        card = tag(
            "div",
            tag("h3", "The predictor's card"),
            definitions(entries[:_FIRST_CARD_ROWS]),
            folded,
            class_="side",
        )
        legend = note(
            f"One point per network, {source} and predicted. Bars: 90% interval of the prediction; the band is its "
            "median width."
        )
        picture = (
            tag("figure", figure, tag("figcaption", legend))
            if figure
            else note("The profile holds no points.")
        )
        parts.append(tag("div", picture, card if run.profile.card else None, class_="columns"))
    return join((*parts, _own_models(run), _elsewhere(run), remeasured_section(run)))


def _elsewhere(run: RunData) -> Html | None:
    """What the exported network would take on other devices, folded away; None where the card does not say."""
    if run.card is None or not run.card.predictions:
        return None
    rows: list[list[Cell]] = [
        [
            it.device,
            it.configuration,
            "like those of its fit" if it.in_domain else "unlike those of its fit",
            ms(it.predicted_ms),
            interval(*it.interval_ms) if it.interval_ms else None,
        ]
        for it in run.card.predictions[:_MOST_DEVICES]
    ]
    header: list[Cell] = [
        "device",
        "configuration",
        "for the predictor, the network is",
        "predicted",
        "90% interval",
    ]
    inner = table("Predicted latency of the exported network on every device", header, rows, text_columns=3)
    return tag("details", tag("summary", "Other devices: predictions only"), inner)


def _card_entry(key: str, value: object, source: str) -> tuple[str, str]:
    """Title and value of an entry of the card; `mape_percent` 4.83 becomes MAPE 4.83%."""
    # `networks_measured` is the name of the entry for a simulated device too.
    key = key.replace(MEASURED, source)
    title, percent, rest = key.partition(" percent")
    title = title.replace("rmspe", "RMSPE").replace("mape", "MAPE")
    if not percent or rest:
        return key, _value(value)
    # `within_5_percent` is the share of networks whose error is within 5%.
    return f"{title}%" if "within" in title else title, f"{_value(value)}%"


def _value(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number(float(value)) if isinstance(value, float) else str(value)


def _own_models(run: RunData) -> Html:
    rows: list[list[Cell]] = []
    if run.best:
        best = run.best
        # The export writes its measurement into best.json too; one measurement is not shown as two.
        exported = run.card.latency.measured_ms if run.card else None
        measured = None if best.measured_ms == exported else best.measured_ms
        rows.append(
            [
                "winner (search)",
                run.config.device,
                *_times(best.predicted_ms, best.interval_ms, measured, _remark(best.source, run)),
            ]
        )
    if run.card:
        own = run.card.latency
        times = _times(
            own.predicted_ms, own.interval_ms, own.measured_ms, _remark(own.source, run), own.spread
        )
        rows.append([f"exported {own.kind}", own.device, *times])
    header = [
        "network",
        "device",
        "predicted",
        "90% interval",
        run.source,
        "spread",
        "error of the prediction",
    ]
    title = f"Predicted and {run.source} latency of the winner"
    parts = [table(title, header, rows, text_columns=2)] if rows else []
    if run.card is None:
        parts.append(missing(f"No exported model was {run.source} yet.", "export", run))
    elif run.card.latency.error:
        what = "simulation" if run.card.latency.source == SIMULATED else "measurement"
        parts.append(note(f"The {what} failed: {run.card.latency.error}"))
    if run.card and run.card.latency.in_domain is False:
        parts.append(note("The exported network lies outside what the predictor was fitted on."))
    return join(parts)


def _remark(source: str | None, run: RunData) -> str:
    """How a latency came about, where the column's title does not say it of all."""
    return f" ({source})" if source and source != run.source else ""


def _times(
    predicted: float | None,
    bounds: tuple[float, float] | None,
    measured: float | None,
    remark: str,
    spread: float | None = None,
) -> list[Cell]:
    error: str | None = None
    if predicted is not None and measured:
        error = relative_error(predicted, measured)
        if bounds:
            error += " (inside)" if bounds[0] <= measured <= bounds[1] else " (outside the interval)"
    return [
        ms(predicted),
        interval(*bounds) if bounds else None,
        f"{ms(measured)}{remark if measured is not None else ''}",
        f"{100 * spread:.1f}%" if spread is not None else None,
        error,
    ]


def operator_share(operators: Sequence[OperatorTime]) -> Html | None:
    """One bar with the share of each operator type in the predicted time, else in that on the device."""
    source, times = operator_times(operators)
    sums: dict[str, float] = defaultdict(float)
    for operator, time in zip(operators, times, strict=True):
        sums[operator.type or "unnamed"] += time
    total = sum(sums.values())
    if not total:
        return None
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    groups = ordered[: _SHARE_CLASSES - 1]
    rest = sum(time for _, time in ordered[_SHARE_CLASSES - 1 :])
    if rest:
        groups.append(("others", rest))
    bars, keys, x = [], [], 0.0
    for place, (name, time) in enumerate(groups):
        width = 100 * time / total
        bars.append(tag("rect", x=x, y=0, width=width, height=10, class_=f"share-{place}"))
        swatch = tag("span", class_=f"swatch share-{place}", aria_hidden="true")
        keys.append(tag("li", swatch, f"{name} ", tag("b", f"{width:.0f}%"), f" {ms(time)}"))
        x += width
    title = f"Share of the {source} latency per operator type"
    drawing = tag(
        "svg",
        tag("title", title),
        *bars,
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="stack",
        role="img",
    )
    return tag("div", tag("h3", title), drawing, tag("ul", *keys, class_="legend"))


def operators_section(run: RunData) -> Html:
    """The slowest operators as bars; all of them, in execution order, folded away."""
    if run.card is None:
        return missing("Times per operator come with the exported model.", "export", run)
    operators = run.card.operators
    if not operators:
        return missing("The model card holds no times per operator.", "export", run)
    source, times = operator_times(operators)
    order = sorted(range(len(operators)), key=lambda place: -times[place])
    top = [operators[place] for place in order[:_MOST_BARS]]
    rest = order[_MOST_BARS:]
    full = max(max(o.predicted_ms or 0.0, o.measured_ms or 0.0) for o in operators)
    heading = (
        f"The {len(top)} slowest of {len(operators)} operators" if rest else "All operators, slowest first"
    )
    checked = run.card.latency.source or run.source
    header: list[Cell] = [
        "operator",
        f"latency (upper bar predicted, lower bar {checked})",
        "predicted",
        checked,
    ]
    rows: list[list[Cell]] = [
        [f"{o.index} {o.type}", _bar(o, full), ms(o.predicted_ms), ms(o.measured_ms)] for o in top
    ]
    parts = [operator_share(operators), table(heading, header, rows, text_columns=2)]
    if rest:
        remaining = sum(times[place] for place in rest)
        parts.append(note(f"The other {len(rest)} operators take {ms(remaining)} together ({source})."))
        every = [
            [f"{o.index} {o.type}", ms(o.predicted_ms), ms(o.measured_ms)] for o in operators[:_MOST_ROWS]
        ]
        inner = table("Operators in execution order", ["operator", "predicted", checked], every)
        parts.append(tag("details", tag("summary", "All operators in execution order"), inner))
    return join(parts)


def _bar(operator: OperatorTime, full_ms: float) -> Html:
    bars = []
    for y, value, kind in ((1, operator.predicted_ms, "predicted"), (7, operator.measured_ms, "measured")):
        if value is not None and full_ms > 0:
            bars.append(
                tag("rect", x=0, y=y, width=max(100 * value / full_ms, 0.4), height=5, class_=f"bar-{kind}")
            )
    return tag(
        "svg", *bars, viewBox="0 0 100 13", preserveAspectRatio="none", class_="bar", aria_hidden="true"
    )
